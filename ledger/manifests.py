"""What the agents said before the commands started: the inputs as they were resolved."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from ledger.tables import attempts, executions


def inputs_of(connection: Connection, execution_id: str) -> list[dict[str, Any]]:
    """The files that an execution's last manifest names, as JSON of `ResolvedInput`: of the one whose result it took, if so."""
    reused = connection.execute(
        select(executions.c.reused_id).where(executions.c.id == execution_id)
    ).scalar_one_or_none()
    said = connection.scalars(
        select(attempts.c.manifest)
        .where(attempts.c.execution_id == (reused or execution_id))
        .order_by(attempts.c.number.desc())
    )
    return list(_newest(said).get("inputs", ()))


def before(connection: Connection, execution_id: str, number: int) -> dict[str, Any] | None:
    """The newest manifest of an execution's attempts before the one with this number, as JSON of `Manifest`."""
    said = connection.scalars(
        select(attempts.c.manifest)
        .where(attempts.c.execution_id == execution_id, attempts.c.number < number)
        .order_by(attempts.c.number.desc())
    )
    return _newest(said) or None


def _newest(said: Iterable[dict[str, Any] | None]) -> dict[str, Any]:
    # Not a condition of the question: an empty place may hold the JSON word null.
    return next((manifest for manifest in said if manifest), {})
