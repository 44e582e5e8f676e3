"""Attempts: the claim, the lease, and the fence. Whoever does not hold the current attempt is refused here.

The claim is one compare-and-set on the attempt's row. Redis, object keys and messages may say what they like; what an
attempt that is not current says does not get past this file.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, insert, or_, select, update

from ledger import agents, images, pull_approvals
from ledger.rows import AnyRow
from ledger.tables import attempts, executions
from schemas.codec import to_json
from schemas.errors import Gone, Refused
from schemas.messages.claim import Manifest, Order
from schemas.states import FINAL_EXECUTION, HELD_ATTEMPT, LIVE_ATTEMPT, AttemptState, ExecutionState


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt together with what its execution asks for."""

    id: str
    execution_id: str
    number: int
    environment_id: str
    state: AttemptState
    agent_id: str | None
    delivery: int
    stop_at: datetime | None
    spec: dict[str, Any]
    result_digest: str | None
    manifest: dict[str, Any] | None
    execution_state: ExecutionState


def _query() -> Select[Any]:
    return select(attempts, executions.c.spec, executions.c.state.label("execution_state")).join(
        executions, executions.c.id == attempts.c.execution_id
    )


def _row(row: AnyRow) -> AttemptRow:
    return AttemptRow(
        id=row.id,
        execution_id=row.execution_id,
        number=row.number,
        environment_id=row.environment_id,
        state=AttemptState(row.state),
        agent_id=row.agent_id,
        delivery=row.delivery,
        stop_at=row.stop_at,
        spec=row.spec,
        result_digest=row.result_digest,
        manifest=row.manifest,
        execution_state=ExecutionState(row.execution_state),
    )


def find(connection: Connection, attempt_id: str) -> AttemptRow:
    """An attempt by its id. Raises `Gone` when there is none."""
    row = connection.execute(_query().where(attempts.c.id == attempt_id)).first()
    if row is None:
        raise Gone(f"there is no attempt {attempt_id}")
    return _row(row)


def create(connection: Connection, execution_id: str, environment_id: str, now: datetime) -> str:
    """The next attempt of an execution, waiting to be claimed; its id. Every earlier one must be final."""
    last = connection.execute(
        select(attempts.c.number)
        .where(attempts.c.execution_id == execution_id)
        .order_by(attempts.c.number.desc())
        .limit(1)
    ).scalar()
    minted = str(uuid.uuid4())
    connection.execute(
        insert(attempts).values(
            id=minted,
            execution_id=execution_id,
            environment_id=environment_id,
            number=(last or 0) + 1,
            state=AttemptState.WAITING,
            created_at=now,
            events=[],
        )
    )
    return minted


def create_first(connection: Connection, created: Sequence[tuple[str, str]], now: datetime) -> None:
    """The first attempt of each new execution: (execution's id, environment's id)."""
    rows = [
        {
            "id": str(uuid.uuid4()),
            "execution_id": execution_id,
            "environment_id": environment_id,
            "number": 1,
            "state": AttemptState.WAITING,
            "created_at": now,
            "events": [],
        }
        for execution_id, environment_id in created
    ]
    if rows:
        connection.execute(insert(attempts), rows)


def claim(
    connection: Connection, attempt_id: str, agent_id: str, environment_id: str, delivery: int, now: datetime
) -> AttemptRow:
    """Make the attempt this agent's. The holder asking again gets the same answer until it has said that the result is
    there: a command that is over must not start twice. Everybody else is `Refused`.
    """
    won = connection.execute(
        update(attempts)
        .where(
            attempts.c.id == attempt_id,
            attempts.c.state == AttemptState.WAITING,
            attempts.c.environment_id == environment_id,
            attempts.c.stop_at.is_(None),
            attempts.c.execution_id.in_(
                select(executions.c.id).where(executions.c.finished_at.is_(None), pull_approvals.may_run())
            ),
        )
        .values(state=AttemptState.CLAIMED, agent_id=agent_id, claimed_at=now, renewed_at=now)
    )
    row = find(connection, attempt_id)
    if won.rowcount:
        started = update(executions).where(executions.c.id == row.execution_id)
        connection.execute(
            started.values(
                state=ExecutionState.STARTED, started_at=now, reason="an agent has taken it", status_detail=""
            )
        )
        return row
    if row.environment_id != environment_id:
        raise Refused("this attempt belongs to another environment")
    if row.agent_id == agent_id and row.state in HELD_ATTEMPT:
        if row.result_digest is not None:
            raise Refused("this attempt cannot be claimed again: its result is there")
        return row
    if row.state is AttemptState.WAITING and not _may_run(connection, row.execution_id):
        raise Refused("this attempt is of untrusted code, and no approval lets it run")
    raise Refused(
        f"this attempt cannot be claimed: it is {row.state}{' by another agent' if row.agent_id else ''}"
    )


