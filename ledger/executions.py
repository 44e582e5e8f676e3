"""Executions, what they printed and what they left: created once, ended once."""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from ledger import attempts, repositories
from ledger.rows import AnyRow
from ledger.tables import attempts as attempts_table
from ledger.tables import executions, metric_gaps, metrics, outputs, runs
from schemas.messages.job import DatumFile
from schemas.messages.result import Result
from schemas.states import FINAL_EXECUTION, ExecutionState

MANY = 500
"""Ids in one question: what every database takes."""


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
    task_id: str | None = None
    child: int | None = None
    reuse_key: str | None = None
    price: float | None = None
    """Of an hour of its machine, as it is now: what was agreed on stays when the settings change."""


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """An execution as the controller works with it."""

    id: str
    project_id: str
    number: int
    run_id: str | None
    pipeline_id: str | None
    node: str | None
    task_id: str | None
    child: int | None
    kind: str
    step: str
    sha: str
    environment_id: str
    state: ExecutionState
    reason: str
    spec: dict[str, Any]
    metadata: dict[str, Any]
    built: dict[str, Any] | None
    image_digest: str
    reused_id: str | None
    started_at: datetime | None
    finished_at: datetime | None


_EXECUTION = (
    executions.c.id,
    executions.c.project_id,
    executions.c.number,
    executions.c.run_id,
    executions.c.pipeline_id,
    executions.c.node,
    executions.c.task_id,
    executions.c.child,
    executions.c.kind,
    executions.c.step,
    executions.c.sha,
    executions.c.environment_id,
    executions.c.state,
    executions.c.reason,
    executions.c.spec,
    executions.c.metadata,
    executions.c.built,
    executions.c.image_digest,
    executions.c.reused_id,
    executions.c.started_at,
    executions.c.finished_at,
)


def _row(row: AnyRow) -> ExecutionRow:
    values = dict(row._mapping)
    return ExecutionRow(**{**values, "state": ExecutionState(values["state"])})


@dataclass(frozen=True, slots=True)
class Creation:
    """An execution to be recorded: one that runs, or one that takes the result of `old` and is complete at once.

    `said`: why the old one serves; else a sentence for the notes in its spec, "" for none.
    """

    new: NewExecution
    old: ExecutionRow | None = None
    said: str = ""


def create(connection: Connection, new: NewExecution, now: datetime, note: str = "") -> ExecutionRow:
    """Number and record an execution with its first attempt, ready to be woken. `note`: a sentence for its spec's notes."""
    [created] = create_all(connection, [Creation(new, said=note)], now)
    return created


def create_all(connection: Connection, wanted: Sequence[Creation], now: datetime) -> list[ExecutionRow]:
    """Number and record executions in their order, those that run with their first attempts: a few statements for them all."""
    numbers = {
        project: iter(
            range(repositories.next_number(connection, project, "executions", count) - count + 1, 2**63)
        )
        for project, count in Counter(each.new.project_id for each in wanted).items()
    }
    rows = [_values(each, next(numbers[each.new.project_id]), now) for each in wanted]
    if rows:
        connection.execute(insert(executions), rows)
    running = [(row["id"], row["environment_id"]) for row in rows if row["finished_at"] is None]
    attempts.create_first(connection, running, now)
    return [_as_made(row) for row in rows]


def _values(wanted: Creation, number: int, now: datetime) -> dict[str, Any]:
    new, old, spec = wanted.new, wanted.old, {**wanted.new.spec, "counter": number}
    if old is None and wanted.said:
        spec["notes"] = [*spec.get("notes", ()), wanted.said]
    return {
        "id": str(uuid.uuid4()),
        "project_id": new.project_id,
        "number": number,
        "run_id": new.run_id,
        "round": new.round,
        "pipeline_id": new.pipeline_id,
        "node": new.node,
        "task_id": new.task_id,
        "child": new.child,
        "kind": new.kind,
        "step": new.step,
        "sha": new.sha,
        "environment_id": new.environment_id,
        "priority": new.priority,
        "spec": spec,
        "image": new.spec.get("image", ""),
        "reuse_key": new.reuse_key,
        "price": new.price,
        "created_at": now,
        "state": ExecutionState.QUEUED if old is None else ExecutionState.COMPLETE,
        "reason": "waiting for an agent" if old is None else wanted.said,
        "metadata": old.metadata if old else {},
        "image_digest": old.image_digest if old else "",
        "reused_id": (old.reused_id or old.id) if old else None,
        "exit_code": 0 if old else None,
        "finished_at": now if old else None,
    }


def _as_made(values: dict[str, Any]) -> ExecutionRow:
    """The row as it would be read again."""
    row: dict[str, Any] = {name: values.get(name) for name in ExecutionRow.__slots__}
    return ExecutionRow(**row)


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


