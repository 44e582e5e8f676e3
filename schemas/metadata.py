"""Metadata lines: one JSON object on one line of stdout (contract 5.7). Agent and controller read them alike."""

import json
from typing import Any

LONGEST = 1_000_000
"""Characters of a line that is tried as metadata; a longer one is only log."""


def metadata_of(line: str) -> dict[str, Any]:
    """The keys and values of a metadata line; empty for any other line. NaN and infinities become None."""
    text = line.strip()
    if not text.startswith("{") or not text.endswith("}") or len(text) > LONGEST:
        return {}
    try:
        value = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


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
