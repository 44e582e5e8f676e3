"""Wakes agents: compares what is queued with what is unclaimed, and sends what is missing. Redis may be emptied at any time."""

import json
from datetime import timedelta
from typing import Any

import structlog
from redis.exceptions import RedisError

from controller.core import order, plan
from controller.core.order import Candidate
from controller.ports import Ports
from controller.running import words
from ledger import agents, attempts, executions
from schemas import codec, moments
from schemas.messages.job import VERSION, Job
from schemas.states import AttemptState, ExecutionState

log = structlog.get_logger()

PATIENCE = timedelta(seconds=3)
"""How long a wake-up that left the queue may take until its claim, before it is sent again."""


def dispatch(ports: Ports) -> int:
    """Send the wake-ups that are missing and end what was stopped before; how many. With Redis away nothing is sent, and nothing is lost."""
    now = ports.clock()
    alive_since = now - timedelta(seconds=ports.settings.lease)
    with ports.ledger.read() as connection:
        waiting = attempts.waiting(connection)
        free = agents.free_slots(connection, alive_since)
    ended = _end_stopped(ports, waiting)
    specs = {row.id: row for row in waiting if row.stop_at is None}
    if not specs:
        return ended
    candidates = [
        Candidate(r.id, r.execution_id, r.number, r.environment_id, r.delivery, r.sent_at)
        for r in specs.values()
    ]
    if ports.settings.maintenance:
        _rest(ports, candidates)
        return ended
    try:
        queued = {id: _queued(ports, id) for id in {candidate.environment for candidate in candidates}}
        sends = order.to_send(candidates, queued, free, now, PATIENCE)
        for send in sends:
            _send(ports, specs[send.attempt], send.delivery)
    except RedisError as error:
        log.warning("agents cannot be woken: Redis does not answer", reason=str(error))
        return ended
    _explain(ports, candidates, free)
    return ended + len(sends)


def _rest(ports: Ports, candidates: list[Candidate]) -> None:
    """Nobody is woken, and who has not been yet is not any more. What was claimed goes on."""
    try:
        for environment in {candidate.environment for candidate in candidates}:
            ports.wakeups.withdraw(environment)
    except RedisError as error:
        log.warning("wake-ups cannot be withdrawn: Redis does not answer", reason=str(error))
    reason = words.resting(ports.settings.maintenance)
    with ports.ledger.write() as connection:
        for candidate in candidates:
            executions.say(connection, candidate.execution, reason)


def _queued(ports: Ports, environment: str) -> frozenset[tuple[str, int]]:
    return frozenset((execution, number) for execution, number, _ in ports.wakeups.queued(environment))


def _send(ports: Ports, row: Any, delivery: int) -> None:
    now = ports.clock()
    with ports.ledger.write() as connection:
        if not attempts.sent(connection, row.id, delivery, now):
            return
    job = codec.from_json(
        Job,
        {
            **plan.message(row.spec),
            "image_digest": row.image_digest,
            "version": VERSION,
            "execution": row.execution_id,
            "attempt": row.id,
            "attempt_number": row.number,
            "delivery": delivery,
            "environment": row.environment_id,
            "expires": moments.to_text(now + timedelta(seconds=ports.settings.message_life)),
        },
    )
    envelope = ports.key.sign(json.dumps(codec.to_json(job), separators=(",", ":")).encode())
    ports.wakeups.send(row.environment_id, row.execution_id, row.number, delivery, envelope)


def _end_stopped(ports: Ports, waiting: list[Any]) -> int:
    """A stop that was asked for before anybody claimed the attempt ends it here; how many ended."""
    ended = 0
    for row in waiting:
        if row.stop_at is None:
            continue
        now = ports.clock()
        with ports.ledger.write() as connection:
            if attempts.end(
                connection, row.id, AttemptState.STOPPED, "stopped on request before it started", now
            ):
                executions.end(
                    connection,
                    row.execution_id,
                    ExecutionState.STOPPED,
                    "stopped on request before it started",
                    now,
                )
                ended += 1
    return ended


def _explain(ports: Ports, candidates: list[Candidate], free: dict[str, int]) -> None:
    """The true reason for waiting, on each execution: no agent at all, or how many are ahead."""
    reasons: dict[str, str] = {}
    ahead: dict[str, int] = {}
    for candidate in candidates:
        before = ahead.get(candidate.environment, 0)
        ahead[candidate.environment] = before + 1
        name = next((e.name for e in ports.settings.environments if e.id == candidate.environment), "?")
        if candidate.environment not in free:
            reasons[candidate.execution] = f"{words.SILENT}{name} has been heard of lately"
        elif before >= free[candidate.environment]:
            reasons[candidate.execution] = f"waiting for a free slot in {name}; {before} ahead"
        else:
            reasons[candidate.execution] = f"waiting for an agent of {name}"
    with ports.ledger.write() as connection:
        for execution, reason in reasons.items():
            executions.say(connection, execution, reason)
