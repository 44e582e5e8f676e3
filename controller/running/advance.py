"""Moves every open run one step: creates the executions that may start, and ends the run when they have ended.

Each run is one transaction after all reading is done. Asking again when nothing happened changes nothing.
"""

from controller import isolate
from controller.core import plan
from controller.ports import Ports
from controller.running import gates, pipelines, starting, tasks, words
from controller.running import scene as scene_of
from controller.running.scene import Scene, finish
from controller.running.starting import Slot
from ledger import executions, runs
from ledger.runs import RunRow
from schemas.errors import ConfigError
from schemas.states import FINAL_EXECUTION, FINAL_TASK, RunState

STEP = "advance"


def advance(ports: Ports, held: frozenset[str] = frozenset()) -> int:
    """Move every open run but those held back by their concurrency group; how many changed.

    A run of a single step is passed over while its execution goes on and nothing new is to be said of it.
    """
    now = ports.clock()
    with ports.ledger.read() as connection:
        waiting = [run for run in runs.open_runs(connection) if run.id not in held]
        steps = executions.of_open_runs(connection) if waiting else {}
    going_on = {
        run.id: (run.state, run.reason, run.round, steps[run.id])
        for run in waiting
        if run.id in steps and steps[run.id][-1][1] not in FINAL_EXECUTION
    }

    def act(run: RunRow) -> bool:
        if _advance(ports, run):
            return True
        if run.id in going_on:
            ports.unchanged.rest((STEP, run.id), going_on[run.id], now)
        return False

    moved = isolate.each(
        [run for run in waiting if not ports.unchanged.still((STEP, run.id), going_on.get(run.id), now)],
        act,
        lambda run, bug: finish(ports, run, RunState.ERROR, f"internal: {bug}"),
    )
    ports.unchanged.forget(STEP, {run.id for run in waiting})
    return moved + pipelines.end_left(ports) + tasks.end_left(ports)


def _advance(ports: Ports, run: RunRow) -> bool:
    try:
        scene = scene_of.read(ports, run)
        match scene.trigger.target.kind:
            case "pipeline":
                return pipelines.advance(ports, scene)
            case "task":
                return _advance_task(ports, scene)
            case _:
                return _advance_step(ports, scene)
    except ConfigError as error:
        return finish(ports, run, RunState.ERROR, f"it cannot be planned: {error}")


def _advance_step(ports: Ports, scene: Scene) -> bool:
    if not scene.executions:
        asked = starting.asked(scene.trigger)
        planned = plan.plan_step(scene.config.valohai, scene.trigger.target.name, asked, scene.facts)
        environment = starting.environment(ports, planned)
        now = ports.clock()
        with ports.ledger.write() as connection:
            created = starting.start(
                connection, ports, scene, planned, environment, Slot(may_reuse=scene.may_reuse), now
            )
            state = created.reason if created.reused_id else "is queued"
            reason = f"#{created.number} {planned.step} {state}"
            scene_of.tell(connection, ports, scene, RunState.RUNNING, reason, now)
        return True
    last = scene.executions[-1]
    if last.state not in FINAL_EXECUTION:
        return scene_of.tell_now(ports, scene, RunState.RUNNING, words.progress(scene.executions))
    return gates.end(ports, scene, last.state.value, {last.step: last})


def _advance_task(ports: Ports, scene: Scene) -> bool:
    if not scene.tasks:
        name = scene.trigger.target.name
        plan_of = tasks.plan(scene, name, starting.asked(scene.trigger))
        now = ports.clock()
        with ports.ledger.write() as connection:
            row = tasks.create(connection, ports, scene, name, plan_of, None, now)
            scene_of.tell(connection, ports, scene, RunState.RUNNING, f"!{row.number} {name} starts", now)
        return True
    task = scene.tasks[-1]
    if task.state not in FINAL_TASK:
        return tasks.move(ports, scene, task)
    return gates.end(ports, scene, task.state.value, {}, task.reason, task)
