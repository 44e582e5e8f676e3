"""What pages show of the work as lists: runs, pipelines and executions, one line each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, and_, select

from ledger import pages
from ledger.pages import Page
from ledger.tables import commits, environments, executions, pipelines, projects, repositories, runs, tasks


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run as a list shows it. `gate` is None until it is final; `subject` is the commit's, None where that is not known."""

    id: str
    repository: str
    repository_id: str
    project_id: str
    root: str
    trigger: str
    sha: str
    trust: str
    occurrence: str
    event: str
    ref: str
    pull_request: int | None
    concurrency_group: str | None
    state: str
    reason: str
    round: int
    rule: dict[str, Any] | None
    gate: dict[str, Any] | None
    subject: str | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class PipelineLine:
    """A pipeline of a run. `graph`: nodes and edges as planned."""

    id: str
    number: int
    round: int
    name: str
    state: str
    graph: dict[str, Any]
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ExecutionLine:
    """An execution as a list shows it. `pipeline`, `task`: numbers of those that it is a part of.

    `status_detail` is what the job last said of itself.
    """

    id: str
    repository: str
    root: str
    number: int
    run_id: str | None
    trigger: str | None
    round: int
    pipeline_id: str | None
    pipeline: int | None
    node: str | None
    task: int | None
    child: int | None
    kind: str
    step: str
    sha: str
    state: str
    reason: str
    status_detail: str
    environment_id: str
    environment: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@cache
def _runs() -> Select[Any]:
    return (
        select(runs, repositories.c.name.label("repository"), projects.c.root, commits.c.subject)
        .join(repositories, repositories.c.id == runs.c.repository_id)
        .join(projects, projects.c.id == runs.c.project_id)
        .outerjoin(
            commits, and_(commits.c.repository_id == runs.c.repository_id, commits.c.sha == runs.c.sha)
        )
    )


@cache
def _executions() -> Select[Any]:
    return (
        select(
            *(executions.c[name] for name in _EXECUTION_COLUMNS),
            repositories.c.name.label("repository"),
            projects.c.root,
            runs.c.trigger,
            environments.c.name.label("environment"),
            pipelines.c.number.label("pipeline"),
            tasks.c.number.label("task"),
        )
        .join(projects, projects.c.id == executions.c.project_id)
        .join(repositories, repositories.c.id == projects.c.repository_id)
        .join(environments, environments.c.id == executions.c.environment_id)
        .outerjoin(runs, runs.c.id == executions.c.run_id)
        .outerjoin(pipelines, pipelines.c.id == executions.c.pipeline_id)
        .outerjoin(tasks, tasks.c.id == executions.c.task_id)
    )


_EXECUTION_COLUMNS = (
    "id", "number", "run_id", "round", "pipeline_id", "node", "child", "kind", "step", "sha", "state", "reason",
    "status_detail", "environment_id", "created_at", "started_at", "finished_at",
)  # fmt: skip


def latest_runs(
    connection: Connection,
    repository_id: str | None = None,
    before: str | None = None,
    size: int = pages.SIZE,
) -> Page[RunLine]:
    """Runs, the newest first."""
    statement = _runs()
    if repository_id is not None:
        statement = statement.where(runs.c.repository_id == repository_id)
    return pages.turn(connection, statement, (runs.c.created_at, runs.c.id), RunLine, before, size)


def run(connection: Connection, repository_id: str, run_id: str) -> RunLine | None:
    """One run of a repository by its id."""
    where = (runs.c.repository_id == repository_id) & (runs.c.id == run_id)
    return pages.first(connection, _runs().where(where), RunLine)


def runs_at(
    connection: Connection, shas: Sequence[str], repository_ids: Sequence[str], size: int = 500
) -> tuple[RunLine, ...]:
    """The newest runs at some commits of some repositories; a schedule may have made thousands at one commit."""
    of = select(projects.c.id).where(projects.c.repository_id.in_(set(repository_ids)))
    newest = (
        select(runs.c.id)
        .where(runs.c.project_id.in_(of), runs.c.sha.in_(set(shas)))
        .order_by(runs.c.created_at.desc(), runs.c.id.desc())
        .limit(size)
    )
    statement = _runs().where(runs.c.id.in_(newest))
    return pages.rows(connection, statement.order_by(runs.c.created_at.desc(), runs.c.id.desc()), RunLine)


def open_runs(connection: Connection, size: int = pages.SIZE) -> tuple[RunLine, ...]:
    """Runs that are not final, the oldest first."""
    statement = _runs().where(runs.c.finished_at.is_(None))
    return pages.rows(connection, statement.order_by(runs.c.created_at, runs.c.id).limit(size), RunLine)


def pipelines_of(connection: Connection, run_id: str) -> tuple[PipelineLine, ...]:
    """The pipelines of a run, the newest round first."""
    statement = select(pipelines).where(pipelines.c.run_id == run_id)
    return pages.rows(connection, statement.order_by(pipelines.c.number.desc()), PipelineLine)


def latest_executions(
    connection: Connection,
    project_id: str | None = None,
    before: str | None = None,
    size: int = pages.SIZE,
    step: str | None = None,
) -> Page[ExecutionLine]:
    """Executions, the newest first; those of one project by number, and there those of one step."""
    if project_id is None:
        keys = (executions.c.created_at, executions.c.id)
        return pages.turn(connection, _executions(), keys, ExecutionLine, before, size)
    statement = _executions().where(executions.c.project_id == project_id)
    if step is not None:
        statement = statement.where(executions.c.step == step)
    return pages.turn(connection, statement, (executions.c.number,), ExecutionLine, before, size)


def open_executions(connection: Connection, size: int = pages.SIZE) -> tuple[ExecutionLine, ...]:
    """Executions that are not final, the oldest first."""
    statement = _executions().where(executions.c.finished_at.is_(None))
    return pages.rows(
        connection,
        statement.order_by(executions.c.created_at, executions.c.number).limit(size),
        ExecutionLine,
    )


def executions_of(connection: Connection, run_id: str) -> tuple[ExecutionLine, ...]:
    """Every execution of a run, in the order in which they were numbered."""
    statement = _executions().where(executions.c.run_id == run_id).order_by(executions.c.number).limit(2000)
    return pages.rows(connection, statement, ExecutionLine)


def executions_numbered(connection: Connection, number: int, size: int = 20) -> tuple[ExecutionLine, ...]:
    """The executions with this number, one of each project at most."""
    every = select(projects.c.id)
    statement = _executions().where(executions.c.project_id.in_(every), executions.c.number == number)
    return pages.rows(connection, statement.limit(size), ExecutionLine)
