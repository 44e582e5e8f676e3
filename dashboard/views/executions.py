"""Executions as a list, and one execution: the answer, the numbers, the log, what it made, and how it was made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any

from flask import Response, request
from sqlalchemy import Connection
from werkzeug.exceptions import NotFound

from dashboard import gaps, metrics, waiting
from dashboard import plots as drawings
from dashboard.answers import FILE_POLICY, Answer
from dashboard.logs import fitted
from dashboard.parts import DashboardParts
from dashboard.safe import variables
from dashboard.shapes import word_of
from dashboard.views import places
from dashboard.views.logs import window_of
from dashboard.words import resources
from ledger.pages import data as pages_data
from ledger.pages import execution as pages_execution
from ledger.pages import fleet as pages_fleet
from ledger.pages import git as pages_git
from ledger.pages import registry as pages_registry
from ledger.pages import work as pages_work
from ledger.pages.execution import AttemptLine, Earlier, ExecutionFull, Gap, Point
from ledger.pages.work import RunLine
from schemas.states import Word

LOG_BUDGET = 48_000
"""Characters of the log, with their markup, on an execution's own page: it stays under 100 kB."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """What the ledger says of an execution's numbers."""

    run: RunLine | None
    compared: Earlier | None
    compared_name: str
    points: Mapping[str, Sequence[Point]]
    base: Mapping[str, Sequence[Point]]
    gaps: Sequence[Gap]


def listing(parts: DashboardParts, repository: str | None = None) -> Answer:
    """Executions, the newest first: everywhere, or of one project by number; `?step=` names one of its steps."""
    with parts.ledger.read() as connection:
        of = places.repository(connection, repository) if repository is not None else None
        inside = places.project(connection, of) if of else None
        step = request.args.get("step") if inside else None
        page = pages_work.latest_executions(
            connection, inside.id if inside else None, request.args.get("before"), step=step
        )
        projects = pages_git.all_projects(connection, of.id) if of else ()
    data = {
        "repository": of,
        "project": inside,
        "projects": projects,
        "step": step,
        "executions": page.rows,
        "older": page.older,
    }
    return Answer("executions.html", data)


def one(parts: DashboardParts, repository: str, number: int) -> Answer:
    """One execution."""
    with parts.ledger.read() as connection:
        of, inside, found = places.execution(connection, repository, number)
        attempts = pages_execution.attempts_of(connection, found.id)
        current = attempts[0] if attempts else None
        source = pages_execution.measured_attempt(connection, found.id)
        measured = _measured(connection, of.id, found, source)
        outputs = pages_execution.outputs_of(connection, found.id)
        versions = pages_registry.versions_of_execution(connection, found.id)
        names = pages_data.named_by(connection, found.id)
        tries = pages_execution.tries_of(connection, found)
        reason = _reason(parts, connection, found)
    window = window_of(parts, current)
    expected = metrics.gates(measured.run, found.node)
    lost = gaps.lines(measured.gaps, measured.points, metrics.axis_of(measured.points), found.metadata)
    rows = metrics.last_values(found.metadata, measured.compared, lost)
    shown = _plots(measured, expected)
    data = {
        "repository": of,
        "project": inside,
        "execution": found,
        "reason": reason,
        "inputs": inputs(found, current),
        "parameters": found.spec.get("parameters") or {},
        "tries": tries,
        "asked_for": asked_for(found),
        "notes": notes(found, current),
        "environment_variables": variables(found.spec.get("environment_variables")),
        "attempts": attempts,
        "metrics": rows,
        "gaps": lost,
        "expected": expected,
        "compared": measured.compared,
        "outputs": outputs,
        "names": names,
        "versions": versions,
        "log_lines": window.last,
    }
    drawn = {
        "resources": resources(asked_for(found)["resources"]),
        "leading": metrics.leading(rows, expected),
        "ended": [gap for gap in lost if gap.last][:3],
        "compared_name": measured.compared_name,
        "run": measured.run,
        "plots": [(plot.key, drawings.draw(plot), plot.base is not None) for plot in shown],
        "table": metrics.table(measured.points),
        "window": fitted(window, LOG_BUDGET),
        "current": current,
        "is_live": found.finished_at is None,
    }
    return Answer("execution.html", {**data, "execution": _without_secrets(found)}, drawn)


def _without_secrets(found: ExecutionFull) -> dict[str, Any]:
    """The execution's columns, its spec left out: what people may know of that stands beside it."""
    names = [name for name in ExecutionFull.__slots__ if name != "spec"]
    commands = found.spec.get("commands")
    return {
        **{name: getattr(found, name) for name in names},
        "commands": commands if isinstance(commands, list) else [],
    }


