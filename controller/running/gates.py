"""Ends a run: what its executions came to, what the gate says, and the sentence for the check."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection

from controller.core import base_file
from controller.core import gate as core_gate
from controller.core.gate import Base, Gate, Question
from controller.core.pipelines import pipeline as core_pipeline
from controller.core.pipelines.pipeline_words import BUT
from controller.core.tasks import sweep
from controller.core.tasks.sweep import Child
from controller.ports import Ports
from controller.running import tasks, words
from controller.running.scene import Scene, finish
from controller.watching import observe
from ledger import executions, observations, repositories, runs
from ledger import tasks as task_rows
from ledger.executions import ExecutionRow
from ledger.runs import RunRow
from ledger.tasks import TaskRow
from schemas.codec import to_json
from schemas.errors import LuotsiError
from schemas.repo_config import Expectation, Trigger
from schemas.states import ExecutionState, RunState, TaskState
from schemas.values import Sha

BASE_DEPTH = 50
"""Commits that are looked at for a base (design, section 6)."""
NOT_REQUIRED = "not required, and failed: "
"""How the reason of a neutral run begins that ran and failed."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a run is made of: executions by node (or step), and tasks by node (or name) with their children."""

    by_node: Mapping[str, ExecutionRow]
    sweeps: Mapping[str, tuple[TaskRow, Sequence[Child]]]


@dataclass(frozen=True, slots=True)
class Earlier:
    """The run that is compared with: its commit, what it was made of, and which of that is its final node."""

    sha: str
    work: Work
    final: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What a complete pipeline says beside what its executions came to: what serves now, what ended badly all the same."""

    serves: Sequence[str] = ()
    marred: Sequence[str] = ()


ALONE = Beside()


def end(
    ports: Ports,
    scene: Scene,
    outcome: str,
    by_node: dict[str, ExecutionRow],
    why: str = "",
    task: TaskRow | None = None,
    beside: Beside = ALONE,
) -> bool:
    """End the run of a scene with what its executions came to. `task` is the one that the trigger itself names."""
    sweeps = {row.node: row for row in scene.tasks if row.node is not None}
    found = [task] if task is not None else list(sweeps.values())
    work = Work(by_node, {_key(row): (row, tasks.children_of(row, scene.executions)) for row in found})
    state, reason, gate = _conclude(ports, scene.run, scene.trigger, outcome, work, why)
    if task is not None and gate is not None:
        gate = replace(gate, summary=_with_task(gate, task))
        reason = gate.summary
    marred = [each for each in (*beside.marred, *_half(work)) if each not in reason]
    said = [f"{BUT}{each}" for each in marred] if state is RunState.SUCCESS else list(marred)
    if gate is not None and gate.summary:
        gate = replace(gate, summary="; ".join([gate.summary, *said]))
    reason = "; ".join([reason, *said, *(beside.serves if state is RunState.SUCCESS else ())])
    reason = words.with_reuse(reason, by_node.values())
    return finish(ports, scene.run, *_required(scene, state, reason), to_json(gate) if gate else None)


def fail(ports: Ports, scene: Scene, state: RunState, reason: str) -> bool:
    """End the run of a scene in a state that is not success, with the words of what it was made of."""
    return finish(ports, scene.run, *_required(scene, state, reason))


def _key(task: TaskRow) -> str:
    return task.node or task.name


def _with_task(gate: Gate, task: TaskRow) -> str:
    """The gate's sentence with the task's: that one says the best already, so a gate without news adds nothing."""
    if not gate.passed:
        return f"{gate.summary}; {task.reason}"
    return task.reason if gate.base_sha is None else f"{task.reason}; {gate.summary}"


def _conclude(
    ports: Ports, run: RunRow, trigger: Trigger, outcome: str, work: Work, why: str
) -> tuple[RunState, str, Gate | None]:
    """State, sentence and gate of a run whose executions have ended."""
    if outcome != "complete":
        return (*_broken(outcome, work, why), None)
    kept = [each for each in base_file.of_rule(run.rule) if each.expect]
    if not trigger.expect and not kept:
        return RunState.SUCCESS, _words(work), None
    base = _base(ports, run)
    with ports.ledger.read() as connection:
        final = _final_node(connection, run, work)

    def judge(expected: Iterable[Expectation], base_required: bool, by: str) -> Gate:
        questions = [_question(expectation, final, work, base) for expectation in expected]
        return core_gate.judge_each(questions, final, base_required, by)

    answer = core_gate.together(
        [
            judge(trigger.expect, trigger.base_required, ""),
            *(
                judge(base_file.expectations(each, trigger.target), each.base_required, each.branch)
                for each in kept
            ),
        ]
    )
    if answer.passed:
        return RunState.SUCCESS, answer.summary or _words(work), answer
    return RunState.FAILURE, answer.summary, answer


def _question(expectation: Expectation, final: str, work: Work, base: Earlier | None) -> Question:
    """An expectation with the values that it is about: of a task, those of its best execution, then as now."""
    before = None
    if base is not None:
        before = Base(base.sha, _values(expectation, base.work, lambda node, values: False), base.final)

    def passes(node: str, values: Mapping[str, Any]) -> bool:
        asked = [(expectation, {node: values}, before)]
        return core_gate.judge_each(asked, final, base_required=False).passed

    return expectation, _values(expectation, work, passes), before


def _values(
    expectation: Expectation, work: Work, passes: Callable[[str, Mapping[str, Any]], bool]
) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {name: row.metadata for name, row in work.by_node.items()}
    for name, (task, children) in work.sweeps.items():
        best = _best(expectation, task, children, partial(passes, name))
        found[name] = best.metadata if best is not None else {}
    return found


def _best(
    expectation: Expectation,
    task: TaskRow,
    children: Sequence[Child],
    passes: Callable[[Mapping[str, Any]], bool],
) -> Child | None:
    """By the task's own target; else by the expectation's metric; for `==` and `!=` one that passes, if any does."""
    rank = None if task.plan["target"] else sweep.rank_of(expectation)
    if rank is not None or task.plan["target"]:
        return sweep.best(task.plan, children, rank)
    those = sweep.eligible(task.plan, children)
    return next((child for child in those if passes(child.metadata)), those[0] if those else None)


def _required(scene: Scene, state: RunState, reason: str) -> tuple[RunState, str]:
    if scene.trigger.required or state is not RunState.FAILURE:
        return state, reason
    by = next((each.branch for each in base_file.of_rule(scene.run.rule) if each.required), None)
    if by is not None:
        # A gate that failed by what it is held to says so already.
        told = core_gate.NOT_HERE in reason
        return state, reason if told else f"{reason}; {by} requires it to pass{core_gate.NOT_HERE}"
    return RunState.NEUTRAL, f"{NOT_REQUIRED}{reason}"


def _broken(outcome: str, work: Work, why: str) -> tuple[RunState, str]:
    rows = list(work.by_node.values())
    crashed = next((row for row in rows if row.state is ExecutionState.CRASHED), None)
    if crashed is not None:
        return RunState.ERROR, f"{words.title(crashed)}: {crashed.reason}"
    failed = next((row for row in rows if row.state is ExecutionState.ERROR), None)
    if failed is not None:
        return RunState.FAILURE, f"{words.title(failed)} failed: {failed.reason}"
    broken = next((pair for pair in work.sweeps.values() if pair[0].state is TaskState.ERROR), None)
    if broken is not None:
        return _broken_task(*broken)
    if why and outcome != "stopped":
        return RunState.FAILURE, why
    stopped = next((row for row in rows if row.state is ExecutionState.STOPPED), None)
    if stopped is not None:
        why = why or f"{words.title(stopped)}: {stopped.reason}"
    return RunState.CANCELLED, why or f"ended as {outcome}"


def _broken_task(task: TaskRow, children: Sequence[Child]) -> tuple[RunState, str]:
    """A fault of ours, or the infrastructure's alone, is an error; a job that failed is a failure."""
    states = {child.state for child in children}
    fault = bool(task.plan["ending"] and task.plan["ending"]["fault"])
    ours = fault or (ExecutionState.CRASHED in states and ExecutionState.ERROR not in states)
    return RunState.ERROR if ours else RunState.FAILURE, task.reason


