"""Agents and their environments: who may ask for work, and when each was last heard of."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from ledger.tables import agents, environments, web_starts
from schemas.messages.claim import RenewRequest


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent as the API needs to know it."""

    id: str
    name: str
    environment_id: str
    drained: bool


def digest(token: str) -> str:
    """What the ledger keeps of a token."""
    return "sha256:" + hashlib.sha256(token.encode()).hexdigest()


def ensure_environment(connection: Connection, environment_id: str, name: str, now: datetime) -> None:
    """Record an environment of the settings, or its new name."""
    changed = connection.execute(
        update(environments).where(environments.c.id == environment_id).values(name=name)
    )
    if not changed.rowcount:
        connection.execute(insert(environments).values(id=environment_id, name=name, added_at=now))


def environment_names(connection: Connection) -> dict[str, str]:
    """Name of each environment -> its fixed id."""
    rows = connection.execute(select(environments.c.name, environments.c.id))
    return {row.name: row.id for row in rows}


def ensure_agent(
    connection: Connection, environment_id: str, name: str, token_digest: str, now: datetime
) -> str:
    """Record an agent of the settings, or the new digest of its token; its id."""
    where = (agents.c.environment_id == environment_id) & (agents.c.name == name)
    known: str | None = connection.execute(select(agents.c.id).where(where)).scalar()
    if known is not None:
        connection.execute(update(agents).where(where).values(token_digest=token_digest))
        return known
    minted = str(uuid.uuid4())
    connection.execute(
        insert(agents).values(
            id=minted, environment_id=environment_id, name=name, token_digest=token_digest, added_at=now
        )
    )
    return minted


def by_token(connection: Connection, token_digest: str) -> AgentRow | None:
    """The agent whose token has this digest; None for any other."""
    row = connection.execute(
        select(agents.c.id, agents.c.name, agents.c.environment_id, agents.c.drained_at).where(
            agents.c.token_digest == token_digest
        )
    ).first()
    return None if row is None else AgentRow(row.id, row.name, row.environment_id, row.drained_at is not None)


def renewed(connection: Connection, agent_id: str, request: RenewRequest, now: datetime) -> None:
    """An agent is alive: what it says of itself replaces what was known."""
    connection.execute(
        update(agents)
        .where(agents.c.id == agent_id)
        .values(
            renewed_at=now,
            slots=request.slots,
            free_slots=request.free_slots,
            runtime=request.runtime[:200],
            host=request.host[:200],
            version=request.version[:50],
            cpus=request.cpus,
            memory=request.memory,
            devices=request.devices,
        )
    )


def free_slots(connection: Connection, alive_since: datetime) -> dict[str, int]:
    """Free slots of each environment, over the agents heard of since `alive_since` that do not drain."""
    rows = connection.execute(
        select(agents.c.environment_id, func.sum(agents.c.free_slots))
        .where(agents.c.renewed_at >= alive_since, agents.c.drained_at.is_(None))
        .group_by(agents.c.environment_id)
    )
    return {environment: int(total or 0) for environment, total in rows}


def machines(connection: Connection, environment_id: str) -> list[tuple[float, int, dict[str, int]]]:
    """Cores, MB of memory and devices of every agent of an environment that ever said so."""
    rows = connection.execute(
        select(agents.c.cpus, agents.c.memory, agents.c.devices).where(
            agents.c.environment_id == environment_id, agents.c.renewed_at.is_not(None), agents.c.cpus > 0
        )
    )
    return [(float(cpus), int(memory), dict(devices or {})) for cpus, memory, devices in rows]


def web_started(connection: Connection, now: datetime) -> None:
    """The web side starts: no lease ends before the agents had time to renew with it."""
    connection.execute(insert(web_starts).values(started_at=now))


def last_web_start(connection: Connection) -> datetime | None:
    """When the web side last started."""
    found: datetime | None = connection.execute(
        select(web_starts.c.started_at).order_by(web_starts.c.id.desc()).limit(1)
    ).scalar()
    return found
