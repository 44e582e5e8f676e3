"""Actions of nodes: what `when`, `if` and `then` of a node say about what just happened to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from controller.core.pipelines.pipeline import Halt
from schemas.conditions import holds

When = Literal["node-starting", "node-complete", "node-error"]

APPROVAL = "require-approval"
_HALTS: dict[str, Literal["stopped", "error"]] = {"stop-pipeline": "stopped", "error-pipeline": "error"}
THENS = (*_HALTS, "noop", APPROVAL)
"""What an action can do. Another one is refused when the pipeline is created (contract, section 2.7)."""
HINT = f"Known: {', '.join(THENS)}; `{APPROVAL}` holds a node that is about to start."


@dataclass(frozen=True, slots=True)
class Said:
    """What the actions of one node want, at one moment."""

    halt: Halt | None = None
    approval: bool = False


def say(
    node: Any, when: When, metadata: Mapping[str, Any], parameters: Mapping[str, Any], approved: bool = False
) -> Said:
    """What a node's actions want now. All `if`s of an action must hold; of several halts the first one counts.

    An approval counts before a node starts only; a node that has one already is not held again.
    """
    halt, approval = None, False
    for action in node.actions or ():
        if when not in action.when or not all(holds(text, metadata, parameters) for text in action.if_):
            continue
        approval |= APPROVAL in action.then
        halts = (then for then in action.then if then in _HALTS)
        halt = halt or next((_halt(node.name, when, then, action.if_) for then in halts), None)
    return Said(halt, approval and when == "node-starting" and not approved)


def problem(node: Any) -> str:
    """What is wrong with a node's actions, so that they would be ignored; empty if nothing is."""
    for action in node.actions or ():
        strange = next((then for then in action.then if then not in THENS), None)
        if strange is not None:
            return f"has an action that wants `{strange}`"
        if APPROVAL in action.then and "node-starting" not in action.when:
            return f"wants `{APPROVAL}` at another time than `node-starting`"
    return ""


def _halt(name: str, when: str, then: str, conditions: Iterable[str]) -> Halt:
    why = " and ".join(conditions)
    return Halt(_HALTS[then], f"{name} says {then} at {when}{f': {why}' if why else ''}")
