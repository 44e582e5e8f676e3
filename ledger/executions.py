"""Executions, what they printed and what they left: created once, ended once."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from ledger import attempts, repositories
from ledger.rows import AnyRow
from ledger.tables import attempts as attempts_table
from ledger.tables import executions, metrics, outputs
from schemas.messages.job import DatumFile
from schemas.messages.result import Result
from schemas.states import FINAL_EXECUTION, ExecutionState


@dataclass(frozen=True, slots=True)
class NewExecution:
    """What makes an execution."""

    project_id: str
    environment_id: str
    kind: str
    step: str
    sha: str
    spec: dict[str, Any]
    run_id: str | None = None
    round: int = 1
    pipeline_id: str | None = None
    node: str | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """An execution as the controller works with it."""

    id: str
    project_id: str
    number: int
    run_id: str | None
    pipeline_id: str | None
    node: str | None
    kind: str
    step: str
    sha: str
    environment_id: str
    state: ExecutionState
    reason: str
    spec: dict[str, Any]
    metadata: dict[str, Any]
    built: dict[str, Any] | None
    started_at: datetime | None
    finished_at: datetime | None


_EXECUTION = (
    executions.c.id,
    executions.c.project_id,
    executions.c.number,
    executions.c.run_id,
    executions.c.pipeline_id,
    executions.c.node,
    executions.c.kind,
    executions.c.step,
    executions.c.sha,
    executions.c.environment_id,
    executions.c.state,
    executions.c.reason,
    executions.c.spec,
    executions.c.metadata,
    executions.c.built,
    executions.c.started_at,
    executions.c.finished_at,
)


def _row(row: AnyRow) -> ExecutionRow:
    values = dict(row._mapping)
    return ExecutionRow(**{**values, "state": ExecutionState(values["state"])})


def create(connection: Connection, new: NewExecution, now: datetime) -> ExecutionRow:
    """Number and record an execution with its first attempt, ready to be woken."""
    minted = str(uuid.uuid4())
    number = repositories.next_number(connection, new.project_id, "executions")
    connection.execute(
        insert(executions).values(
            id=minted,
            project_id=new.project_id,
            number=number,
            run_id=new.run_id,
            round=new.round,
            pipeline_id=new.pipeline_id,
            node=new.node,
            kind=new.kind,
            step=new.step,
            sha=new.sha,
            environment_id=new.environment_id,
            state=ExecutionState.QUEUED,
            reason="waiting for an agent",
            priority=new.priority,
            spec={**new.spec, "counter": number},
            metadata={},
            image=new.spec.get("image", ""),
            created_at=now,
        )
    )
    attempts.create(connection, minted, new.environment_id, now)
    return by_id(connection, minted)


def by_id(connection: Connection, execution_id: str) -> ExecutionRow:
    """An execution that exists."""
    return _row(connection.execute(select(*_EXECUTION).where(executions.c.id == execution_id)).one())


def of_run(connection: Connection, run_id: str, round_number: int) -> list[ExecutionRow]:
    """The executions of a run's round, by number."""
    rows = connection.execute(
        select(*_EXECUTION)
        .where(executions.c.run_id == run_id, executions.c.round == round_number)
        .order_by(executions.c.number)
    )
    return [_row(row) for row in rows]


def data_of(connection: Connection, execution_id: str) -> tuple[DatumFile, ...]:
    """The stored outputs of an execution, by name."""
    rows = connection.execute(
        select(outputs).where(outputs.c.execution_id == execution_id).order_by(outputs.c.name, outputs.c.id)
    )
    return tuple(
        DatumFile(datum=row.id, name=row.name, key=row.key, size=row.size, sha256=row.sha256, store=row.store)
        for row in rows
    )


def say(connection: Connection, execution_id: str, reason: str) -> None:
    """Why an execution waits, for people."""
    connection.execute(
        update(executions)
        .where(
            executions.c.id == execution_id, executions.c.finished_at.is_(None), executions.c.reason != reason
        )
        .values(reason=reason)
    )


def requeue(connection: Connection, execution_id: str, reason: str) -> None:
    """An attempt was lost to the infrastructure: the execution waits for its next one."""
    connection.execute(
        update(executions)
        .where(executions.c.id == execution_id, executions.c.state.not_in(FINAL_EXECUTION))
        .values(state=ExecutionState.QUEUED, reason=reason, started_at=None)
    )


def end(
    connection: Connection, execution_id: str, state: ExecutionState, reason: str, now: datetime, **facts: Any
) -> bool:
    """Give an execution its final state. False when it has one: that one stands."""
    changed = connection.execute(
        update(executions)
        .where(executions.c.id == execution_id, executions.c.state.not_in(FINAL_EXECUTION))
        .values(state=state, reason=reason, finished_at=now, **facts)
    )
    return bool(changed.rowcount)


def keep_outputs(connection: Connection, result: Result, now: datetime) -> None:
    """Record the data of a result. Ids are the agent's: the same result recorded twice is a bug that the key shows."""
    rows = [
        {
            "id": output.datum,
            "execution_id": result.execution,
            "attempt_id": result.attempt,
            "name": output.name,
            "store": output.store,
            "key": output.key,
            "size": output.size,
            "sha256": output.sha256,
            "md5": output.md5,
            "sha1": output.sha1,
            "metadata": output.metadata,
            "created_at": now,
        }
        for output in result.outputs
    ]
    if rows:
        connection.execute(insert(outputs), rows)


def add_metrics(
    connection: Connection, attempt_id: str, points: Iterable[tuple[str, int, float, datetime]], cursor: str
) -> None:
    """Add points (key, record number, value, time) read from the live stream, and how far it was read."""
    rows = [
        {"attempt_id": attempt_id, "key": key[:200], "position": position, "value": value, "at": at}
        for key, position, value, at in points
    ]
    if rows:
        connection.execute(
            delete(metrics).where(
                metrics.c.attempt_id == attempt_id, metrics.c.position.in_([row["position"] for row in rows])
            )
        )
        connection.execute(insert(metrics), rows)
    connection.execute(
        update(attempts_table).where(attempts_table.c.id == attempt_id).values(metrics_read=cursor)
    )


def latest_metadata(connection: Connection, execution_id: str, metadata: dict[str, Any]) -> None:
    """The last values so far, while the execution runs."""
    connection.execute(
        update(executions)
        .where(executions.c.id == execution_id, executions.c.finished_at.is_(None))
        .values(metadata=metadata)
    )


def streams(connection: Connection) -> Sequence[AnyRow]:
    """Held attempts whose live stream carries metrics: id, execution_id, environment_id, metrics_read, metadata."""
    return connection.execute(
        select(
            attempts_table.c.id,
            attempts_table.c.execution_id,
            attempts_table.c.environment_id,
            attempts_table.c.metrics_read,
            executions.c.metadata,
        )
        .join(executions, executions.c.id == attempts_table.c.execution_id)
        .where(attempts_table.c.finished_at.is_(None), attempts_table.c.claimed_at.is_not(None))
    ).all()
