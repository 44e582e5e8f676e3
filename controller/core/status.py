"""State becomes what a forge shows: one context a trigger, four forge states, at most 140 characters of plain words."""

from typing import Literal

from controller.core import triggers
from schemas.states import RunState
from schemas.values import short

LIMIT = 140
OWN = ("tag", "schedule")
"""Events whose runs have a check of their own, with the word behind the name."""
ForgeState = Literal["pending", "success", "failure", "error"]

_STATES: dict[RunState, ForgeState] = {
    RunState.WAITING: "pending",
    RunState.RUNNING: "pending",
    RunState.SUCCESS: "success",
    RunState.FAILURE: "failure",
    RunState.ERROR: "error",
    RunState.NEUTRAL: "success",
    RunState.CANCELLED: "error",
}


def context(prefix: str, trigger: str, root: str = "", event: str = "") -> str:
    """`luotsi/train`; for a valohai.yaml in another folder `luotsi/models/eu:train`; of a schedule `luotsi/train (schedule)`.

    `event`: what asked for the run. All but tags and schedules share one check.
    """
    suffix = f" ({event})" if event in OWN else ""
    return (f"{prefix}/{root}:{trigger}" if root else f"{prefix}/{trigger}") + suffix


HELD = frozenset({triggers.FORK, triggers.UNTRUSTED})
"""Reasons of neutral runs that a person may still let begin: a required check must not count them as passed."""


def left_behind(head: str) -> str:
    """What is said of a commit that waits for approval and is no pull request's head any more, since `head` is."""
    return f"superseded by {short(head)}: only the head of a pull request can be approved"


def of_run(state: RunState, reason: str) -> tuple[ForgeState, str]:
    """Forge state and description of a run. Forges without "neutral" show success with the word in front."""
    if state is RunState.NEUTRAL and reason in HELD:
        return "pending", clip(reason)
    words = {RunState.NEUTRAL: "neutral: ", RunState.CANCELLED: "cancelled: "}.get(state, "")
    return _STATES[state], clip(words + reason)


def clip(text: str) -> str:
    """One line of at most 140 characters, as the narrowest forge takes it."""
    line = " ".join(text.split())
    return line if len(line) <= LIMIT else line[: LIMIT - 1] + "…"
