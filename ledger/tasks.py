"""Tasks: one step several times with different parameters."""

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from ledger import repositories
from ledger.rows import AnyRow
from ledger.tables import runs, tasks
from schemas.states import FINAL_TASK, TaskState


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as the controller works with it. `plan`: see controller/core/tasks/expand."""

    id: str
    run_id: str
    project_id: str
    round: int
    number: int
    name: str
    pipeline_id: str | None
    node: str | None
    step: str
    state: TaskState
    reason: str
    plan: dict[str, Any]


_TASK = (
    tasks.c.id,
    tasks.c.run_id,
    tasks.c.project_id,
    tasks.c.round,
    tasks.c.number,
    tasks.c.name,
    tasks.c.pipeline_id,
    tasks.c.node,
    tasks.c.step,
    tasks.c.state,
    tasks.c.reason,
    tasks.c.plan,
)


def _row(row: AnyRow) -> TaskRow:
    values = dict(row._mapping)
    return TaskRow(**{**values, "state": TaskState(values["state"])})


@dataclass(frozen=True, slots=True)
class NewTask:
    """What makes a task."""

    project_id: str
    run_id: str
    round: int
    name: str
    step: str
    plan: dict[str, Any]
    pipeline_id: str | None = None
    node: str | None = None


def create(connection: Connection, new: NewTask, now: datetime) -> TaskRow:
    """Number and record a task."""
    minted = str(uuid.uuid4())
    connection.execute(
        insert(tasks).values(
            id=minted,
            number=repositories.next_number(connection, new.project_id, "tasks"),
            state=TaskState.CREATED,
            created_at=now,
            **asdict(new),
        )
    )
    return by_id(connection, minted)


def by_id(connection: Connection, task_id: str) -> TaskRow:
    """A task that exists."""
    return _row(connection.execute(select(*_TASK).where(tasks.c.id == task_id)).one())


def of_run(connection: Connection, run_id: str, round_number: int) -> list[TaskRow]:
    """The tasks of a run's round, by number."""
    rows = connection.execute(
        select(*_TASK).where(tasks.c.run_id == run_id, tasks.c.round == round_number).order_by(tasks.c.number)
    )
    return [_row(row) for row in rows]


def numbered(connection: Connection, project_id: str, number: int) -> TaskRow | None:
    """The task `!number` of a project."""
    row = connection.execute(
        select(*_TASK).where(tasks.c.project_id == project_id, tasks.c.number == number)
    ).first()
    return None if row is None else _row(row)


def left(connection: Connection) -> list[TaskRow]:
    """Open tasks whose run is final, or has begun another round: nobody moves them any more."""
    rows = connection.execute(
        select(*_TASK)
        .join(runs, runs.c.id == tasks.c.run_id)
        .where(
            tasks.c.finished_at.is_(None), runs.c.finished_at.is_not(None) | (runs.c.round != tasks.c.round)
        )
    )
    return [_row(row) for row in rows]


def set_state(
    connection: Connection,
    task: TaskRow,
    state: TaskState,
    reason: str,
    now: datetime,
    plan: dict[str, Any] | None = None,
) -> bool:
    """Give an open task a state, and its plan as it now stands. False when it is final already."""
    values: dict[str, Any] = {"state": state, "reason": reason}
    if plan is not None:
        values["plan"] = plan
    if state in FINAL_TASK:
        values["finished_at"] = now
    changed = connection.execute(
        update(tasks).where(tasks.c.id == task.id, tasks.c.finished_at.is_(None)).values(**values)
    )
    return bool(changed.rowcount)
