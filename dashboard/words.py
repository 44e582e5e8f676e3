"""How times, figures and names are spelt on pages: with units, relative, and short. What checks share is in `schemas.words`. Pure."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ledger.pages.registry import PromotionLine
from schemas.values import short
from schemas.words import asked, branch, change, duration, figure, plural, size

__all__ = [
    "ago",
    "asked",
    "between",
    "beyond",
    "branch",
    "change",
    "digest",
    "duration",
    "exact",
    "figure",
    "in_root",
    "more",
    "number",
    "plural",
    "resources",
    "size",
]

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


def between(start: datetime | None, end: datetime | None, now: datetime) -> str:
    """How long something took, or has taken by now. Empty when it has not begun."""
    return "" if start is None else duration(((end or now) - start).total_seconds())


def number(value: object) -> float | None:
    """A finite number, None for everything else (booleans and NaN too)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def beyond(reason: str) -> str:
    """What a reason adds to `complete after 4 s`, which the state and the time beside it say already."""
    head, _, more = reason.partition(": ")
    return more if head.startswith("complete after ") else reason


def more(promotion: PromotionLine) -> str:
    """What its reason adds to `wine v0.1.0 serves prod`, which stands beside it already."""
    said = f"{promotion.model} {promotion.version} serves {promotion.stage}."
    return promotion.reason.removeprefix(said).strip()


def resources(wanted: Mapping[str, Any]) -> str:
    """What a container needs and may use: `2 to 4 CPUs, at most 8192 MB of memory, 1 nvidia.com/gpu`."""
    devices = wanted.get("devices")
    parts = [
        _range(wanted.get("cpu_min"), wanted.get("cpu_max"), "CPUs"),
        _range(wanted.get("memory_min"), wanted.get("memory_max"), "MB of memory"),
        *(f"{count} {name}" for name, count in (devices if isinstance(devices, Mapping) else {}).items()),
    ]
    return ", ".join(part for part in parts if part)


def _range(least: object, most: object, unit: str) -> str:
    if least and most:
        return f"{figure(least)} to {figure(most)} {unit}"
    if least or most:
        return f"at {'least' if least else 'most'} {figure(least or most)} {unit}"
    return ""


def in_root(repository: str, root: str) -> str:
    """A project as people say it: the repository, and the folder of its valohai.yaml unless that is the top."""
    return f"{repository}/{root}" if root else repository


def digest(text: str) -> str:
    """A digest in its short form, with its kind where that is not sha256."""
    kind, colon, rest = text.partition(":")
    if not colon:
        return short(text)
    return short(text) if kind == "sha256" else f"{kind}:{rest[:7]}"
