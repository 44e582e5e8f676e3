"""Bodies of deliveries: a recorded one of the same event, with everything that the state says written over it."""

import copy
import json
from pathlib import Path
from typing import Any

BY_STATE = frozenset({"installation", "organization", "enterprise"})
"""Fields that the state alone decides: they are there only where the state has them."""


class Recorded:
    """The recorded deliveries of `@octokit/webhooks-examples`."""

    def __init__(self, file: Path) -> None:
        self._bodies: dict[str, list[dict[str, Any]]] = {
            one["name"]: one["examples"] for one in json.loads(file.read_text())
        }

    def compose(self, event: str, action: str | None, parts: dict[str, Any]) -> dict[str, Any]:
        """A body of the event. Where no such action was recorded, another of the event gives the shape of what `parts` has."""
        bodies = self._bodies.get(event, [{}])
        same = [body for body in bodies if body.get("action") == action]
        example = (same or bodies)[0]
        kept = {
            key: value
            for key, value in example.items()
            if key in parts or (same and key not in BY_STATE and not _leads_away(value))
        }
        made = over(kept, parts)
        assert isinstance(made, dict)
        return made


def over(example: Any, state: Any) -> Any:
    """`state`, and what the example has beside it in objects, except addresses and names of the recording's own."""
    if not isinstance(example, dict) or not isinstance(state, dict):
        return copy.deepcopy(state)
    made = {key: over(example.get(key), value) for key, value in state.items()}
    extra = {
        key: value
        for key, value in example.items()
        if key not in state and key not in BY_STATE and not _leads_away(value)
    }
    return {**copy.deepcopy(extra), **made}


def _leads_away(value: Any) -> bool:
    """Whether a value of the recording is about its own repository or people."""
    return isinstance(value, dict | list) or (isinstance(value, str) and "://" in value)
