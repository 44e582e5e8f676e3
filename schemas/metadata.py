"""Metadata lines: one JSON object on one line of stdout (contract 5.7). Agent, controller and terminal read them alike.

Arrays and scalars are only log lines. Python prints NaN and Infinity, and numbers that no float holds, which JSON does
not have: they become null, and which of the line's own keys had one is kept beside the values.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.codec import Json

LONGEST = 1_000_000
"""Characters of a line that is tried as metadata; a longer one is only log."""


@dataclass(frozen=True, slots=True)
class Event:
    """What one line says. `unfinite`: key -> `nan`, `inf` or `-inf`, for those of its own values that are no number."""

    values: dict[str, Json]
    unfinite: Mapping[str, str] = field(default_factory=dict)


def event_of(line: str, longest: int = LONGEST) -> Event | None:
    """The event of a metadata line, None for any other line, and for one of more characters than `longest`."""
    text = line.strip()
    if not text.startswith("{") or not text.endswith("}") or len(text) > longest:
        return None
    met: list[float] = []

    def number(spelled: str) -> float:
        value = float(spelled)
        if not math.isfinite(value):
            met.append(value)
        return value

    try:
        value = json.loads(text, parse_constant=number, parse_float=number)
        if "\\ud" in text or "\\uD" in text:
            value = _whole(value)
        if not isinstance(value, dict):
            return None
        words = {key: repr(each) for key, each in value.items() if _is_unfinite(each)} if met else {}
        return Event(_finite(value) if met else value, words)
    except (ValueError, RecursionError):
        return None


def _is_unfinite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case list():
            return [_finite(item) for item in value]
        case dict():
            return {key: _finite(item) for key, item in value.items()}
        case _:
            return value


def _whole(value: Any) -> Any:
    """Halves of surrogate pairs, which UTF-8 cannot hold, become question marks."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list():
            return [_whole(item) for item in value]
        case dict():
            return {_whole(key): _whole(item) for key, item in value.items()}
        case _:
            return value


class Pieces:
    """Puts the pieces of long lines together again, as far as they may be metadata: its memory is bounded."""

    def __init__(self) -> None:
        self._begun: list[str] | None = None
        self._size = 0
        self._may_be = False

    @property
    def is_begun(self) -> bool:
        """Whether a line that may be metadata has begun and not ended."""
        return self._begun is not None and self._may_be

    def add(self, message: str, more: bool) -> str:
        """The whole line that this piece ends; empty while there is more, and for what cannot be metadata."""
        if self._begun is None:
            if not more:
                return message
            self._begun, self._size = [], 0
            self._may_be = message.lstrip().startswith("{")
        self._size += len(message)
        self._may_be = self._may_be and self._size <= LONGEST
        if self._may_be:
            self._begun.append(message)
        else:
            self._begun.clear()
        if more:
            return ""
        whole, self._begun = "".join(self._begun), None
        return whole