def of_open_runs(connection: Connection) -> dict[str, tuple[tuple[str, str, str], ...]]:
    """Run -> id, state and reason of each execution of its round, by number; of open runs of a single step each."""
    rows = connection.execute(
        select(executions.c.run_id, executions.c.id, executions.c.state, executions.c.reason)
        .join(runs, (runs.c.id == executions.c.run_id) & (runs.c.round == executions.c.round))
        .where(
            runs.c.finished_at.is_(None), executions.c.pipeline_id.is_(None), executions.c.task_id.is_(None)
        )
        .order_by(executions.c.number)
    )
    found: dict[str, list[tuple[str, str, str]]] = {}
    for row in rows:
        found.setdefault(row.run_id, []).append((row.id, row.state, row.reason))
    return {id: tuple(steps) for id, steps in found.items()}


def of_task(connection: Connection, task_id: str) -> list[ExecutionRow]:
    """The executions of a task, by number."""
    rows = connection.execute(
        select(*_EXECUTION).where(executions.c.task_id == task_id).order_by(executions.c.number)
    )
    return [_row(row) for row in rows]


def complete_with_key(
    connection: Connection, project_id: str, reuse_key: str, trust: str, most: int = 20
) -> list[ExecutionRow]:
    """Complete executions with this content key that made their results themselves, the newest first."""
    return _complete(connection, project_id, trust, executions.c.reuse_key == reuse_key, most)


def complete_of_step(
    connection: Connection, project_id: str, step: str, trust: str, most: int
) -> list[ExecutionRow]:
    """Complete executions of a step that made their results themselves, the newest first."""
    return _complete(connection, project_id, trust, executions.c.step == step, most)


def _complete(
    connection: Connection, project_id: str, trust: str, condition: ColumnElement[bool], most: int
) -> list[ExecutionRow]:
    rows = connection.execute(
        select(*_EXECUTION)
        .join(runs, runs.c.id == executions.c.run_id)
        .where(
            executions.c.project_id == project_id,
            executions.c.kind == "step",
            executions.c.state == ExecutionState.COMPLETE,
            executions.c.reused_id.is_(None),
            runs.c.trust == trust,
            condition,
        )
        .order_by(executions.c.number.desc())
        .limit(most)
    )
    return [_row(row) for row in rows]


def data_of(connection: Connection, execution_id: str) -> tuple[DatumFile, ...]:
    """The stored outputs of an execution, by name; those of the one whose result it took, if it did."""
    reused = connection.execute(
        select(executions.c.reused_id).where(executions.c.id == execution_id)
    ).scalar_one_or_none()
    rows = connection.execute(
        select(outputs)
        .where(outputs.c.execution_id == (reused or execution_id))
        .order_by(outputs.c.name, outputs.c.id)
    )
    return tuple(_datum(row) for row in rows)


def datum(connection: Connection, output_id: str) -> DatumFile | None:
    """One stored output."""
    row = connection.execute(select(outputs).where(outputs.c.id == output_id)).first()
    return None if row is None else _datum(row)


def data(connection: Connection, output_ids: Sequence[str]) -> tuple[DatumFile, ...]:
    """Stored outputs by id, in the order that is asked for; an id that is not there is left out."""
    found: dict[str, DatumFile] = {}
    for start in range(0, len(output_ids), MANY):
        some = output_ids[start : start + MANY]
        for row in connection.execute(select(outputs).where(outputs.c.id.in_(some))):
            found[row.id] = _datum(row)
    return tuple(found[id] for id in output_ids if id in found)


def _datum(row: AnyRow) -> DatumFile:
    return DatumFile(
        datum=row.id,
        name=row.name,
        key=row.key,
        size=row.size,
        sha256=row.sha256,
        store=row.store,
        metadata=row.metadata or {},
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
    connection: Connection,
    attempt_id: str,
    points: Iterable[tuple[str, int, float, datetime]],
    cursor: str,
    gaps: Iterable[tuple[str, int, str, datetime]] = (),
) -> None:
    """Add points (key, record number, value, time) read from the live stream, and how far it was read.

    `gaps`: the same where a value was no number, with `nan`, `inf` or `-inf` for it.
    """
    for table, column, found in ((metrics, "value", points), (metric_gaps, "word", gaps)):
        rows = [
            {"attempt_id": attempt_id, "key": key[:200], "position": position, column: value, "at": at}
            for key, position, value, at in found
        ]
        if rows:
            positions = [row["position"] for row in rows]
            connection.execute(
                delete(table).where(table.c.attempt_id == attempt_id, table.c.position.in_(positions))
            )
            connection.execute(insert(table), rows)
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
