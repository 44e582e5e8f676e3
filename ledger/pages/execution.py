"""What pages show of one execution: its own row, its attempts, its metrics, its outputs, and what to compare it with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from ledger import pages
from ledger.tables import (
    agents,
    attempts,
    environments,
    executions,
    metric_gaps,
    metrics,
    outputs,
    pipelines,
    runs,
    tasks,
)

LOOK_BACK = 200
"""How many numbers back an earlier execution of the same step is looked for."""


@dataclass(frozen=True, slots=True)
class ExecutionFull:
    """Everything that the ledger knows of an execution. `spec` is the job's body, `metadata` the last value of every key."""

    id: str
    project_id: str
    number: int
    run_id: str | None
    trigger: str | None
    round: int
    pipeline_id: str | None
    pipeline: int | None
    node: str | None
    task: int | None
    child: int | None
    kind: str
    step: str
    sha: str
    environment_id: str
    environment: str
    state: str
    reason: str
    status_detail: str
    priority: int
    spec: dict[str, Any]
    metadata: dict[str, Any]
    exit_code: int | None
    image: str
    image_digest: str
    runtime: str
    built: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    reused_id: str | None = None
    reused: int | None = None
    """Number of the execution whose result this one took."""


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One try, with the agent that made it. `log` is None until the final log is stored."""

    id: str
    environment_id: str
    number: int
    state: str
    reason: str
    agent: str | None
    host: str | None
    created_at: datetime
    claimed_at: datetime | None
    renewed_at: datetime | None
    stop_at: datetime | None
    finished_at: datetime | None
    manifest: dict[str, Any] | None
    log: dict[str, Any] | None
    events: list[str]


@dataclass(frozen=True, slots=True)
class OutputLine:
    """A stored output file; `name` is its path below the outputs directory, as the job wrote it."""

    id: str
    name: str
    store: str
    key: str
    size: int
    sha256: str
    metadata: Any
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one metric. `position` is the number of the log record that it was read from."""

    key: str
    position: int
    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """A value of a metric that is no number: `word` is `nan`, `inf` or `-inf`. `position` and `at` are as a point's."""

    key: str
    position: int
    word: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Try:
    """One of the executions that were started for a node of a pipeline."""

    number: int
    state: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """An execution to compare with."""

    id: str
    number: int
    sha: str
    metadata: dict[str, Any]


def execution(connection: Connection, project_id: str, number: int) -> ExecutionFull | None:
    """One execution by its project and number."""
    source = executions.alias("source")
    statement = (
        select(
            executions,
            source.c.number.label("reused"),
            environments.c.name.label("environment"),
            runs.c.trigger,
            pipelines.c.number.label("pipeline"),
            tasks.c.number.label("task"),
        )
        .join(environments, environments.c.id == executions.c.environment_id)
        .outerjoin(runs, runs.c.id == executions.c.run_id)
        .outerjoin(pipelines, pipelines.c.id == executions.c.pipeline_id)
        .outerjoin(tasks, tasks.c.id == executions.c.task_id)
        .outerjoin(source, source.c.id == executions.c.reused_id)
        .where(executions.c.project_id == project_id, executions.c.number == number)
    )
    return pages.first(connection, statement, ExecutionFull)


def attempts_of(connection: Connection, execution_id: str) -> tuple[AttemptLine, ...]:
    """Every attempt, the current one first."""
    statement = (
        select(attempts, agents.c.name.label("agent"), agents.c.host)
        .outerjoin(agents, agents.c.id == attempts.c.agent_id)
        .where(attempts.c.execution_id == execution_id)
        .order_by(attempts.c.number.desc())
    )
    return pages.rows(connection, statement, AttemptLine)


def current_attempt(connection: Connection, execution_id: str) -> AttemptLine | None:
    """The attempt that counts: the newest."""
    statement = (
        select(attempts, agents.c.name.label("agent"), agents.c.host)
        .outerjoin(agents, agents.c.id == attempts.c.agent_id)
        .where(attempts.c.execution_id == execution_id)
        .order_by(attempts.c.number.desc())
    )
    return pages.first(connection, statement, AttemptLine)


def tries_of(connection: Connection, of: ExecutionFull) -> tuple[Try, ...]:
    """Every execution of the same node of the same pipeline, this one too, the first one first; none outside a pipeline."""
    if of.pipeline_id is None or of.node is None or of.task is not None:
        return ()
    statement = select(executions).where(
        executions.c.pipeline_id == of.pipeline_id,
        executions.c.node == of.node,
        executions.c.task_id.is_(None),
        executions.c.kind == of.kind,
    )
    return pages.rows(connection, statement.order_by(executions.c.number).limit(20), Try)