def _may_run(connection: Connection, execution_id: str) -> bool:
    found = select(executions.c.id).where(executions.c.id == execution_id, pull_approvals.may_run())
    return connection.execute(found).first() is not None


def held(connection: Connection, attempt_id: str, agent_id: str) -> AttemptRow:
    """The attempt, if this agent holds it now. Raises `Refused` when it is another's, finished or fenced."""
    row = find(connection, attempt_id)
    if row.agent_id != agent_id:
        raise Refused("this attempt is not this agent's")
    if row.state not in HELD_ATTEMPT:
        raise Refused(f"this attempt is over: it is {row.state}")
    return row


def renew(
    connection: Connection, agent_id: str, attempt_ids: Sequence[str], now: datetime
) -> list[tuple[str, Order]]:
    """Prolong the leases that this agent holds; for each id asked about, what to do with it."""
    mine = connection.execute(
        select(attempts.c.id, attempts.c.state, attempts.c.stop_at).where(
            attempts.c.agent_id == agent_id, attempts.c.id.in_(list(attempt_ids))
        )
    )
    known = {row.id: row for row in mine}
    connection.execute(
        update(attempts)
        .where(
            attempts.c.agent_id == agent_id,
            attempts.c.id.in_(list(attempt_ids)),
            attempts.c.state.in_(HELD_ATTEMPT),
        )
        .values(renewed_at=now)
    )
    return [(attempt_id, _order(known.get(attempt_id))) for attempt_id in attempt_ids]


def _order(row: AnyRow | None) -> Order:
    if row is None or row.state not in HELD_ATTEMPT:
        return Order.LOST
    return Order.STOP if row.stop_at is not None else Order.GO_ON


def manifest(connection: Connection, attempt_id: str, agent_id: str, said: Manifest, now: datetime) -> None:
    """What the environment resolved; the command starts now. Raises `Refused` unless the agent holds the attempt."""
    row = held(connection, attempt_id, agent_id)
    connection.execute(
        update(attempts)
        .where(attempts.c.id == attempt_id)
        .values(state=AttemptState.RUNNING, manifest=to_json(said), renewed_at=now)
    )
    connection.execute(
        update(executions)
        .where(executions.c.id == row.execution_id)
        .values(image=said.image, image_digest=said.image_digest, runtime=said.runtime, reason="")
    )
    if said.image_digest:
        images.pin(connection, row.environment_id, said.image, said.image_digest, now)


def detail(connection: Connection, attempt_id: str, agent_id: str, text: str) -> None:
    """What the running job says of itself; it replaces what it said before. Raises `Refused` unless the agent holds it."""
    row = held(connection, attempt_id, agent_id)
    connection.execute(
        update(executions)
        .where(executions.c.id == row.execution_id, executions.c.finished_at.is_(None))
        .values(status_detail=text)
    )


def finish(connection: Connection, attempt_id: str, agent_id: str, digest: str, now: datetime) -> None:
    """The agent says that the result object is there. What it says is checked by the controller, later.

    Saying the same again is fine; the attempt stays held until the controller has read the result.
    """
    row = find(connection, attempt_id)
    if row.agent_id == agent_id and row.result_digest == digest:
        return
    held(connection, attempt_id, agent_id)
    connection.execute(
        update(attempts).where(attempts.c.id == attempt_id).values(result_digest=digest, renewed_at=now)
    )


