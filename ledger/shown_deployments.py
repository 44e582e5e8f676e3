"""Deployments as forges show them: one word for each commit and environment, said when it changes."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, or_, select, update

from ledger.rows import AnyRow
from ledger.tables import deployment_versions, projects, promotions, repositories, versions
from ledger.tables import shown_deployments as table

LONGEST = 250
"""Characters of an environment's name."""


def show(
    connection: Connection,
    repository_id: str,
    place: tuple[str, str],
    state: str,
    words: tuple[str, str, str],
    now: datetime,
) -> bool:
    """Replace the word of a commit in an environment (`place`). False when it says exactly this already.

    `words`: a description of at most 140 characters, the address of the page about it, and the one where it answers.
    """
    sha, environment = place
    description, url, address = words
    where = (
        (table.c.repository_id == repository_id) & (table.c.sha == sha) & (table.c.environment == environment)
    )
    columns = (table.c.state, table.c.description, table.c.address)
    known = connection.execute(select(*columns).where(where)).first()
    if known is not None and tuple(known) == (state, description, address):
        return False
    values = {
        "state": state,
        "description": description,
        "url": url,
        "address": address,
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


def at_commits(
    connection: Connection, repository_id: str, shas: Collection[str]
) -> dict[tuple[str, str], tuple[str, str, str]]:
    """(commit, environment) -> state, description and where it answers, as they were written last."""
    columns = (table.c.sha, table.c.environment, table.c.state, table.c.description, table.c.address)
    rows = connection.execute(
        select(*columns).where(table.c.repository_id == repository_id, table.c.sha.in_(list(shas)))
    )
    return {(row.sha, row.environment): (row.state, row.description, row.address) for row in rows}


def promoted(connection: Connection, forges: Collection[str], since: datetime) -> list[AnyRow]:
    """Promotions that are not over, or ended since then, of what the forges know; in the order of their tags."""
    of = promotions.c
    statement = (
        select(
            of.repository_id,
            repositories.c.name.label("repository"),
            of.id,
            of.model,
            of.stage,
            of.tag,
            of.state,
            of.reason,
            of.address,
            versions.c.sha,
        )
        .join(versions, versions.c.id == of.version_id)
        .join(repositories, repositories.c.id == of.repository_id)
        .where(*_known(forges), or_(of.finished_at.is_(None), of.finished_at >= since))
    )
    return list(connection.execute(statement.order_by(of.accepted_at, of.id)))


def deployed(connection: Connection, forges: Collection[str], since: datetime) -> list[AnyRow]:
    """Deployment versions that serve or will, or ended since then, of what the forges know; oldest first."""
    of = deployment_versions.c
    statement = (
        select(
            projects.c.repository_id,
            projects.c.root,
            repositories.c.name.label("repository"),
            of.id,
            of.deployment,
            of.name,
            of.sha,
            of.aliases,
            of.state,
            of.reason,
        )
        .join(projects, projects.c.id == of.project_id)
        .join(repositories, repositories.c.id == projects.c.repository_id)
        .where(*_known(forges), or_(of.finished_at.is_(None), of.finished_at >= since))
    )
    return list(connection.execute(statement.order_by(of.created_at, of.id)))


def _known(forges: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    """Of watched repositories those that a forge's API is told of."""
    at = repositories.c
    return (
        at.removed_at.is_(None),
        at.forge.in_(list(forges)),
        at.forge_id.is_not(None),
        at.slug.is_not(None),
    )


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


def troubled(connection: Connection, ids: Iterable[int], trouble: str | None, again_at: datetime) -> None:
    """The forge did not take these words, or they wait; they are tried again, not before `again_at`."""
    connection.execute(
        update(table).where(table.c.id.in_(list(ids))).values(trouble=trouble, again_at=again_at)
    )
