"""Answers to comments, on their way to the forge: one answer to one comment, kept with what it tells of."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from ledger.rows import AnyRow
from ledger.tables import inbox, replies

QUIET = timedelta(hours=1)
"""Between two refusals to one person below one pull request."""
REFUSED = "refused: "
"""How the keys of refusals begin: of these a stranger can cause any number."""
SERVED = timedelta(hours=1)
"""For how long it counts in whose turn it is that a repository was answered."""
PART = "command"
"""The kind of the inbox's rows that hold the parts of answers."""


def say(
    connection: Connection,
    repository_id: str,
    pull_request: int,
    key: str,
    text: str,
    now: datetime,
    *,
    told: bool = False,
) -> bool:
    """Keep an answer, in Markdown. `key` is what it answers: False when that has its answer already, which stays.

    `key` has at most 300 characters. `told`: nobody is to be told any more.
    """
    try:
        with connection.begin_nested():
            connection.execute(
                insert(replies).values(
                    repository_id=repository_id,
                    pull_request=pull_request,
                    key=key,
                    text=text,
                    written_at=now,
                    delivered_at=now if told else None,
                )
            )
    except IntegrityError:
        return False
    return True


def is_said(connection: Connection, repository_id: str, key: str) -> bool:
    """Whether something was said under this key."""
    where = (replies.c.repository_id == repository_id) & (replies.c.key == key)
    return connection.execute(select(replies.c.id).where(where)).first() is not None


def show(
    connection: Connection, repository_id: str, pull_request: int, key: str, text: str, now: datetime
) -> bool:
    """Keep a comment that is replaced when it changes. False when it says exactly this already."""
    where = (replies.c.repository_id == repository_id) & (replies.c.key == key)
    known = connection.execute(select(replies.c.text).where(where)).first()
    if known is None:
        return say(connection, repository_id, pull_request, key, text, now)
    if known.text == text:
        return False
    connection.execute(
        update(replies).where(where).values(text=text, written_at=now, delivered_at=None, again_at=None)
    )
    return True


def undelivered(
    connection: Connection, now: datetime, among: Collection[str] | None = None, limit: int = 200
) -> list[AnyRow]:
    """Answers that the forge does not have yet and that may be tried now: refusals last, and else by turns.

    Of the repositories one after another, beginning with the one that was answered longest ago. `among`: ids of
    repositories, None: all.
    """
    refusal = _is_refusal()
    served = (
        select(
            replies.c.repository_id, refusal.label("refusal"), func.max(replies.c.delivered_at).label("at")
        )
        .where(replies.c.delivered_at > now - SERVED, replies.c.comment_id.is_not(None))
        .group_by(replies.c.repository_id, refusal)
        .subquery()
    )
    place = func.row_number().over(partition_by=(replies.c.repository_id, refusal), order_by=replies.c.id)
    statement = (
        select(replies)
        .outerjoin(
            served, (served.c.repository_id == replies.c.repository_id) & (served.c.refusal == refusal)
        )
        .where(replies.c.delivered_at.is_(None), or_(replies.c.again_at.is_(None), replies.c.again_at <= now))
    )
    if among is not None:
        statement = statement.where(replies.c.repository_id.in_(list(among)))
    order = (refusal, place, served.c.at.is_not(None), served.c.at, replies.c.id)
    return list(connection.execute(statement.order_by(*order).limit(limit)))


def is_refusal(row: AnyRow) -> bool:
    """Whether an answer says no more than that somebody may not ask."""
    return bool(row.key.startswith(REFUSED))


def _is_refusal() -> ColumnElement[bool]:
    return replies.c.key.startswith(REFUSED)


def full_until(
    connection: Connection,
    among: Collection[str],
    limit: int,
    period: timedelta,
    now: datetime,
    *,
    refusals: bool = False,
) -> datetime | None:
    """Until when no other comment is made, since `limit` of them were within `period`; None: one can be.

    `among`: ids of the repositories that are counted together. `refusals`: these alone are counted.
    """
    counted = [
        replies.c.repository_id.in_(list(among)),
        replies.c.delivered_at > now - period,
        replies.c.comment_id.is_not(None),
        *([_is_refusal()] if refusals else []),
    ]
    made = connection.execute(
        select(replies.c.delivered_at)
        .where(*counted)
        .order_by(replies.c.delivered_at.desc())
        .offset(limit - 1)
        .limit(1)
    ).scalar()
    return None if made is None else made + period


def drop(connection: Connection, reply_id: int, now: datetime) -> None:
    """Nobody needs it any more: the forge is never told."""
    connection.execute(
        update(replies)
        .where(replies.c.id == reply_id, replies.c.delivered_at.is_(None))
        .values(delivered_at=now, trouble=None, again_at=None)
    )


def delivered(connection: Connection, reply_id: int, comment_id: str, now: datetime) -> None:
    """The forge has it, as the comment with this id of its own."""
    connection.execute(
        update(replies)
        .where(replies.c.id == reply_id, replies.c.delivered_at.is_(None))
        .values(comment_id=comment_id, delivered_at=now, trouble=None, again_at=None)
    )


def troubled(
    connection: Connection, ids: Iterable[int], trouble: str | None, again_at: datetime | None
) -> None:
    """The forge did not take them: they stay and are tried again, not before `again_at`."""
    connection.execute(
        update(replies).where(replies.c.id.in_(list(ids))).values(trouble=trouble, again_at=again_at)
    )


# What one command of a comment came to, kept in the inbox in the transaction of the act itself: nothing is done twice,
# whatever dies in between.


def begin_part(
    connection: Connection, repository_id: str, key: str, now: datetime
) -> tuple[datetime, str | None]:
    """When a command was first begun, and what it came to; None where that was never kept. `key` has at most 200 characters."""
    if not (found := _part(connection, repository_id, key)):
        connection.execute(
            insert(inbox).values(
                kind=PART, source=repository_id, delivery=key, body=b"", received_at=now, handled_at=now
            )
        )
        return now, None
    return found.received_at, found.outcome


def end_part(connection: Connection, repository_id: str, key: str, text: str) -> None:
    """Keep what a command that was begun came to."""
    connection.execute(
        update(inbox)
        .where(inbox.c.kind == PART, inbox.c.source == repository_id, inbox.c.delivery == key)
        .values(outcome=text)
    )


def refuse(connection: Connection, repository_id: str, key: str, comment: str, now: datetime) -> bool:
    """Whether a refusal is answered: one in `QUIET` under a `key`, of at most 200 characters. The same comment always is."""
    where = (inbox.c.kind == PART) & (inbox.c.source == repository_id) & (inbox.c.delivery == key)
    begun, answered = begin_part(connection, repository_id, key, now)
    if answered == comment:
        return True
    if answered is not None and begun > now - QUIET:
        return False
    connection.execute(update(inbox).where(where).values(received_at=now, outcome=comment))
    return True


def _part(connection: Connection, repository_id: str, key: str) -> AnyRow | None:
    return connection.execute(
        select(inbox.c.received_at, inbox.c.outcome).where(
            inbox.c.kind == PART, inbox.c.source == repository_id, inbox.c.delivery == key
        )
    ).first()
