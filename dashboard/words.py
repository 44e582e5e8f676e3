"""How figures, times and names are spelt for people: with units, relative, and short. Pure."""

import math
from datetime import UTC, datetime

from schemas.values import short

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def exact(moment: datetime) -> str:
    """`2030-01-02 03:04:05 UTC`: what stands a hover away."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ago(moment: datetime, now: datetime) -> str:
    """`4 min ago`; the date itself when that is more than a month away."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 2:
        return "now"
    if abs(seconds) >= 30 * _DAY:
        return f"{moment.astimezone(UTC):%-d %b %Y}"
    words = _coarse(abs(seconds))
    return f"{words} ago" if seconds > 0 else f"in {words}"


def _coarse(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{int(seconds)} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < 2 * _DAY:
        return f"{int(seconds // _HOUR)} h"
    return f"{int(seconds // _DAY)} days"


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


def between(start: datetime | None, end: datetime | None, now: datetime) -> str:
    """How long something took, or has taken by now. Empty when it has not begun."""
    return "" if start is None else duration(((end or now) - start).total_seconds())


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


def number(value: object) -> float | None:
    """A finite number, None for everything else (booleans and NaN too)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def branch(ref: str) -> str:
    """A ref as people say it: `main`, `tag v1.0`."""
    if ref.startswith("refs/tags/"):
        return "tag " + ref.removeprefix("refs/tags/")
    return ref.removeprefix("refs/heads/")


def plural(count: int, one: str, many: str = "") -> str:
    """`1 run`, `3 runs`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def digest(text: str) -> str:
    """A digest in its short form, with its kind where that is not sha256."""
    kind, colon, rest = text.partition(":")
    if not colon:
        return short(text)
    return short(text) if kind == "sha256" else f"{kind}:{rest[:7]}"
