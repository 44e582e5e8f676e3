"""What pages show of deployments: their versions with what serves, where, and under which aliases."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from ledger import pages
from ledger.pages import Page
from ledger.tables import (
    deployment_aliases,
    deployment_versions,
    executions,
    pipelines,
    projects,
    repositories,
)
from schemas.states import DeploymentState

OVER = (DeploymentState.FAILED, DeploymentState.RETIRED)
"""States in which a version serves nothing, and never will again."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of a version. `build`: the number of the execution that makes its image; `files`: what edges brought."""

    name: str
    address: str
    kind: str
    digest: str
    running_digest: str
    build: int | None
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Version:
    id: str
    repository: str
    root: str
    deployment: str
    name: str
    pipeline_id: str
    pipeline: int
    run_id: str
    node: str
    sha: str
    cluster: str
    state: str
    reason: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeploymentLine(_Version):
    """A version of a deployment. `aliases` lead to it now; `wanted` shall do so once it serves."""

    endpoints: tuple[Endpoint, ...]
    aliases: tuple[str, ...]
    wanted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Row(_Version):
    endpoints: dict[str, Any]
    wanted: list[str]


def _versions() -> Select[Any]:
    own = [column for column in deployment_versions.c if column.name != "aliases"]
    return (
        select(
            *own,
            deployment_versions.c.aliases.label("wanted"),
            repositories.c.name.label("repository"),
            projects.c.root,
            pipelines.c.number.label("pipeline"),
            pipelines.c.run_id,
        )
        .join(projects, projects.c.id == deployment_versions.c.project_id)
        .join(repositories, repositories.c.id == projects.c.repository_id)
        .join(pipelines, pipelines.c.id == deployment_versions.c.pipeline_id)
    )


def current(
    connection: Connection, repository_id: str | None = None, size: int = pages.SIZE
) -> tuple[DeploymentLine, ...]:
    """What serves and what is on its way to, by name; the newest version of each deployment first."""
    statement = _of(_versions(), repository_id).where(deployment_versions.c.state.not_in(OVER))
    order = (
        repositories.c.name,
        projects.c.root,
        deployment_versions.c.deployment,
        deployment_versions.c.created_at.desc(),
    )
    return _lines(connection, pages.rows(connection, statement.order_by(*order).limit(size), _Row))


def over(
    connection: Connection, repository_id: str, before: str | None = None, size: int = pages.SIZE
) -> Page[DeploymentLine]:
    """Versions that serve no more or never did, the newest first."""
    statement = _of(_versions(), repository_id).where(deployment_versions.c.state.in_(OVER))
    keys = (deployment_versions.c.created_at, deployment_versions.c.id)
    page = pages.turn(connection, statement, keys, _Row, before, size)
    return Page(_lines(connection, page.rows), page.older)


def of_run(connection: Connection, run_id: str) -> tuple[DeploymentLine, ...]:
    """The versions that the nodes of a run's pipelines made, the newest first."""
    statement = _versions().where(pipelines.c.run_id == run_id)
    ordered = statement.order_by(deployment_versions.c.created_at.desc(), deployment_versions.c.id)
    return _lines(connection, pages.rows(connection, ordered.limit(100), _Row))


def named(connection: Connection, name: str, size: int = 20) -> tuple[DeploymentLine, ...]:
    """The versions of deployments with this name that are not over; else the last one that there was."""
    every = select(projects.c.id)  # filters nothing: the index over names begins with the project
    where = deployment_versions.c.project_id.in_(every) & (deployment_versions.c.deployment == name)
    statement = _versions().where(where)
    newest = statement.order_by(deployment_versions.c.created_at.desc(), deployment_versions.c.id).limit(size)
    found = _lines(connection, pages.rows(connection, newest, _Row))
    return tuple(line for line in found if line.state not in OVER) or found[:1]


def _of(statement: Select[Any], repository_id: str | None) -> Select[Any]:
    if repository_id is None:
        return statement
    mine = select(projects.c.id).where(projects.c.repository_id == repository_id)
    return statement.where(deployment_versions.c.project_id.in_(mine))


def _lines(connection: Connection, rows: Sequence[_Row]) -> tuple[DeploymentLine, ...]:
    leading: dict[str, tuple[str, ...]] = {}
    aliases = select(deployment_aliases).where(deployment_aliases.c.version_id.in_([row.id for row in rows]))
    for alias in connection.execute(aliases.order_by(deployment_aliases.c.name)):
        leading[alias.version_id] = (*leading.get(alias.version_id, ()), alias.name)
    builds = [e["execution"] for row in rows for e in row.endpoints.values() if e.get("execution")]
    numbers = {
        row.id: row.number
        for row in connection.execute(
            select(executions.c.id, executions.c.number).where(executions.c.id.in_(builds))
        )
    }
    made = []
    for row in rows:
        values = {field.name: getattr(row, field.name) for field in fields(_Row)}
        endpoints = tuple(_endpoint(name, e, numbers) for name, e in sorted(row.endpoints.items()))
        values |= {"endpoints": endpoints, "wanted": tuple(row.wanted), "aliases": leading.get(row.id, ())}
        made.append(DeploymentLine(**values))
    return tuple(made)


def _endpoint(name: str, said: dict[str, Any], numbers: dict[str, int]) -> Endpoint:
    files = said.get("files") or {}
    return Endpoint(
        name,
        str(said.get("address") or ""),
        str(said.get("kind") or ""),
        str(said.get("digest") or ""),
        str(said.get("running_digest") or ""),
        numbers.get(str(said.get("execution"))),
        tuple(sorted(str(file) for file in files)),
    )
