"""What pages show of environments and the agents that serve them. Never a token, nor its digest."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from ledger import pages
from ledger.tables import agents, attempts, environments


@dataclass(frozen=True, slots=True)
class EnvironmentLine:
    """A worker group: one kind of machine in one place, one queue."""

    id: str
    name: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class AgentLine:
    """An agent as it last described itself. `renewed_at` is its last proof of life; None before the first."""

    id: str
    environment_id: str
    name: str
    runtime: str
    host: str
    version: str
    slots: int
    free_slots: int
    added_at: datetime
    renewed_at: datetime | None
    drained_at: datetime | None


def all_environments(connection: Connection) -> tuple[EnvironmentLine, ...]:
    """Every environment by name."""
    return pages.rows(connection, select(environments).order_by(environments.c.name), EnvironmentLine)


def all_agents(connection: Connection, size: int = 500) -> tuple[AgentLine, ...]:
    """Every agent, those of one environment together, by name."""
    statement = select(agents).order_by(agents.c.environment_id, agents.c.name).limit(size)
    return pages.rows(connection, statement, AgentLine)


def waiting_attempts(connection: Connection) -> dict[str, int]:
    """How many attempts wait for an agent, by environment id. Only open attempts are looked at."""
    statement = (
        select(attempts.c.environment_id, func.count().label("waiting"))
        .where(attempts.c.finished_at.is_(None), attempts.c.state == "waiting")
        .group_by(attempts.c.environment_id)
    )
    return {row.environment_id: row.waiting for row in connection.execute(statement)}
