"""What goes out: the newest word of each context to the forges, and final facts to the system store as records."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from ledger.rows import AnyRow
from ledger.tables import records, statuses
from schemas.codec import to_json
from schemas.messages.record import Record


@dataclass(frozen=True, slots=True)
class NewStatus:
    """One context of one commit. `final` ones are delivered first."""

    repository_id: str
    sha: str
    context: str
    state: str
    description: str
    url: str
    final: bool


def say(connection: Connection, status: NewStatus, now: datetime) -> bool:
    """Replace a context's word. False when it says exactly this already: nothing is sent twice."""
    where = (
        (statuses.c.repository_id == status.repository_id)
        & (statuses.c.sha == status.sha)
        & (statuses.c.context == status.context)
    )
    known = connection.execute(select(statuses.c.state, statuses.c.description).where(where)).first()
    if known is not None and (known.state, known.description) == (status.state, status.description):
        return False
    values = {
        "state": status.state,
        "description": status.description,
        "url": status.url,
        "final": status.final,
        "written_at": now,
        "delivered_at": None,
        "trouble": None,
    }
    if known is None:
        identity = {"repository_id": status.repository_id, "sha": status.sha, "context": status.context}
        connection.execute(insert(statuses).values(**identity, **values))
    else:
        connection.execute(update(statuses).where(where).values(**values))
    return True


def undelivered(connection: Connection, limit: int = 500) -> list[AnyRow]:
    """Words that no forge has yet, final ones first."""
    return list(
        connection.execute(
            select(statuses)
            .where(statuses.c.delivered_at.is_(None))
            .order_by(statuses.c.final.desc(), statuses.c.id)
            .limit(limit)
        )
    )


def delivered(connection: Connection, rows: Iterable[AnyRow], now: datetime) -> None:
    """The forge has these words. A word that changed meanwhile stays undelivered."""
    for row in rows:
        connection.execute(
            update(statuses)
            .where(statuses.c.id == row.id, statuses.c.written_at == row.written_at)
            .values(delivered_at=now, trouble=None)
        )


def troubled(connection: Connection, ids: Iterable[int], trouble: str) -> None:
    """The forge did not take these words; they stay and are tried again."""
    connection.execute(update(statuses).where(statuses.c.id.in_(list(ids))).values(trouble=trouble))


def of_commit(connection: Connection, repository_id: str, sha: str) -> list[AnyRow]:
    """Every context of a commit."""
    return list(
        connection.execute(
            select(statuses)
            .where(statuses.c.repository_id == repository_id, statuses.c.sha == sha)
            .order_by(statuses.c.context)
        )
    )


def keep_record(connection: Connection, key: str, record: Record, now: datetime) -> None:
    """A fact became final in this transaction; it goes to the store right after. The newest under a key counts."""
    connection.execute(delete(records).where(records.c.key == key))
    connection.execute(insert(records).values(key=key, body=to_json(record), written_at=now))


def records_to_put(connection: Connection, limit: int = 200) -> list[AnyRow]:
    """Records that the store does not have yet."""
    return list(connection.execute(select(records).order_by(records.c.written_at).limit(limit)))


def records_put(connection: Connection, rows: Iterable[AnyRow]) -> None:
    """The store has these records."""
    for row in rows:
        connection.execute(
            delete(records).where(records.c.key == row.key, records.c.written_at == row.written_at)
        )
