"""Runs as a list, and one run: its gate, its pipeline, its executions."""

from flask import request, url_for
from werkzeug.exceptions import NotFound

from dashboard import graph
from dashboard.answers import Answer
from dashboard.graph import Node
from dashboard.parts import DashboardParts
from dashboard.shapes import word_of
from dashboard.views import places
from ledger import pages_git, pages_work
from ledger.pages_work import ExecutionLine, PipelineLine
from schemas.states import Word


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
            raise NotFound(f"There is no run {run} in {of.name}.")
        executions = pages_work.executions_of(connection, found.id)
        pipelines = pages_work.pipelines_of(connection, found.id)
        base_sha = str((found.gate or {}).get("base_sha") or "")
        base = pages_git.commit(connection, of.id, base_sha) if base_sha else None
    data = {"repository": of, "run": found, "base": base, "executions": executions, "pipelines": pipelines}
    drawings = [_drawing(pipeline, executions) for pipeline in pipelines]
    return Answer("run.html", data, {"drawings": drawings})


def _drawing(pipeline: PipelineLine, executions: tuple[ExecutionLine, ...]) -> object:
    nodes = [
        _node(node, pipeline, executions)
        for node in pipeline.graph.get("nodes", [])
        if isinstance(node, dict)
    ]
    return graph.draw(nodes, graph.edges_of(pipeline.graph))


def _node(node: dict[str, object], pipeline: PipelineLine, executions: tuple[ExecutionLine, ...]) -> Node:
    name = str(node.get("name", ""))
    mine = next((e for e in reversed(executions) if e.pipeline_id == pipeline.id and e.node == name), None)
    state = node.get("state")
    try:
        word = word_of(str(state), "node") if state else Word.CREATED
        if mine is not None:
            word = word_of(mine.state, "execution")
    except ValueError:
        word = Word.NEUTRAL
    if mine is None:
        return Node(name, word)
    address = url_for(
        "dashboard.execution", repository=mine.repository, number=mine.number, root=mine.root or None
    )
    return Node(name, word, address)
