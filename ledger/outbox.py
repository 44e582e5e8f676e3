"""What goes out: the newest word of each context to the forges, and final facts to the system store as records."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

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
    run_id: str | None = None
    """Whose word it is; None: the verdict's of `project_id`, or an alarm where that is None too."""
    project_id: str | None = None
    number: int | None = None
    """Of the pull request that people look at, where there is one."""


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
        "run_id": status.run_id,
        "project_id": status.project_id,
        "number": status.number,
        "written_at": now,
        "delivered_at": None,
        "trouble": None,
        "again_at": None,
    }
    if known is None:
        identity = {"repository_id": status.repository_id, "sha": status.sha, "context": status.context}
        connection.execute(insert(statuses).values(**identity, **values))
    else:
        connection.execute(update(statuses).where(where).values(**values))
    return True


def is_said(connection: Connection, repository_id: str, sha: str, context: str) -> bool:
    """Whether a context has a word at a commit."""
    where = (
        (statuses.c.repository_id == repository_id)
        & (statuses.c.sha == sha)
        & (statuses.c.context == context)
    )
    return connection.execute(select(statuses.c.id).where(where)).first() is not None


def undelivered(
    connection: Connection, now: datetime, among: Collection[str] | None = None, limit: int = 500
) -> list[AnyRow]:
    """Words that no forge has yet and that may be tried now, final ones first.

    `among` are ids of repositories (None: all). Of each at most `limit`, so that one whose words are not taken keeps no
    other's back.
    """
    place = func.row_number().over(
        partition_by=statuses.c.repository_id, order_by=(statuses.c.final.desc(), statuses.c.id)
    )
    waiting = select(statuses.c.id, place.label("place")).where(
        statuses.c.delivered_at.is_(None),
        or_(statuses.c.again_at.is_(None), statuses.c.again_at <= now),
    )
    if among is not None:
        waiting = waiting.where(statuses.c.repository_id.in_(list(among)))
    first = waiting.subquery()
    return list(
        connection.execute(
            select(statuses)
            .join(first, first.c.id == statuses.c.id)
            .where(first.c.place <= limit)
            .order_by(statuses.c.final.desc(), statuses.c.id)
        )
    )


def any_undelivered(connection: Connection, now: datetime) -> bool:
    """Whether there is any word that no forge has yet and that may be tried now."""
    waiting = select(statuses.c.id).where(
        statuses.c.delivered_at.is_(None), or_(statuses.c.again_at.is_(None), statuses.c.again_at <= now)
    )
    return connection.execute(waiting.limit(1)).first() is not None


def delivered(connection: Connection, rows: Iterable[AnyRow], now: datetime) -> None:
    """The forge has these words. A word that changed meanwhile stays undelivered."""
    same = (statuses.c.id == bindparam("which")) & (statuses.c.written_at == bindparam("said_then"))
    changes = [{"which": row.id, "said_then": row.written_at} for row in rows]
    if changes:
        connection.execute(update(statuses).where(same).values(delivered_at=now, trouble=None), changes)


def troubled(
    connection: Connection, ids: Iterable[int], trouble: str | None, again_at: datetime | None = None
) -> None:
    """The forge did not take these words; they stay and are tried again, not before `again_at`."""
    connection.execute(
        update(statuses).where(statuses.c.id.in_(list(ids))).values(trouble=trouble, again_at=again_at)
    )


def remember(connection: Connection, status_id: int, said: Mapping[str, Any], now: datetime) -> None:
    """What the forge was told last of a context (JSON of forges/port.Said): it has to be given back with the next word."""
    connection.execute(
        update(statuses).where(statuses.c.id == status_id).values(said=dict(said), said_at=now)
    )


def noted(connection: Connection, status_id: int, trouble: str) -> None:
    """Why the forge never took a word that is not tried again."""
    connection.execute(update(statuses).where(statuses.c.id == status_id).values(trouble=trouble))


COMPARE = timedelta(minutes=10)
RECENT = timedelta(days=2)


def to_compare(
    connection: Connection, now: datetime, among: Collection[str], limit: int = 40
) -> list[AnyRow]:
    """Recent words that a forge has, and of which nobody looked for a while whether it still shows them.

    `among` are ids of repositories.
    """
    due = or_(statuses.c.compared_at.is_(None), statuses.c.compared_at <= now - COMPARE)
    statement = select(statuses).where(
        statuses.c.repository_id.in_(list(among)),
        statuses.c.delivered_at <= now - COMPARE,
        statuses.c.written_at >= now - RECENT,
        statuses.c.said.is_not(None),
        statuses.c.trouble.is_(None),
        due,
    )
    return list(connection.execute(statement.order_by(statuses.c.compared_at, statuses.c.id).limit(limit)))


def compared(connection: Connection, status_id: int, now: datetime, again: Mapping[str, Any] | None) -> None:
    """Whether the forge still shows a word. With `again`, what is known of it, it is said once more."""
    values: dict[str, Any] = {"compared_at": now}
    if again is not None:
        values |= {"said": dict(again) or None, "delivered_at": None, "again_at": None}
    connection.execute(update(statuses).where(statuses.c.id == status_id).values(**values))


def waiting_since(
    connection: Connection, among: Collection[str], words: Collection[str], first: datetime, last: datetime
) -> list[AnyRow]:
    """Words of pull requests' runs with one of these descriptions, written between two moments, oldest first."""
    return list(
        connection.execute(
            select(statuses)
            .where(
                statuses.c.repository_id.in_(list(among)),
                statuses.c.description.in_(list(words)),
                statuses.c.number.is_not(None),
                statuses.c.written_at.between(first, last),
            )
            .order_by(statuses.c.written_at, statuses.c.id)
            .limit(200)
        )
    )


FRESH = timedelta(minutes=2)


def refresh(connection: Connection, now: datetime, among: Collection[str]) -> int:
    """Let what is told of runs that go on be spelled out again, at growing distances; how many words.

    What stands behind a word changes while the word stays: places in a queue, machines that are busy, metrics. The first
    time comes after two minutes, each next one when the word is twice as old.
    """
    rows = connection.execute(
        select(statuses.c.id, statuses.c.written_at, statuses.c.said_at).where(
            statuses.c.repository_id.in_(list(among)),
            statuses.c.final.is_(False),
            statuses.c.run_id.is_not(None),
            statuses.c.delivered_at.is_not(None),
            statuses.c.said_at <= now - FRESH,
        )
    )
    due = [row.id for row in rows if now - row.said_at >= row.said_at - row.written_at]
    connection.execute(update(statuses).where(statuses.c.id.in_(due)).values(delivered_at=None))
    return len(due)


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
