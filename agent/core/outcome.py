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
    SILENCE = "silence"
    CONDITION = "condition"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word on an attempt before its files are stored."""

    outcome: Outcome
    reason: str
    exit_code: int | None = None
    built: Built | None = None
    events: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Bounds:
    """What ends a command that would go on. In seconds: `time` since its start, `silence` since its last output."""

    time: float | None = None
    silence: float | None = None
    condition: str | None = None
    """An expression over its metadata (`schemas/conditions.py`)."""


def why(asked: Asked, bounds: Bounds) -> str:
    """Why the agent ends a command, for its log."""
    match asked:
        case Asked.NOTHING:
            return ""
        case Asked.STOP:
            return "stopped on request"
        case Asked.LIMIT:
            return f"the time limit of {duration(bounds.time or 0)} has passed"
        case Asked.SILENCE:
            return f"nothing was printed for {duration(bounds.silence or 0)}, the no-output-timeout"
        case Asked.CONDITION:
            return f"the stop condition holds: {bounds.condition}"


def decide(ended: Ended, asked: Asked, seconds: float, bounds: Bounds) -> Verdict:
    """The verdict on a command that ran `seconds` and ended. Downstream nodes run after a stop condition, so it is complete."""
    note = f": {ended.note}" if ended.note else ""
    code, after = ended.exit_code, f"after {duration(seconds)}"
    match asked:
        case Asked.STOP:
            return Verdict("stopped", f"stopped on request {after}", code)
        case Asked.LIMIT:
            return Verdict("error", f"the time limit of {duration(bounds.time or seconds)} ended it", code)
        case Asked.SILENCE:
            silence = duration(bounds.silence or 0)
            return Verdict("error", f"the no-output-timeout of {silence} ended it {after}", code)
        case Asked.CONDITION:
            return Verdict("complete", f"complete {after}: the stop condition {bounds.condition} held", code)
        case Asked.NOTHING:
            pass
    if code is None:
        return Verdict("interrupted", f"it vanished while it ran{note}")
    if code == 0:
        return Verdict("complete", f"complete {after}", 0)
    return Verdict("error", f"exit code {code} {after}{note}", code)


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
