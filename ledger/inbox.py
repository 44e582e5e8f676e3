"""The inbox: deliveries and operator verbs, kept before anything is done about them."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Insert, or_, select, update

from ledger.rows import AnyRow
from ledger.tables import inbox


def receive(
    connection: Connection, kind: str, source: str, delivery: str, body: bytes, now: datetime
) -> bool:
    """Keep one delivery. False when the same (kind, source, delivery) was there before: a replay is one row."""
    values = {"kind": kind, "source": source, "delivery": delivery, "body": body, "received_at": now}
    return connection.execute(_keeping(connection.dialect.name), values).rowcount > 0


@cache
def _keeping(dialect: str) -> Insert:
    """Made once: a burst of deliveries is mostly this statement. Of the other database's dialect nothing is loaded."""
    there: Any = import_module(f"sqlalchemy.dialects.{dialect}").insert(inbox).inline()
    once = there.on_conflict_do_nothing(index_elements=[inbox.c.kind, inbox.c.source, inbox.c.delivery])
    made: Insert = once.execution_options(preserve_rowcount=True)
    return made


REFUSED = "not done: "
"""How the outcome of a wish begins that was not carried out: who waits for it ends with an error."""
FORGE = "forge:"
"""How the source of a forge's delivery begins: one hook may bring what happened in many repositories."""


def unhandled(connection: Connection, limit: int = 1000) -> list[AnyRow]:
    """What still waits, oldest first: (id, kind, source, body). Deliveries of forges are asked for apart."""
    statement = select(inbox.c.id, inbox.c.kind, inbox.c.source, inbox.c.body).where(
        inbox.c.handled_at.is_(None), inbox.c.source.not_like(f"{FORGE}%")
    )
    return list(connection.execute(statement.order_by(inbox.c.id).limit(limit)))


def heard(connection: Connection, now: datetime, limit: int = 1000) -> list[AnyRow]:
    """Deliveries of forges that wait and may be tried now, oldest first: (id, source, body, received_at)."""
    statement = select(inbox.c.id, inbox.c.source, inbox.c.body, inbox.c.received_at).where(
        inbox.c.kind == "delivery",
        inbox.c.handled_at.is_(None),
        inbox.c.source.like(f"{FORGE}%"),
        or_(inbox.c.again_at.is_(None), inbox.c.again_at <= now),
    )
    return list(connection.execute(statement.order_by(inbox.c.id).limit(limit)))


def waiting(connection: Connection, forge: str) -> list[AnyRow]:
    """All deliveries of a forge that wait, whether they may be tried now or not, oldest first: (body, received_at)."""
    statement = select(inbox.c.body, inbox.c.received_at).where(
        inbox.c.kind == "delivery", inbox.c.handled_at.is_(None), inbox.c.source == f"{FORGE}{forge}"
    )
    return list(connection.execute(statement.order_by(inbox.c.id)))


def handled(connection: Connection, ids: Iterable[int], now: datetime, outcome: str | None = None) -> None:
    """Mark rows as acted upon; `outcome` says for people what came of them."""
    connection.execute(update(inbox).where(inbox.c.id.in_(list(ids))).values(handled_at=now, outcome=outcome))


def later(connection: Connection, id: int, again_at: datetime, outcome: str) -> None:
    """A row that cannot be acted upon before then, and why."""
    connection.execute(update(inbox).where(inbox.c.id == id).values(again_at=again_at, outcome=outcome))
