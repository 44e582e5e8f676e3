"""What forges do not let us do, and the words that they did not take: statuses and checks, answers, deployments."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select, update

from ledger.pieces import pieces
from ledger.tables import replies, repositories, shown_deployments, statuses
from schemas.words import sentence

_TABLES = (statuses, replies, shown_deployments)
NAMED = 5
"""Repositories that are named where many meet the same."""


def unheard(connection: Connection) -> list[str]:
    """What forges do not let us do, as sentences: one for all watched repositories that meet the same."""
    of = repositories.c
    rows = connection.execute(
        select(of.name, of.forge, of.deaf)
        .where(of.removed_at.is_(None), of.deaf.is_not(None))
        .order_by(of.name)
    )
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        found.setdefault((row.forge, row.deaf), []).append(row.name)
    return [f"{_names(names)} at {forge}: {sentence(why)}" for (forge, why), names in found.items()]


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def any_troubled(connection: Connection, repository_id: str) -> bool:
    """Whether a word of a repository waits that its forge did not take."""
    return any(
        connection.execute(
            select(table.c.id)
            .where(
                table.c.repository_id == repository_id,
                table.c.delivered_at.is_(None),
                table.c.trouble.is_not(None),
            )
            .limit(1)
        ).first()
        for table in _TABLES
    )


def due_now(connection: Connection, repository_ids: Collection[str]) -> None:
    """What these repositories' forges did not take is tried at once: what was in the way may be gone."""
    for table in _TABLES:
        for some in pieces(repository_ids):
            connection.execute(
                update(table)
                .where(
                    table.c.repository_id.in_(some),
                    table.c.delivered_at.is_(None),
                    table.c.trouble.is_not(None),
                )
                .values(again_at=None)
            )