def asked_for(found: ExecutionFull) -> dict[str, Any]:
    """What bounds it and what it may touch: names and numbers of its spec, never a value of a secret."""
    spec = found.spec
    wanted = spec.get("resources")
    return {
        "mounts": [each for each in spec.get("mounts") or [] if isinstance(each, dict)],
        "variable_groups": [str(name) for name in spec.get("variable_groups") or []],
        "resources": wanted if isinstance(wanted, dict) else {},
        "time_limit": spec.get("time_limit"),
        "no_output_timeout": spec.get("no_output_timeout"),
        "stop_condition": spec.get("stop_condition"),
        "upload_store": spec.get("upload_store"),
        "creator": spec.get("creator_name") or "",
    }


def notes(found: ExecutionFull, current: AttemptLine | None) -> list[str]:
    """Sentences that its plan and its last attempt left for people, each once."""
    planned = [str(note) for note in found.spec.get("notes") or []]
    return list(dict.fromkeys([*planned, *((current.events if current else None) or [])]))


def _measured(
    connection: Connection, repository_id: str, found: ExecutionFull, current: AttemptLine | None
) -> _Measured:
    run = pages_work.run(connection, repository_id, found.run_id) if found.run_id else None
    compared, name = metrics.compared_with(connection, found, run)
    points = metrics.read_points(connection, current.id) if current else {}
    base: dict[str, list[Point]] = {}
    if compared is not None and points:
        other = pages_execution.measured_attempt(connection, compared.id)
        base = metrics.read_points(connection, other.id) if other else {}
    lost = pages_execution.gaps(connection, current.id, metrics.POINTS) if current else ()
    return _Measured(run, compared, name, points, base, lost)


def _plots(measured: _Measured, expected: Sequence[metrics.Gate]) -> list[drawings.Plot]:
    return metrics.plots(measured.points, measured.base, measured.compared_name, expected, measured.gaps)


def _reason(parts: DashboardParts, connection: Connection, found: ExecutionFull) -> str:
    """The sentence behind the state; for what waits it is worked out from the agents where the ledger has none."""
    if found.reason or word_of(found.state, "execution") not in (Word.CREATED, Word.QUEUED):
        return found.reason
    mine = [e for e in pages_work.open_executions(connection) if e.environment_id == found.environment_id]
    queue = [e for e in mine if word_of(e.state, "execution") is not Word.RUNNING]
    agents = pages_fleet.all_agents(connection)
    return waiting.reasons(queue, agents, parts.now(), parts.alive_seconds).get(found.id, "")


def inputs(found: ExecutionFull, current: AttemptLine | None) -> list[dict[str, Any]]:
    """The files that were placed, from the attempt's manifest; before that, what the spec asks for."""
    placed = (current.manifest or {}).get("inputs") if current else None
    if isinstance(placed, list) and placed:
        return [each for each in placed if isinstance(each, dict)]
    wanted = []
    for each in found.spec.get("inputs") or []:
        name = str(each.get("name", ""))
        wanted += [{"input": name, "name": "", "uri": str(uri)} for uri in each.get("uris") or []]
        wanted += [
            {
                "input": name,
                "name": d.get("name"),
                "uri": f"datum://{d.get('datum')}",
                "size": d.get("size"),
                "sha256": d.get("sha256"),
            }
            for d in each.get("data") or []
        ]
    return wanted


def csv(parts: DashboardParts, repository: str, number: int) -> Response:
    """Every value of every metric as CSV."""
    with parts.ledger.read() as connection:
        _, _, found = places.execution(connection, repository, number)
        current = pages_execution.measured_attempt(connection, found.id)
        keys = pages_execution.metric_keys(connection, current.id) if current else []
        lost = pages_execution.gaps(connection, current.id, metrics.POINTS) if current else ()
    keys = sorted({*keys, *(gap.key for gap in lost)})
    unplotted = sorted((Point(g.key, g.position, float(g.word), g.at) for g in lost), key=_place)

    def body() -> Iterable[str]:
        if current is None:
            yield from metrics.csv(keys, ())
            return
        with parts.ledger.read() as connection:
            points = pages_execution.every_point(connection, current.id)
            yield from metrics.csv(keys, merge(points, unplotted, key=_place))

    response = Response(body(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="execution-{number}-metrics.csv"'
    return response


def _place(point: Point) -> tuple[int, str]:
    return point.position, point.key


def svg(parts: DashboardParts, repository: str, number: int) -> Response:
    """One metric's plot as a file of its own, for a README or a check: `?key=` names the metric."""
    key = request.args.get("key", "")
    with parts.ledger.read() as connection:
        of, _, found = places.execution(connection, repository, number)
        measured = _measured(connection, of.id, found, pages_execution.measured_attempt(connection, found.id))
    expected = metrics.gates(measured.run, found.node)
    shown = _plots(measured, expected)
    plot = next((each for each in shown if each.key == key), None)
    if plot is None:
        raise NotFound(f"Execution #{number} has no plot of {key or 'a metric without a name'}.")
    response = Response(drawings.draw(plot, alone=True), content_type="image/svg+xml; charset=utf-8")
    response.headers["Content-Security-Policy"] = FILE_POLICY
    return response
