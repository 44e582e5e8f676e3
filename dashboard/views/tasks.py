"""One task: its answer, the executions with the best first, the metric over the trials, and how it searched."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from dashboard import metrics, missing, sweeps
from dashboard import plots as drawings
from dashboard.answers import Answer
from dashboard.missing import Missing
from dashboard.parts import DashboardParts
from dashboard.sweeps import Table
from dashboard.views import places
from ledger.pages import tasks as pages_tasks
from ledger.pages import work as pages_work
from ledger.pages.tasks import TaskLine
from ledger.pages.work import RunLine

SEARCHES = {
    "grid_search": "grid: every combination",
    "manual_search": "manual: the combinations of the file",
    "random_search": "random: drawn by its seed",
    "bayesian_tpe": "Bayesian: each round learns from those before (optuna, TPE)",
}
_SAID = (
    "type",
    "seed",
    "count",
    "batch",
    "limit",
    "target",
    "rank",
    "on_child_error",
    "stop_condition",
    "reuse",
    "notes",
    "space",
)


def one(parts: DashboardParts, repository: str, number: int) -> Answer:
    """One task."""
    with parts.ledger.read() as connection:
        of = places.repository(connection, repository)
        inside = places.project(connection, of)
        found = pages_tasks.task(connection, inside.id, number) if number < 2**31 else None
        if found is None:
            raise Missing(f"There is no task !{number} in {of.name}.", missing.of(of, "runs"))
        run = pages_work.run(connection, of.id, found.run_id)
        table = compared(connection, found, run)
    expected = metrics.gates(run, found.node)
    plot = sweeps.plot(table, expected)
    data = {
        "repository": of,
        "project": inside,
        "task": {**_line(found), "plan": {key: found.plan.get(key) for key in _SAID}},
        "run": run,
        "expected": expected,
        "table": table,
    }
    drawn = {
        "plot": drawings.draw(plot) if plot else None,
        "plot_key": plot.key if plot else "",
        "search": SEARCHES.get(str(found.plan.get("type")), str(found.plan.get("type"))),
    }
    return Answer("task.html", data, drawn)


def compared(connection: Connection, task: TaskLine, run: RunLine | None) -> Table:
    """The table of a task."""
    children = pages_tasks.children(connection, task.id)
    return sweeps.table(task, children, metrics.gates(run, task.node))


def _line(task: TaskLine) -> Mapping[str, Any]:
    """The task's columns; of its plan only what people may know, since the rest holds variables."""
    return {name: getattr(task, name) for name in TaskLine.__slots__ if name != "plan"}
