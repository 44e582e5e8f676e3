"""Deployments: versions that pipelines' deployment nodes made, and the aliases that lead to them."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from ledger.rows import AnyRow
from ledger.tables import deployment_aliases, deployment_versions
from schemas.states import DeploymentState

LIVE = (DeploymentState.BUILDING, DeploymentState.DEPLOYING, DeploymentState.SERVING)


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What makes a deployment version. `endpoints`: name -> {"files": {file: DatumFile as JSON}}."""

    project_id: str
    deployment: str
    pipeline_id: str
    node: str
    sha: str
    cluster: str
    endpoints: dict[str, Any]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeploymentRow:
    """A deployment version. To each endpoint come `execution` (its build), `reference`, `digest`, `kind`, `address`, `reason`."""

    id: str
    project_id: str
    deployment: str
    name: str
    pipeline_id: str
    node: str
    sha: str
    cluster: str
    endpoints: dict[str, Any]
    aliases: tuple[str, ...]
    state: DeploymentState
    reason: str
    created_at: datetime


_LEAVING = (deployment_versions.c.state == DeploymentState.FAILED) & deployment_versions.c.finished_at.is_(
    None
)

_COLUMNS = tuple(deployment_versions.c[name] for name in DeploymentRow.__slots__)


def _row(row: AnyRow) -> DeploymentRow:
    values = dict(row._mapping)
    return DeploymentRow(
        **{**values, "state": DeploymentState(values["state"]), "aliases": tuple(values["aliases"])}
    )


def create(connection: Connection, new: NewVersion, now: datetime) -> DeploymentRow:
    """Record a version under the next name of its day: `20301224.0`, `20301224.1`."""
    day = now.strftime("%Y%m%d")
    names = connection.scalars(
        select(deployment_versions.c.name).where(
            deployment_versions.c.project_id == new.project_id,
            deployment_versions.c.deployment == new.deployment,
            deployment_versions.c.name.startswith(f"{day}."),
        )
    )
    number = max((int(name.rpartition(".")[2]) for name in names), default=-1) + 1
    minted = str(uuid.uuid4())
    connection.execute(
        insert(deployment_versions).values(
            id=minted,
            name=f"{day}.{number}",
            state=DeploymentState.BUILDING,
            created_at=now,
            **{name: getattr(new, name) for name in NewVersion.__slots__},
        )
    )
    return by_id(connection, minted)


def by_id(connection: Connection, version_id: str) -> DeploymentRow:
    """A version that exists."""
    return _row(connection.execute(select(*_COLUMNS).where(deployment_versions.c.id == version_id)).one())


def of_pipeline(connection: Connection, pipeline_id: str) -> list[DeploymentRow]:
    """The versions that a pipeline's nodes made."""
    rows = connection.execute(
        select(*_COLUMNS)
        .where(deployment_versions.c.pipeline_id == pipeline_id)
        .order_by(deployment_versions.c.created_at, deployment_versions.c.id)
    )
    return [_row(row) for row in rows]


def cluster_of(connection: Connection, project_id: str, deployment: str) -> str | None:
    """Where the newest version of a deployment was made to serve; None when it has no version yet."""
    found: str | None = connection.execute(
        select(deployment_versions.c.cluster)
        .where(deployment_versions.c.project_id == project_id, deployment_versions.c.deployment == deployment)
        .order_by(deployment_versions.c.created_at.desc(), deployment_versions.c.id)
        .limit(1)
    ).scalar()
    return found


def live(connection: Connection) -> list[DeploymentRow]:
    """Every version that is on its way or serves, oldest first."""
    rows = connection.execute(
        select(*_COLUMNS)
        .where(deployment_versions.c.state.in_(LIVE))
        .order_by(deployment_versions.c.created_at, deployment_versions.c.id)
    )
    return [_row(row) for row in rows]


def leaving(connection: Connection) -> list[DeploymentRow]:
    """Every version that failed and of which something may still run, oldest first."""
    rows = connection.execute(
        select(*_COLUMNS).where(_LEAVING).order_by(deployment_versions.c.created_at, deployment_versions.c.id)
    )
    return [_row(row) for row in rows]


def has_left(connection: Connection, row: DeploymentRow, now: datetime) -> None:
    """Nothing runs any more of a version that failed."""
    connection.execute(
        update(deployment_versions)
        .where(deployment_versions.c.id == row.id, deployment_versions.c.finished_at.is_(None))
        .values(finished_at=now)
    )


def any_moving(connection: Connection) -> bool:
    """Whether a version is being rolled out, or leaves: then turns are taken although nobody wakes them."""
    deploys = deployment_versions.c.state == DeploymentState.DEPLOYING
    moving = select(deployment_versions.c.id).where(deploys | _LEAVING)
    return connection.execute(moving.limit(1)).first() is not None


def update_version(
    connection: Connection,
    row: DeploymentRow,
    state: DeploymentState,
    reason: str,
    endpoints: dict[str, Any],
    now: datetime,
) -> bool:
    """Record what a version is now. False when it says exactly this already. A failed one is finished once it `has_left`."""
    if (row.state, row.reason, row.endpoints) == (state, reason, endpoints):
        return False
    values: dict[str, Any] = {"state": state, "reason": reason, "endpoints": endpoints}
    if state is DeploymentState.RETIRED:
        values["finished_at"] = now
    connection.execute(update(deployment_versions).where(deployment_versions.c.id == row.id).values(**values))
    return True


def point(connection: Connection, row: DeploymentRow, alias: str, now: datetime) -> None:
    """Make an alias of the deployment lead to this version."""
    where = (
        (deployment_aliases.c.project_id == row.project_id)
        & (deployment_aliases.c.deployment == row.deployment)
        & (deployment_aliases.c.name == alias)
    )
    connection.execute(delete(deployment_aliases).where(where))
    connection.execute(
        insert(deployment_aliases).values(
            project_id=row.project_id, deployment=row.deployment, name=alias, version_id=row.id, moved_at=now
        )
    )


def aliases(connection: Connection) -> dict[str, tuple[str, ...]]:
    """Version id -> the aliases that lead to it, by name."""
    found: dict[str, tuple[str, ...]] = {}
    for version_id, name in connection.execute(
        select(deployment_aliases.c.version_id, deployment_aliases.c.name).order_by(deployment_aliases.c.name)
    ):
        found[version_id] = (*found.get(version_id, ()), name)
    return found