def measured_attempt(connection: Connection, execution_id: str) -> AttemptLine | None:
    """The attempt whose metrics are an execution's: its newest, or that of the one whose result it took."""
    return current_attempt(connection, _made_by(connection, execution_id))


def state_of(connection: Connection, execution_id: str) -> tuple[str, str]:
    """State and reason of an execution, for a live log that asks again and again."""
    row = connection.execute(
        select(executions.c.state, executions.c.reason).where(executions.c.id == execution_id)
    ).one()
    return row.state, row.reason


def outputs_of(connection: Connection, execution_id: str, size: int = 1000) -> tuple[OutputLine, ...]:
    """The outputs of an execution by name, at most `size`; those of the one whose result it took, if it did."""
    statement = select(outputs).where(outputs.c.execution_id == _made_by(connection, execution_id))
    return pages.rows(connection, statement.order_by(outputs.c.name, outputs.c.id).limit(size), OutputLine)


def output(connection: Connection, execution_id: str, output_id: str) -> OutputLine | None:
    """One output of this very execution, or of the one whose result it took."""
    made_by = _made_by(connection, execution_id)
    where = (outputs.c.execution_id == made_by) & (outputs.c.id == output_id)
    return pages.first(connection, select(outputs).where(where), OutputLine)


def _made_by(connection: Connection, execution_id: str) -> str:
    """The execution that made the outputs and metrics that this one shows."""
    source = select(executions.c.reused_id).where(executions.c.id == execution_id)
    return connection.execute(source).scalar() or execution_id


def metric_keys(connection: Connection, attempt_id: str) -> list[str]:
    """The names of an attempt's metrics."""
    statement = (
        select(metrics.c.key).where(metrics.c.attempt_id == attempt_id).distinct().order_by(metrics.c.key)
    )
    return list(connection.execute(statement).scalars())


def points(connection: Connection, attempt_id: str, key: str, most: int) -> list[Point]:
    """The first `most` values of one metric, in order."""
    statement = (
        select(metrics)
        .where(metrics.c.attempt_id == attempt_id, metrics.c.key == key)
        .order_by(metrics.c.position)
        .limit(most)
    )
    return [Point(row.key, row.position, row.value, row.at) for row in connection.execute(statement)]


def gaps(connection: Connection, attempt_id: str, most: int) -> tuple[Gap, ...]:
    """The first `most` values that were no number, by key and in order."""
    statement = select(metric_gaps).where(metric_gaps.c.attempt_id == attempt_id)
    ordered = statement.order_by(metric_gaps.c.key, metric_gaps.c.position)
    return pages.rows(connection, ordered.limit(most), Gap)


def every_point(connection: Connection, attempt_id: str) -> Iterator[Point]:
    """All values of all metrics in the order of the log, a few thousand in memory at a time."""
    statement = (
        select(metrics).where(metrics.c.attempt_id == attempt_id).order_by(metrics.c.position, metrics.c.key)
    )
    for row in connection.execution_options(yield_per=2000).execute(statement):
        yield Point(row.key, row.position, row.value, row.at)


def before(connection: Connection, of: ExecutionFull) -> Earlier | None:
    """The last complete execution of the same step before this one; what untrusted code made is nobody's."""
    statement = (
        select(executions)
        .outerjoin(runs, runs.c.id == executions.c.run_id)
        .where(
            or_(runs.c.id.is_(None), runs.c.trust == "trusted"),
            executions.c.project_id == of.project_id,
            executions.c.number < of.number,
            executions.c.number >= of.number - LOOK_BACK,
            executions.c.step == of.step,
            executions.c.kind == of.kind,
            executions.c.state == "complete",
        )
        .order_by(executions.c.number.desc())
    )
    return pages.first(connection, statement, Earlier)


def at_base(connection: Connection, of: ExecutionFull, base_sha: str) -> Earlier | None:
    """The execution of the same trigger, step and node at the commit that a gate compared with."""
    statement = (
        select(executions)
        .join(runs, runs.c.id == executions.c.run_id)
        .where(
            runs.c.project_id == of.project_id,
            runs.c.sha == base_sha,
            runs.c.trigger == of.trigger,
            runs.c.trust == "trusted",
            executions.c.step == of.step,
            executions.c.node.is_(None) if of.node is None else executions.c.node == of.node,
            executions.c.state == "complete",
        )
        .order_by(executions.c.number.desc())
    )
    return pages.first(connection, statement, Earlier)
