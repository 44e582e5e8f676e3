"""What pages show of models: the versions registered, and the promotions that make them serve."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, select

from ledger import pages
from ledger.pages import Page
from ledger.tables import executions, projects, promotions, repositories, versions
from schemas.states import PromotionState


@dataclass(frozen=True, slots=True)
class PromotionLine:
    """A version on its way to a stage. `build` is the number of the execution that makes its image."""

    id: str
    repository: str
    root: str
    model: str
    version: str
    sha: str
    stage: str
    state: str
    reason: str
    tag: str
    tagger: str
    cluster: str
    endpoint: str
    image: str
    digest: str
    running_digest: str
    address: str
    tries: int
    build: int | None
    accepted_at: datetime
    serving_at: datetime | None
    checked_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version of a model, bound to the execution that made it. `digest` is the model file's."""

    id: str
    repository: str
    root: str
    model: str
    version: str
    sha: str
    tag: str
    tagger: str
    execution: int
    digest: str
    registered_at: datetime


_CURRENT = tuple(set(PromotionState) - {PromotionState.FAILED, PromotionState.SUPERSEDED})


@cache
def _promotions() -> Select[Any]:
    return (
        select(
            promotions,
            repositories.c.name.label("repository"),
            projects.c.root,
            versions.c.version,
            versions.c.sha,
            executions.c.number.label("build"),
        )
        .join(repositories, repositories.c.id == promotions.c.repository_id)
        .join(projects, projects.c.id == promotions.c.project_id)
        .join(versions, versions.c.id == promotions.c.version_id)
        .outerjoin(executions, executions.c.id == promotions.c.execution_id)
    )


def current(
    connection: Connection, repository_id: str | None = None, size: int = pages.SIZE
) -> tuple[PromotionLine, ...]:
    """What serves and what is on its way to: every promotion that has not failed and was not superseded."""
    statement = _promotions().where(promotions.c.state.in_(_CURRENT))
    if repository_id is not None:
        statement = statement.where(promotions.c.repository_id == repository_id)
    order = (repositories.c.name, promotions.c.model, promotions.c.stage, promotions.c.accepted_at.desc())
    return pages.rows(connection, statement.order_by(*order).limit(size), PromotionLine)


def history(connection: Connection, before: str | None = None, size: int = pages.SIZE) -> Page[PromotionLine]:
    """Every promotion, the newest first."""
    keys = (promotions.c.accepted_at, promotions.c.id)
    return pages.turn(connection, _promotions(), keys, PromotionLine, before, size)


def promotions_at(connection: Connection, repository_id: str, sha: str) -> tuple[PromotionLine, ...]:
    """Promotions of versions that were made at a commit."""
    statement = _promotions().where(promotions.c.repository_id == repository_id, versions.c.sha == sha)
    return pages.rows(
        connection, statement.order_by(promotions.c.accepted_at.desc()).limit(20), PromotionLine
    )


def latest_versions(connection: Connection, size: int = 20) -> tuple[VersionLine, ...]:
    """The versions registered last."""
    statement = _versions().order_by(versions.c.registered_at.desc(), versions.c.id).limit(size)
    return pages.rows(connection, statement, VersionLine)


def versions_of_execution(connection: Connection, execution_id: str) -> tuple[VersionLine, ...]:
    """The versions whose model file this execution made."""
    return pages.rows(
        connection, _versions().where(versions.c.execution_id == execution_id).limit(20), VersionLine
    )


def versions_named(connection: Connection, model: str, size: int = 20) -> tuple[VersionLine, ...]:
    """The versions of models with this name, the newest first."""
    statement = (
        _versions().where(versions.c.model == model).order_by(versions.c.registered_at.desc()).limit(size)
    )
    return pages.rows(connection, statement, VersionLine)


@cache
def _versions() -> Select[Any]:
    return (
        select(
            versions,
            repositories.c.name.label("repository"),
            projects.c.root,
            executions.c.number.label("execution"),
        )
        .join(repositories, repositories.c.id == versions.c.repository_id)
        .join(projects, projects.c.id == versions.c.project_id)
        .join(executions, executions.c.id == versions.c.execution_id)
    )
