"""Deployments as forges show them: one word for each commit and environment, said when it changes."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from ledger.rows import AnyRow
from ledger.tables import shown_deployments as table


def show(
    connection: Connection,
    repository_id: str,
    place: tuple[str, str],
    state: str,
    words: tuple[str, str],
    now: datetime,
) -> bool:
    """Replace the word of a commit in an environment (`place`). False when it says exactly this already.

    `words`: a description of at most 140 characters, and an address.
    """
    sha, environment = place
    description, url = words
    where = (
        (table.c.repository_id == repository_id) & (table.c.sha == sha) & (table.c.environment == environment)
    )
    known = connection.execute(select(table.c.state, table.c.description).where(where)).first()
    if known is not None and (known.state, known.description) == (state, description):
        return False
    values = {
        "state": state,
        "description": description,
        "url": url,
        "written_at": now,
        "delivered_at": None,
        "trouble": None,
        "again_at": None,
    }
    if known is None:
        identity = {"repository_id": repository_id, "sha": sha, "environment": environment}
        connection.execute(insert(table).values(**identity, **values))
    else:
        connection.execute(update(table).where(where).values(**values))
    return True


def of_repository(connection: Connection, repository_id: str) -> dict[tuple[str, str], tuple[str, str]]:
    """(commit, environment) -> state and description, as they were written last."""
    rows = connection.execute(
        select(table.c.sha, table.c.environment, table.c.state, table.c.description).where(
            table.c.repository_id == repository_id
        )
    )
    return {(row.sha, row.environment): (row.state, row.description) for row in rows}


def undelivered(
    connection: Connection, now: datetime, among: Collection[str] | None = None, limit: int = 200
) -> list[AnyRow]:
    """Words that no forge has yet and that may be tried now, oldest first. `among`: ids of repositories, None: all."""
    statement = select(table).where(
        table.c.delivered_at.is_(None), or_(table.c.again_at.is_(None), table.c.again_at <= now)
    )
    if among is not None:
        statement = statement.where(table.c.repository_id.in_(list(among)))
    return list(connection.execute(statement.order_by(table.c.id).limit(limit)))


def said(
    connection: Connection, row: AnyRow, said: Mapping[str, Any], now: datetime, again_at: datetime | None
) -> None:
    """What the forge was told (JSON of forges/port.Said); with `again_at` a part of it is missing yet."""
    connection.execute(update(table).where(table.c.id == row.id).values(said=dict(said), again_at=again_at))
    if again_at is None:
        connection.execute(
            update(table)
            .where(table.c.id == row.id, table.c.written_at == row.written_at)
            .values(delivered_at=now, trouble=None)
        )


def troubled(connection: Connection, ids: Iterable[int], trouble: str, again_at: datetime) -> None:
    """The forge did not take these words; they are tried again, not before `again_at`."""
    connection.execute(
        update(table).where(table.c.id.in_(list(ids))).values(trouble=trouble, again_at=again_at)
    )
