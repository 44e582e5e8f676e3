"""The audit: who did what to which thing. Rows are only ever added."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from ledger.tables import audit


def note(
    connection: Connection, who: str, what: str, subject: str, detail: dict[str, Any], now: datetime
) -> None:
    """Add one row. `who` is an account, an agent's id or `controller`; `detail` never holds a secret."""
    connection.execute(insert(audit).values(at=now, who=who, what=what, subject=subject, detail=detail))
