"""Events that forges told, in our words: kept before anything is done about them, each acted upon once.

What the bodies hold is controller/core/events.py's: JSON of its dataclasses.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from ledger.pieces import pieces
from ledger.tables import commits, events, repositories

NAMED = "push"
PULL_REQUEST = "pull-request"
COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event that waits to be acted upon."""

    id: int
    repository_id: str
    kind: str
    key: str
    body: dict[str, Any]
    received_at: datetime

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


def tell(
    connection: Connection,
    repository_id: str,
    kind: str,
    key: str,
    body: Mapping[str, Any],
    now: datetime,
) -> bool:
    """Keep an event. False when the same (repository, kind, key) was told before: a replay is one row.

    `key` is what the event's own `key` says, at most 300 characters. A pull request that is told again is so now,
    whatever was told in between: a head may come back.
    """
    try:
        with connection.begin_nested():
            connection.execute(
                insert(events).values(
                    repository_id=repository_id, kind=kind, key=key, body=dict(body), received_at=now
                )
            )
    except IntegrityError:
        if kind == PULL_REQUEST:
            _again(connection, repository_id, key, body, now)
        return False
    return True


def _again(
    connection: Connection, repository_id: str, key: str, body: Mapping[str, Any], now: datetime
) -> None:
    connection.execute(
        update(events)
        .where(
            events.c.repository_id == repository_id,
            events.c.kind == PULL_REQUEST,
            events.c.key == key,
            events.c.handled_at.is_not(None),
        )
        .values(body=dict(body), received_at=now)
    )


def unhandled(connection: Connection, limit: int = 500) -> list[EventRow]:
    """Events of watched repositories that still wait, in the order in which they were told; of each at most `limit`.

    Those of a repository that cannot be looked at wait long, and keep no other's back.
    """
    place = func.row_number().over(partition_by=events.c.repository_id, order_by=events.c.id)
    first = select(events.c.id, place.label("place")).where(events.c.handled_at.is_(None)).subquery()
    rows = connection.execute(
        select(
            events.c.id,
            events.c.repository_id,
            events.c.kind,
            events.c.key,
            events.c.body,
            events.c.received_at,
        )
        .join(first, first.c.id == events.c.id)
        .join(repositories, repositories.c.id == events.c.repository_id)
        .where(first.c.place <= limit, repositories.c.removed_at.is_(None))
        .order_by(events.c.id)
    )
    return [EventRow(*row) for row in rows]


def told(connection: Connection, repository_id: str) -> list[EventRow]:
    """Every event that was ever told of a repository, handled or not, oldest first."""
    rows = connection.execute(
        select(
            events.c.id,
            events.c.repository_id,
            events.c.kind,
            events.c.key,
            events.c.body,
            events.c.received_at,
        )
        .where(events.c.repository_id == repository_id)
        .order_by(events.c.id)
    )
    return [EventRow(*row) for row in rows]


def unseen_heads(connection: Connection) -> set[tuple[str, str]]:
    """(repository, commit) that waiting events of watched repositories name and that are not recorded as commits yet."""
    rows = connection.execute(
        select(events.c.repository_id, events.c.body)
        .join(repositories, repositories.c.id == events.c.repository_id)
        .where(events.c.handled_at.is_(None), repositories.c.removed_at.is_(None))
    )
    found = {(row.repository_id, str(row.body["head"])) for row in rows if row.body.get("head")}
    seen: set[tuple[str, str]] = set()
    for some in pieces([sha for _, sha in found]):
        known = select(commits.c.repository_id, commits.c.sha).where(commits.c.sha.in_(some))
        seen.update((row.repository_id, row.sha) for row in connection.execute(known))
    return found - seen


def is_told(connection: Connection, repository_id: str, kind: str, key: str) -> bool:
    """Whether this event was told before."""
    found = connection.execute(
        select(events.c.id).where(
            events.c.repository_id == repository_id, events.c.kind == kind, events.c.key == key
        )
    ).first()
    return found is not None


def handled(connection: Connection, event_id: int, outcome: str, now: datetime) -> None:
    """The event was acted upon; `outcome` says for people what came of it."""
    connection.execute(
        update(events)
        .where(events.c.id == event_id, events.c.handled_at.is_(None))
        .values(handled_at=now, outcome=outcome)
    )


def to_look_at(connection: Connection, before: datetime) -> set[str]:
    """Names of repositories that have not been looked at since one of their waiting events was told, or since `before`."""
    rows = connection.execute(
        select(repositories.c.name)
        .join(events, events.c.repository_id == repositories.c.id)
        .where(
            events.c.handled_at.is_(None),
            repositories.c.removed_at.is_(None),
            or_(
                repositories.c.tried_at.is_(None),
                repositories.c.tried_at <= events.c.received_at,
                repositories.c.tried_at <= before,
            ),
        )
        .distinct()
    )
    return {row.name for row in rows}


def pull_requests_at(connection: Connection, repository_id: str, shas: Collection[str]) -> set[int]:
    """Numbers of the pull requests that were told at any of these heads."""
    found: set[int] = set()
    for sha in shas:
        keys = connection.scalars(
            select(events.c.key).where(
                events.c.repository_id == repository_id,
                events.c.kind == PULL_REQUEST,
                events.c.key.like(f"%:{sha}:%"),
            )
        )
        found |= {int(key.partition(":")[0]) for key in keys}
    return found


def newest_pull_request(connection: Connection, repository_id: str, number: int) -> dict[str, Any] | None:
    """What was told last of a pull request; None when nothing was."""
    return _newest(connection, repository_id, f"{number}:")


def pull_request_at(
    connection: Connection, repository_id: str, number: int, head: str
) -> dict[str, Any] | None:
    """What was told last of a pull request with this head; None when nothing was."""
    return _newest(connection, repository_id, f"{number}:{head}:")


def _newest(connection: Connection, repository_id: str, begins: str) -> dict[str, Any] | None:
    body: dict[str, Any] | None = connection.execute(
        select(events.c.body)
        .where(
            events.c.repository_id == repository_id,
            events.c.kind == PULL_REQUEST,
            events.c.key.startswith(begins, autoescape=True),
        )
        .order_by(events.c.received_at.desc(), events.c.id.desc())
        .limit(1)
    ).scalar()
    return body
