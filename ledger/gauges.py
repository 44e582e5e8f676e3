"""How much waits at present, and since when: numbers for monitoring. Each is found by an index, whatever lies in the tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, func, select

from ledger import events
from ledger.tables import commits, executions, inbox, replies, repositories, runs, statuses


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many there are, and when the oldest of them came; None where nothing waits."""

    count: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Gauges:
    """`runs` and `executions` are those that are not over, by state. `looked_at`: when the repository that was looked at
    longest ago was last looked at; None when one never was, or none is watched. `troubled`: repositories in trouble."""

    inbox: Waiting
    statuses: Waiting
    replies: Waiting
    unjudged: Waiting
    runs: Mapping[str, int]
    executions: Mapping[str, int]
    watched: int
    troubled: int
    looked_at: datetime | None


def read(connection: Connection) -> Gauges:
    """All of them, as of now."""
    there = repositories.c.removed_at.is_(None)
    watched, looked, troubled, oldest = connection.execute(
        select(
            func.count(),
            func.count(repositories.c.looked_at),
            func.count(repositories.c.trouble),
            func.min(repositories.c.looked_at),
        ).where(there)
    ).one()
    return Gauges(
        inbox=_waiting(connection, inbox, "handled_at", "received_at"),
        statuses=_waiting(connection, statuses, "delivered_at", "written_at"),
        replies=_waiting(connection, replies, "delivered_at", "written_at"),
        unjudged=_waiting(connection, commits, "judged_at", "seen_at"),
        runs=_by_state(connection, runs),
        executions=_by_state(connection, executions),
        watched=watched,
        troubled=troubled,
        looked_at=oldest if looked == watched else None,
    )


def coverage(connection: Connection) -> float:
    """Commits with a verdict over commits that came into view or that waiting events name; 1.0 where there are none.

    Counts the table: ask it seldom.
    """
    seen, judged = connection.execute(select(func.count(), func.count(commits.c.judged_at))).one()
    owed = seen + len(events.unseen_heads(connection))
    return judged / owed if owed else 1.0


def _waiting(connection: Connection, table: Table, done: str, came: str) -> Waiting:
    statement = select(func.count(), func.min(table.c[came])).where(table.c[done].is_(None))
    return Waiting(*connection.execute(statement).one())


def _by_state(connection: Connection, table: Table) -> dict[str, int]:
    statement = (
        select(table.c.state, func.count()).where(table.c.finished_at.is_(None)).group_by(table.c.state)
    )
    return {row.state: row[1] for row in connection.execute(statement)}
