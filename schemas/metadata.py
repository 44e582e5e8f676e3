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
