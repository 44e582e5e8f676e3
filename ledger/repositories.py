"""Repositories and their projects: what is watched, and how the last look went."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from ledger.tables import projects, repositories
from schemas.errors import Gone


@dataclass(frozen=True, slots=True)
class RepositoryRow:
    """A repository as the controller works with it."""

    id: str
    name: str
    address: str
    default_branch: str
    baseline_at: datetime | None
    tried_at: datetime | None
    looked_at: datetime | None
    trouble: str | None


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """One valohai.yaml of a repository. `root` "" is the top folder."""

    id: str
    repository_id: str
    root: str
    name: str


_REPOSITORY = (
    repositories.c.id,
    repositories.c.name,
    repositories.c.address,
    repositories.c.default_branch,
    repositories.c.baseline_at,
    repositories.c.tried_at,
    repositories.c.looked_at,
    repositories.c.trouble,
)
_PROJECT = (projects.c.id, projects.c.repository_id, projects.c.root, projects.c.name)


def ensure(connection: Connection, name: str, address: str, default_branch: str, now: datetime) -> str:
    """Record a repository of the settings (or its new address) and its project; the repository's id."""
    known: str | None = connection.execute(
        select(repositories.c.id).where(repositories.c.name == name)
    ).scalar()
    if known is not None:
        connection.execute(
            update(repositories)
            .where(repositories.c.id == known)
            .values(address=address, default_branch=default_branch, removed_at=None)
        )
        return known
    minted = str(uuid.uuid4())
    connection.execute(
        insert(repositories).values(
            id=minted, name=name, address=address, default_branch=default_branch, forge="bare", added_at=now
        )
    )
    connection.execute(
        insert(projects).values(id=str(uuid.uuid4()), repository_id=minted, root="", name=name)
    )
    return minted


def retire(connection: Connection, kept: set[str], now: datetime) -> None:
    """Stop watching every repository whose name the settings no longer have. Its history stays."""
    connection.execute(
        update(repositories)
        .where(repositories.c.name.not_in(kept), repositories.c.removed_at.is_(None))
        .values(removed_at=now)
    )


def watched(connection: Connection) -> list[RepositoryRow]:
    """Every repository that is watched, by name."""
    statement = select(*_REPOSITORY).where(repositories.c.removed_at.is_(None)).order_by(repositories.c.name)
    return [RepositoryRow(*row) for row in connection.execute(statement)]


def by_id(connection: Connection, repository_id: str) -> RepositoryRow:
    """A repository. Raises `Gone`."""
    row = connection.execute(select(*_REPOSITORY).where(repositories.c.id == repository_id)).first()
    if row is None:
        raise Gone(f"there is no repository {repository_id}")
    return RepositoryRow(*row)


def by_name(connection: Connection, name: str) -> RepositoryRow | None:
    """A repository by the name that the settings give it."""
    row = connection.execute(select(*_REPOSITORY).where(repositories.c.name == name)).first()
    return None if row is None else RepositoryRow(*row)


def looked(connection: Connection, repository_id: str, trouble: str | None, now: datetime) -> bool:
    """How a look went. True when the trouble is new, or has ended: worth a line in the log."""
    before = connection.execute(
        select(repositories.c.trouble, repositories.c.trouble_since).where(repositories.c.id == repository_id)
    ).one()
    values: dict[str, object] = {"trouble": trouble, "tried_at": now}
    if trouble is None:
        values |= {"looked_at": now, "trouble_since": None}
    elif before.trouble is None:
        values["trouble_since"] = now
    connection.execute(update(repositories).where(repositories.c.id == repository_id).values(**values))
    return bool(before.trouble != trouble)


def default_branch(connection: Connection, repository_id: str, name: str) -> None:
    """Record what the repository's HEAD names."""
    connection.execute(
        update(repositories).where(repositories.c.id == repository_id).values(default_branch=name)
    )


def projects_of(connection: Connection, repository_id: str) -> list[ProjectRow]:
    """The projects of a repository."""
    statement = select(*_PROJECT).where(projects.c.repository_id == repository_id).order_by(projects.c.root)
    return [ProjectRow(*row) for row in connection.execute(statement)]


def project(connection: Connection, project_id: str) -> ProjectRow:
    """A project. Raises `Gone`."""
    row = connection.execute(select(*_PROJECT).where(projects.c.id == project_id)).first()
    if row is None:
        raise Gone(f"there is no project {project_id}")
    return ProjectRow(*row)


def next_number(connection: Connection, project_id: str, kind: str) -> int:
    """The next number of a project's `executions`, `pipelines` or `tasks`: counted up in this transaction."""
    column = projects.c[f"{kind}_numbered"]
    connection.execute(update(projects).where(projects.c.id == project_id).values({column: column + 1}))
    number: int = connection.execute(select(column).where(projects.c.id == project_id)).scalar_one()
    return number
