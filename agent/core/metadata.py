"""Metadata of an attempt: the totals are the last value of every key that its lines said (`schemas.metadata`)."""

import json

from schemas.codec import Json

MAX_KEYS = 10_000
MAX_BYTES = 4 * 1024 * 1024
"""Of all totals as JSON: a result is read whole by the controller."""


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
