"""What pages show of pipelines beside their runs: one by its number, and the nodes that wait for a person."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from ledger import pages
from ledger.approvals import of_pipeline
from ledger.tables import pipelines, projects, repositories, runs


@dataclass(frozen=True, slots=True)
class PipelineFound:
    """A pipeline where it is looked for by number. Its page is that of its run."""

    id: str
    repository: str
    root: str
    number: int
    pipeline: str
    state: str
    run_id: str
    trigger: str
    sha: str
    graph: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """A node that waits until a person lets it begin. `reason` has the command."""

    repository: str
    root: str
    number: int
    pipeline: str
    node: str
    reason: str
    run_id: str
    trigger: str
    sha: str
    since: datetime


def _pipelines() -> Select[Any]:
    return (
        select(
            pipelines.c.id,
            repositories.c.name.label("repository"),
            projects.c.root,
            pipelines.c.number,
            pipelines.c.name.label("pipeline"),
            pipelines.c.state,
            pipelines.c.run_id,
            runs.c.trigger,
            runs.c.sha,
            pipelines.c.graph,
            pipelines.c.created_at,
        )
        .join(runs, runs.c.id == pipelines.c.run_id)
        .join(projects, projects.c.id == pipelines.c.project_id)
        .join(repositories, repositories.c.id == projects.c.repository_id)
    )


def pipeline(connection: Connection, project_id: str, number: int) -> PipelineFound | None:
    """One pipeline by its project and number."""
    where = (pipelines.c.project_id == project_id) & (pipelines.c.number == number)
    return pages.first(connection, _pipelines().where(where), PipelineFound)


def numbered(connection: Connection, number: int, size: int = 20) -> tuple[PipelineFound, ...]:
    """The pipelines with this number, one of each project at most."""
    every = select(projects.c.id)
    statement = _pipelines().where(pipelines.c.project_id.in_(every), pipelines.c.number == number)
    return pages.rows(connection, statement.limit(size), PipelineFound)


def approvals(connection: Connection, size: int = pages.SIZE) -> tuple[Approval, ...]:
    """The nodes of open pipelines that wait for approval, the oldest pipeline first."""
    going = select(runs.c.id).where(runs.c.finished_at.is_(None))
    statement = _pipelines().where(pipelines.c.run_id.in_(going), pipelines.c.finished_at.is_(None))
    found: list[Approval] = []
    ordered = statement.order_by(pipelines.c.created_at, pipelines.c.id).limit(500)
    for each in pages.rows(connection, ordered, PipelineFound):
        nodes = [n for n in each.graph.get("nodes", []) if n.get("waits") and n.get("state") == "created"]
        approved = of_pipeline(connection, each.id) if nodes else {}
        found += [
            Approval(
                each.repository,
                each.root,
                each.number,
                each.pipeline,
                str(node["name"]),
                str(node.get("reason", "")),
                each.run_id,
                each.trigger,
                each.sha,
                each.created_at,
            )
            for node in nodes
            if node["name"] not in approved
        ]
    return tuple(found[:size])
