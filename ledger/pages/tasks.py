"""What pages show of tasks: one line each, and the executions that a task is made of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from ledger import pages
from ledger.tables import executions, pipelines, projects, repositories, runs, tasks


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task. `plan`: see controller/core/tasks/expand; `pipeline`: the number of the one that it is a node of."""

    id: str
    repository: str
    root: str
    project_id: str
    number: int
    name: str
    run_id: str
    round: int
    sha: str
    trigger: str
    pipeline_id: str | None
    pipeline: int | None
    node: str | None
    step: str
    state: str
    reason: str
    plan: dict[str, Any]
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChildLine:
    """An execution of a task. `child` is its place in the plan's sets, `metadata` the last value of every key."""

    id: str
    number: int
    child: int
    state: str
    reason: str
    metadata: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def _tasks() -> Select[Any]:
    return (
        select(
            tasks,
            repositories.c.name.label("repository"),
            projects.c.root,
            runs.c.sha,
            runs.c.trigger,
            pipelines.c.number.label("pipeline"),
        )
        .join(projects, projects.c.id == tasks.c.project_id)
        .join(repositories, repositories.c.id == projects.c.repository_id)
        .join(runs, runs.c.id == tasks.c.run_id)
        .outerjoin(pipelines, pipelines.c.id == tasks.c.pipeline_id)
    )


def task(connection: Connection, project_id: str, number: int) -> TaskLine | None:
    """One task by its project and number."""
    where = (tasks.c.project_id == project_id) & (tasks.c.number == number)
    return pages.first(connection, _tasks().where(where), TaskLine)


def of_run(connection: Connection, run_id: str, size: int = 100) -> tuple[TaskLine, ...]:
    """The tasks of a run, the newest first."""
    statement = _tasks().where(tasks.c.run_id == run_id).order_by(tasks.c.number.desc())
    return pages.rows(connection, statement.limit(size), TaskLine)


def numbered(connection: Connection, number: int, size: int = 20) -> tuple[TaskLine, ...]:
    """The tasks with this number, one of each project at most."""
    every = select(projects.c.id)
    statement = _tasks().where(tasks.c.project_id.in_(every), tasks.c.number == number)
    return pages.rows(connection, statement.limit(size), TaskLine)


def children(connection: Connection, task_id: str) -> tuple[ChildLine, ...]:
    """The executions of a task, by their place."""
    statement = select(executions).where(executions.c.task_id == task_id, executions.c.child.is_not(None))
    return pages.rows(connection, statement.order_by(executions.c.child, executions.c.number), ChildLine)