def _words(work: Work) -> str:
    found = [task for task, _ in work.sweeps.values() if task.state is TaskState.COMPLETE]
    if not work.by_node and not found:
        return "nothing of it is complete"
    if not work.by_node:
        return "; ".join(task.reason for task in found)
    return words.complete(work.by_node.values(), [f"!{task.number} {_key(task)}" for task in found])


def _half(work: Work) -> list[str]:
    """The sentences of tasks that are complete though some of their executions are not: they have the counts."""
    return [
        task.reason
        for task, children in work.sweeps.values()
        if task.state is TaskState.COMPLETE and len(sweep.eligible(task.plan, children)) < len(children)
    ]


def _final_node(connection: Connection, run: RunRow, work: Work) -> str:
    pipeline = runs.pipeline_of(connection, run)
    if pipeline is None:
        return next(reversed([*work.by_node, *work.sweeps]))
    return next(reversed(core_pipeline.metric_nodes(pipeline.graph)), "")


def _base(ports: Ports, run: RunRow) -> Earlier | None:
    """The nearest commit, from the ref's previous head back, with a trusted run of this trigger that is complete."""
    with ports.ledger.read() as connection:
        repository = repositories.by_id(connection, run.repository_id)
        heads = observations.heads(connection, run.repository_id)
    mirror = observe.mirror_of(ports, repository)
    try:
        start = run.before
        if start is None:
            main = heads.get(f"refs/heads/{repository.default_branch}")
            start = mirror.merge_base(Sha(main), Sha(run.sha)) if main else None
        ancestors = mirror.ancestors(Sha(start), BASE_DEPTH) if start else []
    except LuotsiError:
        return None
    order = {sha: place for place, sha in enumerate(ancestors) if sha != run.sha}
    with ports.ledger.read() as connection:
        found = [row for row in runs.bases(connection, run, list(order)) if row.id != run.id]
        for row in sorted(found, key=lambda row: order[Sha(row.sha)]):
            work = _complete(connection, row)
            if work is not None:
                return Earlier(row.sha, work, _final_node(connection, row, work))
    return None


def _complete(connection: Connection, run: RunRow) -> Work | None:
    """What a run is made of, if its pipeline, its task or its executions are complete: its numbers can be compared with."""
    rows = executions.of_run(connection, run.id, run.round)
    sweeps = task_rows.of_run(connection, run.id, run.round)
    by_node = {row.node or row.step: row for row in rows if row.task_id is None}
    pipeline = runs.pipeline_of(connection, run)
    if pipeline is not None:
        whole = pipeline.state == "complete"
    else:
        whole = all(row.state is ExecutionState.COMPLETE for row in by_node.values())
        whole = whole and all(task.state is TaskState.COMPLETE for task in sweeps)
    if not whole or not rows:
        return None
    return Work(by_node, {_key(task): (task, tasks.children_of(task, rows)) for task in sweeps})
