"""Runs as a list, and one run: its gate, its pipeline, its executions."""

from collections.abc import Sequence
from typing import Any

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from dashboard import graph, missing, nodes
from dashboard.answers import Answer
from dashboard.missing import Missing
from dashboard.nodes import NodeRow, Parts
from dashboard.parts import DashboardParts
from dashboard.templating import to_execution, to_pipeline, to_task
from dashboard.views import places
from dashboard.views.tasks import compared
from ledger import approvals
from ledger.pages import deployments as pages_deployments
from ledger.pages import git as pages_git
from ledger.pages import pipelines as pages_pipelines
from ledger.pages import tasks as pages_tasks
from ledger.pages import work as pages_work
from ledger.pages.tasks import TaskLine
from ledger.pages.work import PipelineLine, RunLine

TABLES = 10
"""Tasks of one run whose executions stand on its page; the others are named."""
_TASK = tuple(name for name in TaskLine.__slots__ if name != "plan")


def listing(parts: DashboardParts, repository: str | None = None) -> Answer:
    """Runs, the newest first: everywhere, or of one repository."""
    with parts.ledger.read() as connection:
        of = places.repository(connection, repository) if repository is not None else None
        page = pages_work.latest_runs(connection, of.id if of else None, request.args.get("before"))
    return Answer("runs.html", {"repository": of, "runs": page.rows, "older": page.older})


def one(parts: DashboardParts, repository: str, run: str) -> Answer:
    """One run, from its answer to its details."""
    with parts.ledger.read() as connection:
        of = places.repository(connection, repository)
        found = pages_work.run(connection, of.id, run)
        if found is None:
            raise Missing(f"There is no run {run} in {of.name}.", missing.of(of, "runs"))
        executions = pages_work.executions_of(connection, found.id)
        pipelines = pages_work.pipelines_of(connection, found.id)
        tasks = pages_tasks.of_run(connection, found.id)
        deployments = pages_deployments.of_run(connection, found.id)
        tables = [compared(connection, task, found) for task in tasks[:TABLES]]
        base_sha = str((found.gate or {}).get("base_sha") or "")
        base = pages_git.commit(connection, of.id, base_sha) if base_sha else None
        made = Parts(executions, tasks, deployments)
        rows = [nodes.rows(each, made, approvals.of_pipeline(connection, each.id)) for each in pipelines]
    data = {
        "repository": of,
        "run": found,
        "base": base,
        "executions": executions,
        "pipelines": [_pipeline(*pair) for pair in zip(pipelines, rows, strict=True)],
        "tasks": [{name: getattr(task, name) for name in _TASK} for task in tasks],
        "deployments": deployments,
    }
    shown = {
        "drawings": [_drawing(found, *pair) for pair in zip(pipelines, rows, strict=True)],
        "tables": list(zip(tasks, tables, strict=False)),
        "alone": [each for each in executions if each.task is None and not _is_node(each.number, rows)],
    }
    return Answer("run.html", data, shown)


def pipeline(parts: DashboardParts, repository: str, number: int) -> Response:
    """A pipeline by its number: to its place on the page of its run."""
    with parts.ledger.read() as connection:
        of = places.repository(connection, repository)
        inside = places.project(connection, of)
        found = pages_pipelines.pipeline(connection, inside.id, number) if number < 2**31 else None
    if found is None:
        raise Missing(f"There is no pipeline ={number} in {of.name}.", missing.of(of, "runs"))
    return redirect(to_pipeline(of.name, found.run_id, found.number))


def _pipeline(line: PipelineLine, rows: Sequence[NodeRow]) -> dict[str, Any]:
    """The pipeline's columns, and its nodes as they stand."""
    return {**{name: getattr(line, name) for name in PipelineLine.__slots__}, "nodes": rows}


def _is_node(number: int, rows: Sequence[Sequence[NodeRow]]) -> bool:
    """Whether a row of a pipeline shows this execution."""
    return any(
        number == row.execution or (row.task is None and number in [each.number for each in row.earlier])
        for each in rows
        for row in each
    )


def _drawing(run: RunLine, line: PipelineLine, rows: Sequence[NodeRow]) -> object:
    return graph.draw([nodes.drawn(row, address_of(run, row)) for row in rows], graph.edges_of(line.graph))


def address_of(run: RunLine, row: NodeRow) -> str | None:
    """The page of what stands for a node; None when nothing does yet."""
    if row.execution is not None:
        return to_execution(run.repository, row.execution, run.root)
    if row.task is not None:
        return to_task(run.repository, row.task, run.root)
    if row.version_id is not None:
        return url_for("dashboard.deployments", repository=run.repository, _anchor=f"v-{row.version_id}")
    return None
