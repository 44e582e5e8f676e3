"""Every state that a thing can be in, and the one word by which people know it."""

from enum import StrEnum


class ExecutionState(StrEnum):
    """Valohai's words for an execution."""

    CREATED = "created"
    QUEUED = "queued"
    STARTED = "started"
    STOPPING = "stopping"
    COMPLETE = "complete"
    ERROR = "error"
    STOPPED = "stopped"
    CRASHED = "crashed"


class AttemptState(StrEnum):
    """One try on one agent. `lost` and `interrupted` are infrastructure's, the other final ones the job's own."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    RUNNING = "running"
    COMPLETE = "complete"
    ERROR = "error"
    STOPPED = "stopped"
    LOST = "lost"
    INTERRUPTED = "interrupted"


class RunState(StrEnum):
    """One firing of a trigger at a commit: one check."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    NEUTRAL = "neutral"
    CANCELLED = "cancelled"


class NodeState(StrEnum):
    """A node of a pipeline."""

    CREATED = "created"
    QUEUED = "queued"
    STARTED = "started"
    COMPLETE = "complete"
    ERROR = "error"
    STOPPED = "stopped"
    SKIPPED = "skipped"


class TaskState(StrEnum):
    """A task: one step run several times with different parameters."""

    CREATED = "created"
    STARTED = "started"
    STOPPING = "stopping"
    COMPLETE = "complete"
    ERROR = "error"
    STOPPED = "stopped"


class DeploymentState(StrEnum):
    """A deployment version on its way to serve."""

    BUILDING = "building"
    DEPLOYING = "deploying"
    SERVING = "serving"
    FAILED = "failed"
    RETIRED = "retired"


class PromotionState(StrEnum):
    """A version on its way to serve a stage."""

    WAITING = "waiting"
    BUILDING = "building"
    DEPLOYING = "deploying"
    SERVING = "serving"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class Word(StrEnum):
    """What people see: a word that the terminal, the check and the page share (with a shape and a colour each)."""

    CREATED = "created"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    NEUTRAL = "neutral"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


FINAL_EXECUTION = frozenset(
    {ExecutionState.COMPLETE, ExecutionState.ERROR, ExecutionState.STOPPED, ExecutionState.CRASHED}
)
LIVE_ATTEMPT = frozenset({AttemptState.WAITING, AttemptState.CLAIMED, AttemptState.RUNNING})
HELD_ATTEMPT = frozenset({AttemptState.CLAIMED, AttemptState.RUNNING})
FINAL_RUN = frozenset(
    {RunState.SUCCESS, RunState.FAILURE, RunState.ERROR, RunState.NEUTRAL, RunState.CANCELLED}
)
FINAL_TASK = frozenset({TaskState.COMPLETE, TaskState.ERROR, TaskState.STOPPED})
FINAL_NODE = frozenset({NodeState.COMPLETE, NodeState.ERROR, NodeState.STOPPED, NodeState.SKIPPED})

_WORDS: dict[str, Word] = {
    "created": Word.CREATED,
    "waiting": Word.QUEUED,
    "queued": Word.QUEUED,
    "claimed": Word.RUNNING,
    "started": Word.RUNNING,
    "running": Word.RUNNING,
    "stopping": Word.RUNNING,
    "building": Word.RUNNING,
    "deploying": Word.RUNNING,
    "complete": Word.SUCCESS,
    "success": Word.SUCCESS,
    "serving": Word.SUCCESS,
    "failure": Word.FAILURE,
    "failed": Word.FAILURE,
    "crashed": Word.ERROR,
    "stopped": Word.CANCELLED,
    "cancelled": Word.CANCELLED,
    "skipped": Word.NEUTRAL,
    "neutral": Word.NEUTRAL,
    "superseded": Word.NEUTRAL,
    "retired": Word.NEUTRAL,
    "lost": Word.INTERRUPTED,
    "interrupted": Word.INTERRUPTED,
}


def word(state: StrEnum) -> Word:
    """The word that people see for any state. An execution's `error` is the job's own failure; a run's is ours."""
    if state.value == "error":
        return Word.ERROR if isinstance(state, RunState) else Word.FAILURE
    return _WORDS[state.value]
