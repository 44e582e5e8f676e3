"""The inbox: deliveries and operator verbs, kept before anything is done about them."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from ledger.rows import AnyRow
from ledger.tables import inbox


def receive(
    connection: Connection, kind: str, source: str, delivery: str, body: bytes, now: datetime
) -> bool:
    """Keep one delivery. False when the same (kind, source, delivery) was there before: a replay is one row."""
    try:
        with connection.begin_nested():
            connection.execute(
                insert(inbox).values(kind=kind, source=source, delivery=delivery, body=body, received_at=now)
            )
    except IntegrityError:
        return False
    return True


def unhandled(connection: Connection, limit: int = 1000) -> list[AnyRow]:
    """What still waits, oldest first: (id, kind, source, body)."""
    statement = select(inbox.c.id, inbox.c.kind, inbox.c.source, inbox.c.body)
    return list(
        connection.execute(statement.where(inbox.c.handled_at.is_(None)).order_by(inbox.c.id).limit(limit))
    )


def handled(connection: Connection, ids: Iterable[int], now: datetime) -> None:
    """Mark rows as acted upon."""
    connection.execute(update(inbox).where(inbox.c.id.in_(list(ids))).values(handled_at=now))
