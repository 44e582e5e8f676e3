"""Approvals: a person lets a node of a pipeline begin, whose action asked for it."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from ledger.tables import approvals, pipelines, projects, repositories, runs


@dataclass(frozen=True, slots=True)
class Waiting:
    """A node that waits for approval."""

    repository: str
    project: str
    pipeline_id: str
    number: int
    pipeline: str
    node: str
    sha: str
    trigger: str


def approve(connection: Connection, pipeline_id: str, node: str, who: str, now: datetime) -> str | None:
    """Let a node begin; the approval's id. None when it was approved before: the first approval stands."""
    if node in of_pipeline(connection, pipeline_id):
        return None
    minted = str(uuid.uuid4())
    connection.execute(
        insert(approvals).values(
            id=minted, pipeline_id=pipeline_id, node=node, who=who[:200], approved_at=now
        )
    )
    return minted


def of_pipeline(connection: Connection, pipeline_id: str) -> dict[str, str]:
    """Node -> who approved it."""
    rows = connection.execute(
        select(approvals.c.node, approvals.c.who).where(approvals.c.pipeline_id == pipeline_id)
    )
    return {row.node: row.who for row in rows}


def waiting(connection: Connection) -> list[Waiting]:
    """Every node of an open pipeline that waits for approval, oldest pipeline first."""
    rows = connection.execute(
        select(
            repositories.c.name.label("repository"),
            projects.c.name.label("project"),
            pipelines.c.id,
            pipelines.c.number,
            pipelines.c.name,
            pipelines.c.graph,
            runs.c.sha,
            runs.c.trigger,
        )
        .join(runs, runs.c.id == pipelines.c.run_id)
        .join(projects, projects.c.id == pipelines.c.project_id)
        .join(repositories, repositories.c.id == projects.c.repository_id)
        .where(pipelines.c.finished_at.is_(None), runs.c.finished_at.is_(None))
        .order_by(pipelines.c.created_at, pipelines.c.id)
    )
    found = []
    for row in rows:
        approved = of_pipeline(connection, row.id)
        found += [
            Waiting(
                row.repository, row.project, row.id, row.number, row.name, node["name"], row.sha, row.trigger
            )
            for node in row.graph["nodes"]
            if node.get("waits") and node["state"] == "created" and node["name"] not in approved
        ]
    return found
