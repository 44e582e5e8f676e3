"""What an attempt's end means: the outcome, and a sentence for people."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from agent.runtimes.port import Ended
from schemas.messages.result import Built

Outcome = Literal["complete", "error", "stopped", "interrupted"]
KILLED = 137


class Asked(StrEnum):
    """Why the agent ended a command itself."""

    NOTHING = ""
    STOP = "stop"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word on an attempt before its files are stored."""

    outcome: Outcome
    reason: str
    exit_code: int | None = None
    built: Built | None = None
    events: tuple[str, ...] = field(default=())


def decide(ended: Ended, asked: Asked, seconds: float, limit: float | None) -> Verdict:
    """The verdict on a command that ran `seconds` and ended. `limit`: the time limit in seconds, if there was one."""
    note = f": {ended.note}" if ended.note else ""
    if asked is Asked.STOP:
        return Verdict("stopped", f"stopped on request after {duration(seconds)}", ended.exit_code)
    if asked is Asked.LIMIT:
        words = f"the time limit of {duration(limit or seconds)} ended it"
        return Verdict("error", words, ended.exit_code)
    if ended.exit_code is None:
        return Verdict("interrupted", f"it vanished while it ran{note}")
    if ended.exit_code == 0:
        return Verdict("complete", f"complete after {duration(seconds)}", 0)
    return Verdict("error", f"exit code {ended.exit_code} after {duration(seconds)}{note}", ended.exit_code)


def store_failed(verdict: Verdict, trouble: str) -> Verdict:
    """The verdict when outputs could not be stored. An outcome that was bad already keeps its own reason."""
    if verdict.outcome != "complete":
        return Verdict(
            verdict.outcome, verdict.reason, verdict.exit_code, verdict.built, (*verdict.events, trouble)
        )
    return Verdict("error", trouble, verdict.exit_code, None, verdict.events)


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 5 s`, `2 h 0 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds % 1 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
