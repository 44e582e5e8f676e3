"""Starts an execution: in the environment it asks for, if that can ever run it, or with an old result that serves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from controller.core import trust
from controller.core.plan import Given, Planned
from controller.ports import Environment, Ports
from controller.pulls import approved
from controller.running import fitting, reuse
from controller.running.scene import Scene
from ledger import executions
from ledger.executions import Creation, ExecutionRow, NewExecution
from ledger.tasks import TaskRow
from schemas.errors import ConfigError
from schemas.repo_config import Trigger
from schemas.values import short

log = structlog.get_logger()


def asked(trigger: Trigger) -> Given:
    """What a trigger gives to its target."""
    target = trigger.target
    return Given(parameters=target.parameters, uris=target.inputs, environment=target.environment)


def environment(ports: Ports, planned: Planned) -> Environment:
    """The environment of what was planned. Raises `ConfigError` when there is none, or when no machine of it fits."""
    found = ports.settings.environment(planned.environment)
    if found is None:
        names = ", ".join(environment.name for environment in ports.settings.environments)
        raise ConfigError(
            f"there is no environment {planned.environment}", hint=f"This installation has: {names}."
        )
    fitting.check(ports, found, planned)
    return found


@dataclass(frozen=True, slots=True)
class Slot:
    """Where an execution stands: a node of the run's pipeline, a child of a task. `may_reuse`: an old result may serve."""

    node: str | None = None
    task: TaskRow | None = None
    child: int | None = None
    may_reuse: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """An execution that starts: of which run, what, where, and in which place of it."""

    scene: Scene
    planned: Planned
    environment: Environment
    slot: Slot


def start(
    connection: Connection,
    ports: Ports,
    scene: Scene,
    planned: Planned,
    environment: Environment,
    slot: Slot,
    now: datetime,
) -> ExecutionRow:
    """Create the execution. With `may_reuse` an earlier one with the same content key gives its result at once."""
    [created] = start_all(connection, ports, [Wanted(scene, planned, environment, slot)], now)
    return created


def start_all(
    connection: Connection, ports: Ports, wanted: Sequence[Wanted], now: datetime
) -> list[ExecutionRow]:
    """Create many as `start` creates one, numbered in their order.

    Raises `ConfigError` for untrusted code that goes beyond its approval, or has none any more: the one gate before it runs.
    """
    for each in wanted:
        _check(connection, each)
    earlier = reuse.Earlier(connection)
    creations = [_creation(ports, earlier, each) for each in wanted]
    rows = executions.create_all(connection, creations, now)
    for each, creation, created in zip(wanted, creations, rows, strict=True):
        number, step = f"#{created.number}", each.planned.step
        if creation.old is not None:
            reuse.record(connection, each.scene, created, now)
            log.info("reused", execution=number, step=step, reason=creation.said)
        else:
            log.info("queued", execution=number, step=step, environment=each.environment.name)
    return rows


def _check(connection: Connection, wanted: Wanted) -> None:
    run = wanted.scene.run
    if run.trust == "trusted":
        return
    approval = approved.of_run(connection, run.approval_id)
    groups = wanted.planned.spec["variable_groups"]
    breach = trust.breach(approval, wanted.environment.name, groups)
    if breach or (approval is not None and approval.sha != wanted.planned.spec["commit"]):
        raise ConfigError(breach or f"approved is {short(run.sha)}, and not the code of another commit")


def _creation(ports: Ports, earlier: reuse.Earlier, wanted: Wanted) -> Creation:
    scene, slot, pipeline = wanted.scene, wanted.slot, wanted.scene.pipeline
    spec = fitting.within(wanted.environment, wanted.planned.spec)
    spec |= {"node": slot.node, "environment_name": wanted.environment.name}
    if pipeline is not None:
        spec |= {"pipeline": pipeline.id, "pipeline_counter": pipeline.number}
    if slot.task is not None:
        spec |= {"task": slot.task.id, "task_counter": slot.task.number, "child": slot.child}
    new = NewExecution(
        project_id=scene.project.id,
        environment_id=wanted.environment.id,
        kind="step",
        step=wanted.planned.step,
        sha=scene.run.sha,
        spec=spec,
        run_id=scene.run.id,
        round=scene.run.round,
        pipeline_id=pipeline.id if pipeline else None,
        node=slot.node,
        task_id=slot.task.id if slot.task else None,
        child=slot.child,
        reuse_key=reuse.key(ports, spec),
        price=wanted.environment.price,
    )
    if not slot.may_reuse:
        return Creation(new)
    old = reuse.find(earlier, scene, wanted.environment, new)
    return Creation(new, old.execution, old.reason)
