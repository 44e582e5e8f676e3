"""Metadata: a JSON object on one line of stdout. The totals are the last value of every key.

Python prints NaN and Infinity, which JSON does not have: they become null. Arrays and scalars are only log lines.
"""

import json
import math
from typing import Any

from schemas.codec import Json

MAX_KEYS = 10_000
MAX_BYTES = 4 * 1024 * 1024
"""Of all totals as JSON: a result is read whole by the controller."""


def parse(message: str) -> dict[str, Json] | None:
    """The object of a line, or None when the line is something else."""
    text = message.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        value = json.loads(text, parse_constant=_nothing, parse_float=_finite)
        if "\\ud" in text or "\\uD" in text:
            value = _whole(value)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class Totals:
    """The last value of every key, within limits. `dropped`: keys that no longer found room."""

    def __init__(self) -> None:
        self.values: dict[str, Json] = {}
        self.dropped: set[str] = set()
        self._sizes: dict[str, int] = {}
        self._bytes = 0

    def add(self, event: dict[str, Json]) -> None:
        """Take in one metadata event."""
        for key, value in event.items():
            size = len(key) + len(json.dumps(value))
            grown = self._bytes - self._sizes.get(key, 0) + size
            if grown > MAX_BYTES or (key not in self.values and len(self.values) >= MAX_KEYS):
                if len(self.dropped) < MAX_KEYS:
                    self.dropped.add(key)
                continue
            self.values[key] = value
            self._sizes[key], self._bytes = size, grown


def _nothing(_: str) -> None:
    return None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


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
