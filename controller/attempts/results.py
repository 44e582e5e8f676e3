"""Ends attempts: reads result objects, and declares lost what nobody renews. The result object is the commit point."""

import hashlib
from datetime import datetime

import structlog
from sqlalchemy import Connection

from controller import isolate
from controller.attempts import data, live
from controller.ports import Ports
from controller.reporting import statuses
from ledger import attempts, executions, verdicts
from ledger.attempts import AttemptRow
from ledger.executions import ExecutionRow
from schemas import codec
from schemas.errors import Gone, Refused
from schemas.messages.result import Result
from schemas.moments import from_text
from schemas.states import AttemptState, ExecutionState
from stores import keys

log = structlog.get_logger()

RESULT_LIMIT = 64 * 1024 * 1024

_OUTCOMES = {
    "complete": (AttemptState.COMPLETE, ExecutionState.COMPLETE),
    "error": (AttemptState.ERROR, ExecutionState.ERROR),
    "stopped": (AttemptState.STOPPED, ExecutionState.STOPPED),
}


def collect(ports: Ports) -> int:
    """Read the results that are there and end what is lost; how many attempts ended."""
    now = ports.ledger.now()
    with ports.ledger.read() as connection:
        held = attempts.held_now(connection)
        expired = {row.id for row in attempts.expired(connection, now, ports.settings.lease)}
    ready = [row for row in held if row.result_digest is not None or row.id in expired]
    return isolate.each(
        ready,
        lambda row: _collect(ports, row),
        lambda row, bug: _end(ports, row, AttemptState.ERROR, ExecutionState.CRASHED, f"internal: {bug}"),
    )


def _collect(ports: Ports, row: AttemptRow) -> bool:
    try:
        body = ports.stores["system"].get(keys.result(row.execution_id, row.number), RESULT_LIMIT)
    except Gone:
        return _lost(ports, row)
    try:
        result = codec.read(Result, body)
        _check(row, result, body)
    except Refused as refusal:
        log.warning("a result was refused", execution=row.execution_id, reason=str(refusal))
        return _end(
            ports, row, AttemptState.ERROR, ExecutionState.CRASHED, f"its result was refused: {refusal}"
        )
    if result.outcome == "interrupted":
        return _again(ports, row, AttemptState.INTERRUPTED, result.reason)
    return _accept(ports, row, result)


def _check(row: AttemptRow, result: Result, body: bytes) -> None:
    if (result.execution, result.attempt) != (row.execution_id, row.id):
        raise Refused("the result names another attempt")
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    if row.result_digest is not None and row.result_digest != digest:
        raise Refused("the stored result is not the one that the agent announced")
    own = keys.written_by(row.execution_id, row.number)["artifacts"]
    if any(not output.key.startswith(own) for output in result.outputs):
        raise Refused("an output lies outside the attempt's own place")


def _lost(ports: Ports, row: AttemptRow) -> bool:
    if row.result_digest is not None:
        reason = "the agent announced a result that is not in the store"
    else:
        reason = "its agent has not been heard of for longer than its lease"
    return _again(ports, row, AttemptState.LOST, reason)


def _again(ports: Ports, row: AttemptRow, state: AttemptState, reason: str) -> bool:
    """Infrastructure's fault: the next attempt, up to a number of them; a stop that was asked for stands."""
    now = ports.clock()
    with ports.ledger.write() as connection:
        if not attempts.end(connection, row.id, state, reason, now):
            return False
        if row.stop_at is not None:
            executions.end(connection, row.execution_id, ExecutionState.STOPPED, f"stopped; {reason}", now)
        elif executions.by_id(connection, row.execution_id).spec.get("autorestart") is False:
            words = f"{reason}; its step says `autorestart: false`"
            executions.end(connection, row.execution_id, ExecutionState.CRASHED, words, now)
        elif row.number >= ports.settings.max_attempts:
            words = f"{reason}; {row.number} attempts were made"
            executions.end(connection, row.execution_id, ExecutionState.CRASHED, words, now)
        else:
            attempts.create(connection, row.execution_id, row.environment_id, now)
            executions.requeue(connection, row.execution_id, f"attempt {row.number} was lost: {reason}")
        execution = executions.by_id(connection, row.execution_id)
        _record(connection, execution, row, None, now)
    log.warning("attempt lost", execution=f"#{execution.number}", attempt=row.number, reason=reason)
    return True


def _accept(ports: Ports, row: AttemptRow, result: Result) -> bool:
    attempt_state, execution_state = _OUTCOMES[result.outcome]
    live.drain(ports, row.id)
    now = ports.clock()
    with ports.ledger.write() as connection:
        log_facts = codec.to_json(result.log) if result.log else None
        if not attempts.end(
            connection, row.id, attempt_state, result.reason, now, log=log_facts, events=list(result.events)
        ):
            return False
        executions.keep_outputs(connection, result, now)
        executions.end(
            connection,
            row.execution_id,
            execution_state,
            result.reason,
            now,
            metadata=result.metadata,
            exit_code=result.exit_code,
            image_digest=result.image_digest,
            runtime=result.runtime,
            built=codec.to_json(result.built) if result.built else None,
            **({"started_at": from_text(result.started)} if result.started else {}),
        )
        execution = executions.by_id(connection, row.execution_id)
        attempts.tell(
            connection, row.id, data.record(connection, execution.project_id, execution, result, now)
        )
        _record(connection, execution, row, result, now)
    log.info(
        "execution ended", execution=f"#{execution.number}", state=execution_state.value, why=result.reason
    )
    return True


def _end(ports: Ports, row: AttemptRow, state: AttemptState, execution: ExecutionState, reason: str) -> bool:
    now = ports.clock()
    with ports.ledger.write() as connection:
        if not attempts.end(connection, row.id, state, reason, now):
            return False
        executions.end(connection, row.execution_id, execution, reason, now)
        _record(connection, executions.by_id(connection, row.execution_id), row, None, now)
    return True


def _record(
    connection: Connection, execution: ExecutionRow, row: AttemptRow, result: Result | None, now: datetime
) -> None:
    """A final execution as a record: what it was asked to do, and what came of it (the result object says the rest)."""
    if execution.finished_at is None:
        return
    repository_id = verdicts.repository_of(connection, execution.project_id)
    body = {
        "project": execution.project_id,
        "number": execution.number,
        "run": execution.run_id,
        "kind": execution.kind,
        "step": execution.step,
        "sha": execution.sha,
        "state": execution.state.value,
        "reason": execution.reason,
        "attempt": row.id,
        "attempt_number": row.number,
        "spec": execution.spec,
        "result": keys.result(execution.id, row.number) if result else None,
    }
    statuses.record(connection, repository_id, "execution", execution.id, body, now)
