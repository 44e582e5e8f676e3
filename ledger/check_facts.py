"""What a check says of a run: bounded reads, however many executions the run has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from ledger import pages
from ledger.runs import COLUMNS, RunRow, row_of
from ledger.tables import agents, attempts, commits, environments, executions, outputs, runs, tasks
from schemas.states import AttemptState, ExecutionState

MOST_ATTEMPTS = 20_000
"""Attempts of one run whose time is summed: more are as good as never, and then nobody is told half of a sum."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What a run's row has beside what the controller works with."""

    gate: dict[str, Any] | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Part:
    """An execution of a run. `task`: the number of the task that it is a part of; `environment`: its name."""

    id: str
    number: int
    node: str | None
    step: str
    task: int | None
    state: str
    reason: str
    status_detail: str
    environment_id: str
    environment: str
    reused_id: str | None
    price: float | None
    spec: dict[str, Any]
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sweep:
    """A task of a run."""

    number: int
    name: str
    node: str | None
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt that an agent took. `price`: of an hour of its machine as it was agreed on, None: nobody said."""

    execution_id: str
    environment_id: str
    price: float | None
    claimed_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class File:
    """A stored output; `made_by` is the execution that wrote it."""

    id: str
    name: str
    size: int
    made_by: str


@dataclass(frozen=True, slots=True)
class Machine:
    """An agent of an environment, as it last described itself."""

    slots: int
    free_slots: int
    renewed_at: datetime | None
    drained_at: datetime | None


def ending(connection: Connection, run_id: str) -> Ending | None:
    """The gate's answer and the end of a run."""
    statement = select(runs.c.gate, runs.c.finished_at).where(runs.c.id == run_id)
    return pages.first(connection, statement, Ending)


def first_seen_on(connection: Connection, repository_id: str, sha: str) -> str | None:
    """The ref on which a commit came into view."""
    where = (commits.c.repository_id == repository_id) & (commits.c.sha == sha)
    found: str | None = connection.execute(select(commits.c.ref).where(where)).scalar()
    return found


def _of(run: RunRow) -> ColumnElement[bool]:
    return and_(executions.c.run_id == run.id, executions.c.round == run.round)


_FAILED = executions.c.state.in_([ExecutionState.ERROR, ExecutionState.CRASHED])
_KINDS: dict[str, ColumnElement[bool]] = {
    "own": executions.c.task_id.is_(None),
    "broken": and_(executions.c.task_id.is_not(None), _FAILED),
    "open": executions.c.finished_at.is_(None),
}


def count(connection: Connection, run: RunRow) -> int:
    """How many executions a run's round has that are no task's."""
    statement = select(func.count()).select_from(executions).where(_of(run), _KINDS["own"])
    return connection.execute(statement).scalar_one()


def parts(
    connection: Connection, run: RunRow, kind: Literal["own", "broken", "open"], most: int
) -> tuple[Part, ...]:
    """Executions of a run's round: its `own`, which are no task's; a task's that are `broken`; all that are `open`.

    What failed comes first, then what goes on, each by number.
    """
    order = case((_FAILED, 0), (executions.c.finished_at.is_(None), 1), else_=2)
    statement = (
        select(
            *(executions.c[name] for name in ("id", "number", "node", "step")),
            tasks.c.number.label("task"),
            *(executions.c[name] for name in ("state", "reason", "status_detail", "environment_id")),
            environments.c.name.label("environment"),
            *(executions.c[name] for name in ("reused_id", "price", "spec", "started_at", "finished_at")),
        )
        .join(environments, environments.c.id == executions.c.environment_id)
        .outerjoin(tasks, tasks.c.id == executions.c.task_id)
        .where(_of(run), _KINDS[kind])
        .order_by(order, executions.c.number)
        .limit(most)
    )
    return pages.rows(connection, statement, Part)


def sweeps(connection: Connection, run: RunRow, most: int) -> tuple[Sweep, ...]:
    """Tasks of a run's round, by number."""
    statement = (
        select(tasks.c.number, tasks.c.name, tasks.c.node, tasks.c.state, tasks.c.reason)
        .where(tasks.c.run_id == run.id, tasks.c.round == run.round)
        .order_by(tasks.c.number)
        .limit(most)
    )
    return pages.rows(connection, statement, Sweep)


