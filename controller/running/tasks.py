"""Tasks: one step several times. Starts their executions, as many as may run, and ends them.

What to do is decided in `core/sweep`; here it is performed, each change in one transaction. A task's row holds its whole
plan, so a turn needs nothing that an earlier one knew, and a turn that looked at an older row changes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from controller.core.given import given_of
from controller.core.pipelines.edges import Finished
from controller.core.plan import Given, Planned, plan_step
from controller.core.tasks import expand, optimise, sweep
from controller.core.tasks.sweep import Child, Turn
from controller.ports import Environment, Ports
from controller.reporting import statuses
from controller.running import scene as scene_of
from controller.running import starting
from controller.running.scene import Scene
from controller.running.starting import Slot, Wanted
from ledger import attempts, executions, tasks, verdicts
from ledger.executions import ExecutionRow
from ledger.tasks import NewTask, TaskRow
from schemas.errors import ConfigError
from schemas.messages.job import DatumFile
from schemas.ranking import number
from schemas.states import FINAL_TASK, RunState, TaskState

log = structlog.get_logger()

Started = tuple[int, Planned, Environment]


def plan(scene: Scene, name: str, given: Given) -> dict[str, Any]:
    """The plan of the task item `name`, with a trigger's or edge's values. Raises `ConfigError`."""
    return _tried(scene, expand.plan_task(scene.config.valohai, name, given, _identity(scene)))


def plan_of_step(scene: Scene, step: str, given: Given) -> dict[str, Any]:
    """The plan of a task node that names a step: a grid over its many-valued parameters. Raises `ConfigError`."""
    return _tried(scene, expand.plan_fan(scene.config.valohai, step, given, _identity(scene)))


def _identity(scene: Scene) -> str:
    """What draws follow from: the same commit draws the same, whoever asks when; a schedule draws anew each time."""
    run = scene.run
    fixed = f"{run.project_id}/{run.sha}/{run.trigger}"
    return f"{fixed}/{run.id}" if run.event == "schedule" else fixed


def _tried(scene: Scene, made: dict[str, Any]) -> dict[str, Any]:
    """The plan, once its first execution could be spelled out: what is wrong with all of them is said before any starts."""
    given = given_of(made["given"], expand.example(made))
    plan_step(scene.config.valohai, made["step"], given, scene.facts)
    return made


def create(
    connection: Connection,
    ports: Ports,
    scene: Scene,
    name: str,
    plan: dict[str, Any],
    node: str | None,
    now: datetime,
) -> TaskRow:
    """Number and record a task; its executions start when it is moved."""
    wanted = next((e for e in scene.trigger.expect if e.node in (None, node)), None)
    plan = {
        **plan,
        "rank": plan["rank"] or (sweep.rank_of(wanted) if wanted else None),
        "on_child_error": plan["on_child_error"] or _on_child_error(scene, node),
    }
    pipeline = scene.pipeline.id if scene.pipeline and node is not None else None
    run = scene.run
    new = NewTask(run.project_id, run.id, run.round, name, plan["step"], plan, pipeline, node)
    row = tasks.create(connection, new, now)
    log.info("task", task=f"!{row.number}", name=name, type=plan["type"], executions=plan["count"])
    return row


def _on_child_error(scene: Scene, node: str | None) -> str:
    """Where the task does not say it: in a pipeline that a failure stops, it stops the task as well."""
    if scene.pipeline is None or node is None:
        return "continue-and-error"
    nodes: list[dict[str, Any]] = scene.pipeline.graph["nodes"]
    found = next((each for each in nodes if each["name"] == node), {})
    stops = found.get("on_error", "stop-all") == "stop-all"
    return "stop-all-and-error" if stops else "continue-and-error"


def move(ports: Ports, scene: Scene, task: TaskRow) -> bool:
    """Start what may start and end what has ended; whether anything changed."""
    if task.state in FINAL_TASK:
        return False
    plan, children = task.plan, children_of(task, scene.executions)
    turn = sweep.progress(plan, children)
    if turn.ask:
        proposed = optimise.ask(plan, trials(plan, children))
        plan = {**plan, "sets": [*plan["sets"], *proposed]}
        turn = sweep.progress(plan, children)
    try:
        planned = [_plan_child(ports, scene, plan, place) for place in turn.start]
    except ConfigError as error:
        why = f"its executions cannot be planned: {error}"
        plan = {**plan, "ending": sweep.ending("error", why, fault=True)}
        turn, planned = sweep.progress(plan, children), []
    if turn.ending is not None:
        plan = {**plan, "ending": dict(turn.ending)}
    return _perform(ports, scene, task, plan, turn, planned)


def _plan_child(ports: Ports, scene: Scene, plan: dict[str, Any], place: int) -> Started:
    given = given_of(plan["given"], plan["sets"][place])
    planned = plan_step(scene.config.valohai, plan["step"], given, scene.facts)
    if plan["notes"] and place == 0:
        planned = replace(planned, spec={**planned.spec, "notes": [*planned.spec["notes"], *plan["notes"]]})
    return place, planned, starting.environment(ports, planned)


def _perform(
    ports: Ports, scene: Scene, task: TaskRow, plan: dict[str, Any], turn: Turn, planned: Sequence[Started]
) -> bool:
    quiet = not planned and not turn.stop and plan == task.plan and turn.end is None
    if quiet and task.reason == _words(task, plan, children_of(task, scene.executions), final=False):
        return False
    now = ports.clock()
    with ports.ledger.write() as connection:
        begun = {row.child for row in executions.of_task(connection, task.id)}
        if tasks.by_id(connection, task.id) != task or begun & {place for place, _, _ in planned}:
            return False
        may_reuse = _may_reuse(scene, plan)
        wanted = [
            Wanted(scene, what, environment, Slot(task.node, task, place, may_reuse))
            for place, what, environment in planned
        ]
        starting.start_all(connection, ports, wanted, now)
        reason = _settle(connection, task, plan, turn, now)
        if turn.end is None and task.pipeline_id is None:
            scene_of.tell(connection, ports, scene, RunState.RUNNING, reason, now)
    return True


def _may_reuse(scene: Scene, plan: dict[str, Any]) -> bool:
    fresh = scene.run.event == "schedule" or scene.run.round > 1
    return scene.may_reuse or (plan["reuse"] and not fresh)


def _settle(connection: Connection, task: TaskRow, plan: dict[str, Any], turn: Turn, now: datetime) -> str:
    """Stop what is to stop, and give the task its state, its sentence and, when it is final, its record; the sentence."""
    for child in turn.stop:
        attempts.ask_to_stop(connection, child.id, now)
    children = children_of(task, executions.of_task(connection, task.id))
    reason = _words(task, plan, children, final=turn.end is not None)
    going = TaskState.STOPPING if plan["ending"] else TaskState.STARTED
    tasks.set_state(connection, task, turn.end or going, reason, now, plan)
    if turn.end is not None:
        _record(connection, tasks.by_id(connection, task.id), children, now)
        log.info("task ended", task=f"!{task.number}", state=turn.end.value, why=reason)
    return reason


def _record(connection: Connection, task: TaskRow, children: Sequence[Child], now: datetime) -> None:
    body = {
        "project": task.project_id,
        "run": task.run_id,
        "round": task.round,
        "number": task.number,
        "name": task.name,
        "pipeline": task.pipeline_id,
        "node": task.node,
        "step": task.step,
        "state": task.state.value,
        "reason": task.reason,
        "plan": task.plan,
        "children": [child.id for child in children],
    }
    repository_id = verdicts.repository_of(connection, task.project_id)
    statuses.record(connection, repository_id, "task", task.id, body, now)


def stop(
    connection: Connection,
    ports: Ports,
    scene: Scene | None,
    task: TaskRow,
    now: datetime,
    why: str = "stopped on request",
) -> None:
    """A pipeline or an operator stops it: its executions are asked to end, and the task ends with the last of them."""
    _stop(connection, tasks.by_id(connection, task.id), why, now)


def _stop(connection: Connection, task: TaskRow, why: str, now: datetime) -> bool:
    if task.state in FINAL_TASK:
        return False
    plan = {**task.plan, "ending": task.plan["ending"] or sweep.ending("stopped", why)}
    turn = sweep.progress(plan, children_of(task, executions.of_task(connection, task.id)))
    if plan == task.plan and not turn.stop and turn.end is None:
        return False
    _settle(connection, task, plan, turn, now)
    return True


def end_left(ports: Ports) -> int:
    """End the open tasks of runs that are final (cancelled, replaced, failed by a fault of ours); how many changed."""
    with ports.ledger.read() as connection:
        left = tasks.left(connection)
    if not left:
        return 0
    now = ports.clock()
    with ports.ledger.write() as connection:
        return sum(
            _stop(connection, tasks.by_id(connection, row.id), "its run has ended", now) for row in left
        )


def children_of(task: TaskRow, rows: Sequence[ExecutionRow]) -> list[Child]:
    """The executions of a task among `rows`, by their place."""
    mine = [
        Child(row.child, row.state, row.number, row.id, row.reason, row.metadata, row.spec["parameters"])
        for row in rows
        if row.task_id == task.id and row.child is not None
    ]
    return sorted(mine, key=lambda child: child.place)


def trials(plan: dict[str, Any], children: Sequence[Child]) -> list[optimise.Trial]:
    """What a Bayesian task has tried: every complete child with a number is a trial, every other one a failed trial."""
    wanted = {id(child) for child in sweep.eligible(plan, children)}
    metric = plan["target"]["metric"]
    return [
        optimise.Trial(
            plan["sets"][child.place],
            number(child.metadata.get(metric)) if id(child) in wanted else None,
        )
        for child in children
    ]


def _words(task: TaskRow, plan: dict[str, Any], children: Sequence[Child], final: bool) -> str:
    return sweep.words(f"!{task.number} {task.name}", plan, children, final)


def finished(connection: Connection, task: TaskRow) -> Finished:
    """What an ended task left for the nodes after it.

    Files: of all children; of equal names the one of the lowest place, and `spec["notes"]` says so. Metadata and
    parameters: those of the best child of an optimising task, of the only child, else by key the list of all children's.
    """
    rows = sorted(executions.of_task(connection, task.id), key=lambda row: row.child or 0)
    files: dict[str, DatumFile] = {}
    repeated: set[str] = set()
    for row in rows:
        for file in executions.data_of(connection, row.id):
            repeated |= {file.name} & files.keys()
            files.setdefault(file.name, file)
    children = children_of(task, rows)
    counted = sweep.eligible(task.plan, children)
    optimising = task.plan["target"] is not None
    if optimising:
        counted = [top] if (top := sweep.best(task.plan, children)) else []
    alone = optimising or task.plan["count"] == 1
    spec = dict(rows[0].spec) if rows else {"inputs": [], "environment_variables": {}}
    notes = [
        f"several executions of !{task.number} {task.name} made {name}: the first one's is taken"
        for name in sorted(repeated)[:10]
    ]
    spec |= {
        "parameters": _together([child.parameters for child in counted], alone, same=True),
        "notes": notes,
    }
    return Finished(tuple(files.values()), _together([child.metadata for child in counted], alone), spec)


def _together(values: Sequence[Any], alone: bool, same: bool = False) -> dict[str, Any]:
    """By key the list of all values; with `alone` the one value, with `same` also where all are equal."""
    found: dict[str, Any] = {}
    for key in dict.fromkeys(key for each in values for key in each):
        column = [each[key] for each in values if key in each]
        equal = same and all(value == column[0] for value in column)
        found[key] = column[0] if alone or equal else column
    return found
