"""By what the best execution of a task is found: the controller judges by it, pages sort by it.

A rank is `{metric, goal, value}`: the most (`max`), the least (`min`), or the nearest to `value` (`near`).
"""

import math
from collections.abc import Mapping
from typing import Any


def number(value: Any) -> float | None:
    """A finite number, also from text as programs print it; None for anything else (NaN too)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def score(rank: Mapping[str, Any], metadata: Mapping[str, Any]) -> float | None:
    """How good: higher is better. None without a number for the metric."""
    value = number(metadata.get(rank["metric"]))
    if value is None:
        return None
    if rank["goal"] == "near":
        return -abs(value - float(rank["value"]))
    return value if rank["goal"] == "max" else -value


def counts(ending: Mapping[str, Any] | None, state: str) -> bool:
    """Whether an execution in this state can be the best: a complete one can.

    Where the task's own condition ended it, so that `ending` is complete, one that it stopped can too: it may be the reason.
    """
    return state == "complete" or (
        state == "stopped" and ending is not None and ending["state"] == "complete"
    )
