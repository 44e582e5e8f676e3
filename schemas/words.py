"""How figures, times, sizes and events are spelt for people, in checks and on pages alike: with units, and short. Pure."""

import math
from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def sentence(text: str) -> str:
    """The text with a full stop, unless it has an end already. A colon counts: what follows is its end."""
    return text if not text or text.endswith((".", "!", "?", ":")) else f"{text}."


def duration(seconds: float) -> str:
    """`0.8 s`, `14 s`, `4 min 12 s`, `2 h 5 min`, `3 days 4 h`: two units at most."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    days = whole // _DAY
    return f"{days} day{'s' if days > 1 else ''} {whole % _DAY // _HOUR} h"


def size(count: int) -> str:
    """`812 bytes`, `1.2 kB`, `3.4 MB`: decimal units."""
    if count < 1000:
        return f"{count} byte{'' if count == 1 else 's'}"
    amount = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 999.5:
            return f"{amount:.1f} {unit}" if amount < 99.5 else f"{amount:.0f} {unit}"
    return f"{amount / 1000:.1f} PB"


def figure(value: object) -> str:
    """A number as people read it, at most four digits after the point; everything else as text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**15 else _scientific(value)
    if not math.isfinite(value):
        return {math.inf: "infinite", -math.inf: "-infinite"}.get(value, "not a number")
    if value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e6):
        return f"{value:.4g}"
    return f"{value:.4f}".rstrip("0").rstrip(".") or "0"


def _scientific(value: int) -> str:
    """Also for integers that no float holds."""
    digits = str(abs(value))
    return f"{'-' if value < 0 else ''}{digits[0]}.{digits[1:4]}e+{len(digits) - 1}"


def change(value: float, base: float) -> str:
    """`+0.011`, `-3`, `±0`: from base to value."""
    difference = value - base
    if not math.isfinite(difference):
        return ""
    text = figure(abs(difference))
    return "±0" if text == "0" else ("+" if difference > 0 else "−") + text


def branch(ref: str) -> str:
    """A ref as people say it: `main`, `tag v1.0`."""
    if ref.startswith("refs/tags/"):
        return "tag " + ref.removeprefix("refs/tags/")
    return ref.removeprefix("refs/heads/")


def plural(count: int, one: str, many: str = "") -> str:
    """`1 run`, `3 runs`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def asked(event: str, ref: str, pull_request: int | None, occurrence: str) -> str:
    """What asked for a run: `push to main`, `pull request 7`, `tag v1.0`, `schedule of 2030-01-02 03:00 UTC`."""
    where = branch(ref)
    if event == "push":
        return f"push to {where}"
    if event == "tag":
        return where if where.startswith("tag ") else f"tag {where}"
    if event == "schedule":
        return f"schedule of {_fire(occurrence)} on {where}" if occurrence else f"schedule on {where}"
    of = "a pull request" if pull_request is None else f"pull request {pull_request}"
    if event == "pull-request":
        return of.removeprefix("a ")
    if event == "comment":
        return f"comment on {of}"
    return f"{event.replace('-', ' ')} on {where}"


def _fire(occurrence: str) -> str:
    """A schedule's fire time as the ledger keeps it, for people; as it is when it is no time."""
    try:
        fired = datetime.fromisoformat(occurrence)
    except ValueError:
        return occurrence
    return fired.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
