"""An execution of the past: what it was asked to do and what came of it, from the ledger and the system store."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from agent.local import NOWHERE
from controller.core import plan
from ledger import executions
from ledger.executions import ExecutionRow
from ledger.tables import attempts, projects, repositories
from ledger.tables import executions as table
from luotsi.here.tree import LIFE
from schemas import codec, moments
from schemas.errors import ConfigError, Gone
from schemas.messages.job import VERSION, Job
from schemas.messages.result import Result
from schemas.states import FINAL_EXECUTION
from stores import keys
from stores.port import Store


@dataclass(frozen=True, slots=True)
class Recorded:
    """One ended execution. `attempt` is the number of the attempt whose result counts."""

    row: ExecutionRow
    repository: str
    attempt: int


def find(connection: Connection, number: str, repository: str | None) -> Recorded:
    """The execution that a person means; for one that took an earlier result, that earlier one. Raises `ConfigError`."""
    wanted = number.removeprefix("#")
    if not (wanted.isascii() and wanted.isdigit()):
        raise ConfigError(
            f"{number} is not the number of an execution", hint="Like this: luotsi reproduce 12"
        )
    statement = (
        select(table.c.id, table.c.reused_id, repositories.c.name, repositories.c.removed_at)
        .join(projects, projects.c.id == table.c.project_id)
        .join(repositories, repositories.c.id == projects.c.repository_id)
        .where(table.c.number == int(wanted))
    )
    rows = [row for row in connection.execute(statement) if repository in (None, row.name)]
    # What is watched no longer can still be reproduced, and gives way to what is.
    if repository is None and any(row.removed_at is None for row in rows):
        rows = [row for row in rows if row.removed_at is None]
    if not rows:
        raise ConfigError(f"there is no execution #{wanted}" + (f" in {repository}" if repository else ""))
    if len(rows) > 1:
        names = ", ".join(row.name for row in rows)
        raise ConfigError(
            f"several repositories have an execution #{wanted}", hint=f"Add --repository: {names}."
        )
    row = executions.by_id(connection, rows[0].reused_id or rows[0].id)
    return Recorded(_repeatable(row), rows[0].name, _last_attempt(connection, row))


def _repeatable(row: ExecutionRow) -> ExecutionRow:
    if row.kind != "step":
        raise ConfigError(f"#{row.number} is a build: promote the version again to make its image again")
    if row.state not in FINAL_EXECUTION:
        raise ConfigError(f"#{row.number} has not ended yet: it is {row.state}", hint="Wait for its result.")
    return row


def _last_attempt(connection: Connection, row: ExecutionRow) -> int:
    statement = (
        select(attempts.c.number)
        .where(attempts.c.execution_id == row.id, attempts.c.result_digest.is_not(None))
        .order_by(attempts.c.number.desc())
        .limit(1)
    )
    number: int | None = connection.execute(statement).scalar()
    if number is None:
        raise ConfigError(
            f"#{row.number} never gave a result: {row.reason}",
            hint="There is nothing to compare with: luotsi run STEP",
        )
    return number


def result_of(found: Recorded, system: Store) -> Result:
    """What came of it. Raises `Gone` when the store has it no more, `Refused` when it is damaged."""
    key = keys.result(found.row.id, found.attempt)
    try:
        return codec.read(Result, system.get(key))
    except Gone as error:
        raise Gone(f"the result of #{found.row.number} is not in the store any more ({key})") from error


def stopped_after(found: Recorded, old: Result) -> float | None:
    """Seconds after which its command was stopped by request, which nothing in the job says; None where it ended otherwise.

    Raises `ConfigError` for one that was stopped before its command began.
    """
    if old.outcome != "stopped":
        return None
    if old.started is None:
        raise ConfigError(
            f"#{found.row.number} was stopped before its command began",
            hint="There is nothing to compare with: luotsi run STEP",
        )
    return (moments.from_text(old.finished) - moments.from_text(old.started)).total_seconds()


def job_of(found: Recorded) -> Job:
    """The same work again, as an execution of nobody: the image is the very one that it ran in. Raises `Refused`."""
    body: dict[str, Any] = {
        **plan.message(found.row.spec),
        "image_digest": found.row.image_digest,
        "version": VERSION,
        "execution": str(uuid.uuid4()),
        "attempt": str(uuid.uuid4()),
        "attempt_number": 1,
        "delivery": 1,
        "environment": NOWHERE,
        "expires": moments.to_text(moments.now() + LIFE),
    }
    return codec.from_json(Job, body)
