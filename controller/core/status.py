"""State becomes what a forge shows: one context a trigger, four forge states, at most 140 characters of plain words."""

from typing import Literal

from schemas.states import RunState

LIMIT = 140
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


def context(prefix: str, trigger: str, root: str = "") -> str:
    """`luotsi/train`; for a valohai.yaml in another folder `luotsi/models/eu:train`."""
    return f"{prefix}/{root}:{trigger}" if root else f"{prefix}/{trigger}"


def of_run(state: RunState, reason: str) -> tuple[ForgeState, str]:
    """Forge state and description of a run. Forges without "neutral" show success with the word in front."""
    words = {RunState.NEUTRAL: "neutral: ", RunState.CANCELLED: "cancelled: "}.get(state, "")
    return _STATES[state], clip(words + reason)


def clip(text: str) -> str:
    """One line of at most 140 characters, as the narrowest forge takes it."""
    line = " ".join(text.split())
    return line if len(line) <= LIMIT else line[: LIMIT - 1] + "…"