def tried(connection: Connection, run: RunRow) -> tuple[Tried, ...] | None:
    """Every attempt of a run's round that an agent took; None when they are too many to be read."""
    statement = (
        select(
            attempts.c.execution_id,
            attempts.c.environment_id,
            executions.c.price,
            attempts.c.claimed_at,
            attempts.c.finished_at,
        )
        .join(executions, executions.c.id == attempts.c.execution_id)
        .where(_of(run), attempts.c.claimed_at.is_not(None))
        .limit(MOST_ATTEMPTS + 1)
    )
    found = pages.rows(connection, statement, Tried)
    return found if len(found) <= MOST_ATTEMPTS else None


def earlier(connection: Connection, run: RunRow, most: int = 5) -> list[RunRow]:
    """The newest runs of the same trigger and trust, before this one, that came to an end of their own."""
    statement = (
        select(*COLUMNS)
        .where(
            runs.c.project_id == run.project_id,
            runs.c.trigger == run.trigger,
            runs.c.trust == run.trust,
            runs.c.state == "success",
            runs.c.id != run.id,
            runs.c.created_at <= run.created_at,
        )
        .order_by(runs.c.created_at.desc())
        .limit(most)
    )
    return [row_of(row) for row in connection.execute(statement)]


def measured(
    connection: Connection, run_id: str, named: tuple[str | None, str] | None = None
) -> tuple[tuple[str | None, str], dict[str, Any]] | None:
    """The last values that a run printed: of its last complete execution that is no task's, or of the one `named` so.

    With them that execution's node and step.
    """
    statement = select(executions.c.node, executions.c.step, executions.c.metadata).where(
        executions.c.run_id == run_id,
        executions.c.state == ExecutionState.COMPLETE,
        executions.c.task_id.is_(None),
        executions.c.kind == "step",
    )
    if named is not None:
        node, step = named
        same = executions.c.node.is_(None) if node is None else executions.c.node == node
        statement = statement.where(same, executions.c.step == step)
    row = connection.execute(
        statement.order_by(executions.c.round.desc(), executions.c.number.desc()).limit(1)
    ).first()
    return None if row is None else ((row.node, row.step), dict(row.metadata))


def base_run(connection: Connection, run: RunRow, sha: str) -> str | None:
    """The id of the trusted run of the same trigger at another commit."""
    statement = (
        select(runs.c.id)
        .where(
            runs.c.project_id == run.project_id,
            runs.c.trigger == run.trigger,
            runs.c.sha == sha,
            runs.c.trust == "trusted",
            runs.c.finished_at.is_not(None),
        )
        .order_by(runs.c.finished_at.desc())
        .limit(1)
    )
    found: str | None = connection.execute(statement).scalar()
    return found


def files(connection: Connection, made_by: Sequence[str], most: int) -> tuple[File, ...]:
    """Outputs of some executions, by name."""
    statement = (
        select(outputs.c.id, outputs.c.name, outputs.c.size, outputs.c.execution_id.label("made_by"))
        .where(outputs.c.execution_id.in_(list(made_by)))
        .order_by(outputs.c.name, outputs.c.id)
        .limit(most)
    )
    return pages.rows(connection, statement, File)


def last_log(connection: Connection, execution_id: str) -> tuple[int, dict[str, Any] | None] | None:
    """The number of an execution's last attempt, and where its final log lies; None before the first."""
    statement = (
        select(attempts.c.number, attempts.c.log)
        .where(attempts.c.execution_id == execution_id)
        .order_by(attempts.c.number.desc())
        .limit(1)
    )
    row = connection.execute(statement).first()
    return None if row is None else (row.number, row.log)


def machines(connection: Connection, environment_id: str, most: int = 500) -> tuple[Machine, ...]:
    """The agents of an environment."""
    statement = select(agents).where(agents.c.environment_id == environment_id).limit(most)
    named = statement.with_only_columns(*(agents.c[name] for name in Machine.__slots__))
    return pages.rows(connection, named, Machine)


def ahead(connection: Connection, part: Part, run: RunRow) -> int:
    """How many executions of other runs come before this one in its environment: priority, then age."""
    mine = select(executions.c.priority, executions.c.created_at).where(executions.c.id == part.id)
    row = connection.execute(mine).first()
    if row is None:
        return 0
    before = or_(
        executions.c.priority > row.priority,
        and_(executions.c.priority == row.priority, executions.c.created_at < row.created_at),
    )
    statement = (
        select(func.count())
        .select_from(attempts)
        .join(executions, executions.c.id == attempts.c.execution_id)
        .where(
            attempts.c.finished_at.is_(None),
            attempts.c.environment_id == part.environment_id,
            attempts.c.state == AttemptState.WAITING,
            or_(executions.c.run_id.is_(None), executions.c.run_id != run.id),
            before,
        )
    )
    return connection.execute(statement).scalar_one()