def ask_to_stop(connection: Connection, execution_id: str, now: datetime) -> None:
    """Ask that the current attempt of an execution ends; its agent hears it with the next renewal."""
    connection.execute(
        update(attempts)
        .where(
            attempts.c.execution_id == execution_id,
            attempts.c.state.in_(LIVE_ATTEMPT),
            attempts.c.stop_at.is_(None),
        )
        .values(stop_at=now)
    )
    connection.execute(
        update(executions)
        .where(executions.c.id == execution_id, executions.c.state.not_in(FINAL_EXECUTION))
        .values(state=ExecutionState.STOPPING)
    )


def held_now(connection: Connection) -> list[AttemptRow]:
    """Every attempt that some agent holds."""
    return [_row(row) for row in connection.execute(_query().where(attempts.c.state.in_(HELD_ATTEMPT)))]


def waiting(connection: Connection) -> list[AnyRow]:
    """Attempts that nobody has claimed, in the ledger's order: priority, then age. Without those of untrusted code that no
    approval lets run, unless they are to be stopped.

    Columns: id, execution_id, number, environment_id, delivery, sent_at, stop_at, spec, image_digest (as an earlier attempt
    resolved it).
    """
    statement = (
        select(
            attempts.c.id,
            attempts.c.execution_id,
            attempts.c.number,
            attempts.c.environment_id,
            attempts.c.delivery,
            attempts.c.sent_at,
            attempts.c.stop_at,
            executions.c.spec,
            executions.c.image_digest,
        )
        .join(executions, executions.c.id == attempts.c.execution_id)
        .where(
            attempts.c.state == AttemptState.WAITING,
            or_(attempts.c.stop_at.is_not(None), pull_approvals.may_run()),
        )
        .order_by(executions.c.priority.desc(), executions.c.created_at, executions.c.number)
    )
    return list(connection.execute(statement))


def sent(connection: Connection, attempt_id: str, delivery: int, now: datetime) -> bool:
    """Count a wake-up before it is sent. False when the attempt is not waiting any more."""
    changed = connection.execute(
        update(attempts)
        .where(attempts.c.id == attempt_id, attempts.c.state == AttemptState.WAITING)
        .values(delivery=delivery, sent_at=now)
    )
    return bool(changed.rowcount)


def expired(connection: Connection, now: datetime, lease: float) -> list[AttemptRow]:
    """Attempts whose lease has ended: last renewal and last start of the web side are both `lease` seconds ago."""
    started = agents.last_web_start(connection)
    limit = now - timedelta(seconds=lease)
    if started is not None and started > limit:
        return []
    rows = connection.execute(
        _query().where(attempts.c.state.in_(HELD_ATTEMPT), attempts.c.renewed_at < limit)
    )
    return [_row(row) for row in rows]


def end(
    connection: Connection, attempt_id: str, state: AttemptState, reason: str, now: datetime, **facts: Any
) -> bool:
    """Give a live attempt its final state. False when it had one already: that one stands."""
    changed = connection.execute(
        update(attempts)
        .where(attempts.c.id == attempt_id, attempts.c.state.in_(LIVE_ATTEMPT))
        .values(state=state, reason=reason, finished_at=now, **facts)
    )
    return bool(changed.rowcount)


def tell(connection: Connection, attempt_id: str, sentences: list[str]) -> None:
    """Add sentences for people to what an attempt says of itself."""
    if not sentences:
        return
    said = connection.execute(select(attempts.c.events).where(attempts.c.id == attempt_id)).scalar_one()
    connection.execute(
        update(attempts).where(attempts.c.id == attempt_id).values(events=[*(said or ()), *sentences])
    )


def any_live(connection: Connection) -> bool:
    """Whether any attempt waits or is held."""
    return (
        connection.execute(select(attempts.c.id).where(attempts.c.finished_at.is_(None)).limit(1)).first()
        is not None
    )
