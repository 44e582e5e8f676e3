"""What people call things, by their whole names: steps, pipelines, tasks, triggers, branches, tags and authors.

Each is looked up in an index, one probe a project or repository, whatever has run in it.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, ScalarSelect, Select, Table, func, select

from ledger import pages
from ledger.tables import (
    commits,
    executions,
    pipelines,
    projects,
    ref_observations,
    repositories,
    runs,
    tag_observations,
    tasks,
)


@dataclass(frozen=True, slots=True)
class NumberedName:
    """A step, a pipeline or a task of a project, with the number of the newest that ran under this name."""

    repository: str
    root: str
    number: int


@dataclass(frozen=True, slots=True)
class TriggerName:
    """A trigger of a project, with its newest run."""

    repository: str
    root: str
    run_id: str


@dataclass(frozen=True, slots=True)
class RefName:
    """A branch or a tag of a repository, and the commit that it leads to."""

    repository: str
    sha: str


def steps_named(connection: Connection, name: str, size: int = 20) -> tuple[NumberedName, ...]:
    """The projects in which a step of this name was executed; builds go by other names."""
    where = (executions.c.step == name) & (executions.c.kind == "step")
    return _numbered(connection, executions, where, size)


def pipelines_named(connection: Connection, name: str, size: int = 20) -> tuple[NumberedName, ...]:
    """The projects in which a pipeline of this name ran."""
    return _numbered(connection, pipelines, pipelines.c.name == name, size)


def tasks_named(connection: Connection, name: str, size: int = 20) -> tuple[NumberedName, ...]:
    """The projects in which a task of this name ran."""
    return _numbered(connection, tasks, tasks.c.name == name, size)


def triggers_named(connection: Connection, name: str, size: int = 20) -> tuple[TriggerName, ...]:
    """The projects in which a trigger of this name fired."""
    mine = select(runs.c.id).where(runs.c.project_id == projects.c.id, runs.c.trigger == name)
    newest = mine.order_by(runs.c.created_at.desc()).limit(1).scalar_subquery()
    return pages.rows(connection, _of_projects(newest.label("run_id"), size), TriggerName)


def branches_named(connection: Connection, name: str, size: int = 20) -> tuple[RefName, ...]:
    """The repositories with a branch of this name, as the last look left it; not those where it is gone."""
    table = ref_observations
    mine = select(table.c.sha).where(
        table.c.repository_id == repositories.c.id, table.c.ref == f"refs/heads/{name}"
    )
    return _of_repositories(connection, mine.order_by(table.c.sequence.desc()), size)


def tags_named(connection: Connection, name: str, size: int = 20) -> tuple[RefName, ...]:
    """The repositories with a tag of this name, with the commit where it was seen last."""
    table = tag_observations
    mine = select(table.c.target).where(table.c.repository_id == repositories.c.id, table.c.name == name)
    return _of_repositories(connection, mine.order_by(table.c.id.desc()), size)


def wrote(connection: Connection, author: str) -> bool:
    """Whether a commit of this author was seen."""
    statement = select(commits.c.sha).where(commits.c.author == author).limit(1)
    return connection.execute(statement).first() is not None


def _numbered(connection: Connection, table: Table, named: Any, size: int) -> tuple[NumberedName, ...]:
    newest = select(func.max(table.c.number)).where(table.c.project_id == projects.c.id, named)
    return pages.rows(connection, _of_projects(newest.scalar_subquery().label("number"), size), NumberedName)


def _of_projects(newest: Any, size: int) -> Select[Any]:
    """Watched projects that have a newest one, by name."""
    every = (
        select(repositories.c.name.label("repository"), projects.c.root, newest)
        .join(repositories, repositories.c.id == projects.c.repository_id)
        .where(repositories.c.removed_at.is_(None))
        .subquery()
    )
    there = every.c[newest.name].is_not(None)
    return select(every).where(there).order_by(every.c.repository, every.c.root).limit(size)


def _of_repositories(connection: Connection, shas: Select[Any], size: int) -> tuple[RefName, ...]:
    sha: ScalarSelect[Any] = shas.limit(1).scalar_subquery()
    every = (
        select(repositories.c.name.label("repository"), sha.label("sha"))
        .where(repositories.c.removed_at.is_(None))
        .subquery()
    )
    statement = select(every).where(every.c.sha.is_not(None)).order_by(every.c.repository).limit(size)
    return pages.rows(connection, statement, RefName)
