"""What a task does next: one pure function over its plan and its children. And which child is the best, in words too.

A child is an execution of the task. It has failed when it ended in error, crashed, or was stopped by somebody; one that
the task itself stops has not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.core.gate import figure
from schemas.conditions import holds
from schemas.ranking import counts, number, score
from schemas.repo_config import Expectation
from schemas.states import FINAL_EXECUTION, ExecutionState, TaskState

AT_ONCE = 50
"""Children that one turn starts: a turn stays short, the next one follows at once."""

_GOALS = {">=": "max", ">": "max", "<=": "min", "<": "min"}
_ENDS = {"complete": TaskState.COMPLETE, "error": TaskState.ERROR, "stopped": TaskState.STOPPED}


@dataclass(frozen=True, slots=True)
class Child:
    """An execution of the task. `place` is its place in the plan's sets; `metadata` the last value of every key."""

    place: int
    state: ExecutionState
    number: int = 0
    id: str = ""
    reason: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        return self.state not in FINAL_EXECUTION


@dataclass(frozen=True, slots=True)
class Turn:
    """What to do now. `ask`: a Bayesian task needs its next round first. `end` is its final state, None while it goes on."""

    start: tuple[int, ...] = ()
    stop: tuple[Child, ...] = ()
    ask: bool = False
    ending: Mapping[str, Any] | None = None
    end: TaskState | None = None


def progress(plan: Mapping[str, Any], children: Sequence[Child]) -> Turn:
    """Decide from plan and children alone. Performing the answer and asking again gives an empty answer."""
    running = [child for child in children if child.open]
    ending = plan["ending"] or _reason_to_end(plan, children)
    if ending is not None:
        stop = tuple(child for child in running if child.state is not ExecutionState.STOPPING)
        return Turn(stop=stop, ending=ending, end=None if running else _ENDS[ending["state"]])
    begun = {child.place for child in children}
    waiting = [place for place in range(len(plan["sets"])) if place not in begun]
    if not waiting and not running:
        if len(plan["sets"]) < plan["count"]:
            return Turn(ask=True)
        broken = any(child.state is not ExecutionState.COMPLETE for child in children)
        tolerant = plan["on_child_error"] == "continue-and-complete"
        return Turn(end=TaskState.ERROR if broken and not tolerant else TaskState.COMPLETE)
    room = AT_ONCE if plan["limit"] is None else max(0, plan["limit"] - len(running))
    return Turn(start=tuple(waiting[: min(room, AT_ONCE)]))


def _reason_to_end(plan: Mapping[str, Any], children: Sequence[Child]) -> dict[str, Any] | None:
    condition = plan["stop_condition"]
    if condition:
        met = next((child for child in children if holds(condition, child.metadata, child.parameters)), None)
        if met is not None:
            return ending("complete", f"stopped by its condition, {condition}, at #{met.number}")
    if plan["on_child_error"] == "stop-all-and-error":
        failed = next((c for c in children if not c.open and c.state is not ExecutionState.COMPLETE), None)
        if failed is not None:
            what = "was stopped" if failed.state is ExecutionState.STOPPED else "failed"
            return ending("error", f"#{failed.number}{_with(plan, failed)} {what}: {failed.reason}")
    return None


def ending(state: str, reason: str, fault: bool = False) -> dict[str, Any]:
    """What a task comes to once its executions have ended. `fault`: not a job failed, but what was asked cannot be done."""
    return {"state": state, "reason": reason, "fault": fault}


def rank_of(expectation: Expectation) -> dict[str, Any] | None:
    """By what the best child is found for an expectation; None where neither more nor less is better."""
    goal = _GOALS.get(expectation.operator)
    return {"metric": expectation.metric, "goal": goal, "value": None} if goal else None


def eligible(plan: Mapping[str, Any], children: Sequence[Child]) -> list[Child]:
    """Children whose numbers count: complete ones, and where the task's own condition ended it, those that it stopped."""
    return [child for child in children if counts(plan["ending"], child.state)]


def best(
    plan: Mapping[str, Any], children: Sequence[Child], rank: Mapping[str, Any] | None = None
) -> Child | None:
    """The best child by `rank` (the plan's own without one); of equals the first. None when none has a number."""
    rank = rank or plan["rank"]
    if rank is None:
        return None
    scored = [(score(rank, child.metadata), child) for child in eligible(plan, children)]
    found = [(value, child) for value, child in scored if value is not None]
    return max(found, key=lambda pair: (pair[0], -pair[1].place))[1] if found else None


def words(title: str, plan: Mapping[str, Any], children: Sequence[Child], final: bool) -> str:
    """`!2 sweep: 12 of 12 complete, best #31 accuracy 0.93 with lr 0.1`. `title` is `!2 sweep`."""
    states = [child.state for child in children]
    complete = states.count(ExecutionState.COMPLETE)
    failed = states.count(ExecutionState.ERROR) + states.count(ExecutionState.CRASHED)
    counts = [
        f"{complete} of {plan['count']} complete",
        _counted(failed, "failed"),
        _counted(states.count(ExecutionState.STOPPED), "stopped"),
        _counted(states.count(ExecutionState.STARTED), "running"),
        _counted(states.count(ExecutionState.STOPPING), "stopping"),
        _counted(states.count(ExecutionState.QUEUED) + states.count(ExecutionState.CREATED), "queued"),
    ]
    top = best(plan, children)
    if top is not None:
        value = number(top.metadata[plan["rank"]["metric"]])
        so_far = "" if final else " so far"
        assert value is not None
        counts.append(f"best{so_far} #{top.number} {plan['rank']['metric']} {shown(value)}{_with(plan, top)}")
    why = f"{plan['ending']['reason']}; " if plan["ending"] else ""
    return f"{title}: {why}{', '.join(filter(None, counts))}"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count else ""


def _with(plan: Mapping[str, Any], child: Child) -> str:
    """` with lr 0.1, batch 16`: what makes this child differ from the others."""
    own = plan["sets"][child.place] if child.place < len(plan["sets"]) else {}
    pairs = [f"{name} {shown(own[name])}" for name in plan["names"] if name in own]
    return f" with {', '.join(pairs[:4])}" if pairs else ""


def shown(value: Any) -> str:
    """A value as a sentence has it: four digits that count, at most 40 characters."""
    if isinstance(value, float):
        return figure(value) if value == 0 or 0.01 <= abs(value) < 1e6 else f"{value:.4g}"
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"
