"""The metrics of one execution: the number that matters, what changed against another, and what is plotted."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from dashboard.gaps import GapLine, stretches
from dashboard.plots import Plot, Series
from dashboard.safe import csv_cell
from dashboard.words import change, number
from ledger.pages import execution as pages_execution
from ledger.pages.execution import Earlier, ExecutionFull, Gap, Point
from ledger.pages.work import RunLine
from schemas import moments

AXES = ("step", "global_step", "epoch", "iteration", "iter", "batch")
"""Names under which programs print how far they are. The first that is there is the plots' axis."""

PLOTS = 12
POINTS = 20_000
"""Values of one metric that a plot is made from; the CSV has all."""

TABLE_ROWS = 12

_EXPECTATION = re.compile(r"\s*(?P<metric>[^\s<>=!]+)\s*(?:>=|<=|==|!=|<|>)\s*(?P<target>\S.*?)\s*")


@dataclass(frozen=True, slots=True)
class MetricRow:
    """The last value of one key, and the one it is compared with. Both as the job printed them."""

    key: str
    value: Any
    base: Any = None
    change: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """One expectation as a line of a plot and a sentence: `passed` is None until the run is final."""

    metric: str
    text: str
    target: float | None
    passed: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Values side by side, one row a log record."""

    axis: str
    keys: tuple[str, ...]
    rows: tuple[tuple[float, tuple[float | None, ...]], ...]


def last_values(
    metadata: Mapping[str, Any], compared: Earlier | None, gaps: Sequence[GapLine] = ()
) -> list[MetricRow]:
    """The last value of every key, with its change; `nan` and the like where the last value was that."""
    found = []
    words = {gap.key: gap.last for gap in gaps if gap.last}
    for key, printed in metadata.items():
        value = words.get(key) if printed is None else printed
        base = compared.metadata.get(key) if compared else None
        now, before = number(value), number(base)
        moved = change(now, before) if now is not None and before is not None and key not in AXES else ""
        found.append(MetricRow(key, value, base, moved))
    return found


def gates(run: RunLine | None, node: str | None) -> list[Gate]:
    """The expectations that speak of this node: answered by the run's gate, or still open from its rule."""
    if run is None:
        return []
    lines = (run.gate or {}).get("lines")
    if isinstance(lines, list) and lines:
        found = [_answered(line) for line in lines if isinstance(line, dict)]
    else:
        found = [_open(text) for text in (run.rule or {}).get("expect") or [] if isinstance(text, str)]
    return [gate for gate in (_of_node(gate, node) for gate in found) if gate is not None]


def _answered(line: Mapping[str, Any]) -> Gate:
    text = str(line.get("text", ""))
    match = _EXPECTATION.fullmatch(text)
    metric = match["metric"] if match else str(line.get("metric", ""))
    return Gate(
        metric, text, number(line.get("target")), bool(line.get("passed")), str(line.get("note") or "")
    )


def _open(text: str) -> Gate:
    match = _EXPECTATION.fullmatch(text)
    if match is None:
        return Gate("", text, None)
    try:
        return Gate(match["metric"], text, number(float(match["target"])))
    except ValueError:
        return Gate(match["metric"], text, None)


def _of_node(gate: Gate, node: str | None) -> Gate | None:
    """The gate with its metric's bare name, None when it names another node."""
    prefix, dot, rest = gate.metric.partition(".")
    if node is not None and dot and prefix == node:
        return Gate(rest, gate.text, gate.target, gate.passed, gate.note)
    return gate


def leading(rows: Sequence[MetricRow], expected: Sequence[Gate]) -> MetricRow | None:
    """The one number that matters: what the gate asks for first, else the first number that was printed."""
    by_key = {row.key: row for row in rows}
    for gate in expected:
        if gate.metric in by_key:
            return by_key[gate.metric]
    return next((row for row in rows if number(row.value) is not None and row.key not in AXES), None)


def read_points(connection: Connection, attempt_id: str, most_keys: int = PLOTS) -> dict[str, list[Point]]:
    """The points of an attempt's metrics by key, the axis among them; so many keys at most."""
    keys = pages_execution.metric_keys(connection, attempt_id)
    axis = axis_of(keys)
    wanted = [key for key in keys if key not in AXES][:most_keys] + ([axis] if axis else [])
    return {key: pages_execution.points(connection, attempt_id, key, POINTS) for key in wanted}


def axis_of(keys: Iterable[str]) -> str | None:
    """The key that counts steps, if there is one."""
    there = set(keys)
    return next((axis for axis in AXES if axis in there), None)


def series(points: Sequence[Point], axis: Mapping[int, float] | None) -> Series | None:
    """The drawn line: over the axis where the values were printed with it, else over seconds since the first."""
    kept = [point for point in points if number(point.value) is not None]
    if not kept:
        return None
    if axis is not None:
        kept = [point for point in kept if point.position in axis]
        return Series([axis[p.position] for p in kept], [p.value for p in kept]) if kept else None
    start = kept[0].at
    return Series([(p.at - start).total_seconds() for p in kept], [p.value for p in kept])


def plots(
    found: Mapping[str, Sequence[Point]],
    base: Mapping[str, Sequence[Point]],
    base_name: str,
    expected: Sequence[Gate],
    gaps: Sequence[Gap] = (),
) -> list[Plot]:
    """One plot a metric, those that a gate asks for first. `gaps`: where values were no numbers."""
    asked = [gate.metric for gate in expected]
    order = sorted(
        (key for key in found if key not in AXES),
        key=lambda key: asked.index(key) if key in asked else len(asked),
    )
    return [plot for key in order if (plot := _plot(key, found, base, base_name, expected, gaps)) is not None]


def _plot(
    key: str,
    found: Mapping[str, Sequence[Point]],
    base: Mapping[str, Sequence[Point]],
    base_name: str,
    expected: Sequence[Gate],
    gaps: Sequence[Gap],
) -> Plot | None:
    name = axis_of(found)
    axis = _axis(found, name, key)
    values = series(found[key], axis)
    if values is None:
        return None
    base_axis = _axis(base, name, key) if axis is not None else None
    comparable = key in base and (axis is None or base_axis is not None)
    other = series(base[key], base_axis) if comparable else None
    gate = next(((g.target, g.text) for g in expected if g.metric == key and g.target is not None), None)
    open_ = stretches([gap for gap in gaps if gap.key == key], found[key], axis)
    return Plot(key, name if axis is not None and name else "seconds", values, other, base_name, gate, open_)


def _axis(found: Mapping[str, Sequence[Point]], name: str | None, key: str) -> dict[int, float] | None:
    """Log record -> step, when at least nine of ten values of `key` were printed together with one."""
    if name is None or name not in found or key not in found:
        return None
    axis = {point.position: point.value for point in found[name] if number(point.value) is not None}
    together = sum(point.position in axis for point in found[key])
    return axis if together >= 0.9 * len(found[key]) and together else None


def table(found: Mapping[str, Sequence[Point]], most: int = TABLE_ROWS) -> Table | None:
    """Some rows of the values side by side, the first and the last among them."""
    keys = tuple(key for key in found if key not in AXES)
    if not keys:
        return None
    name = axis_of(found)
    values = {key: {point.position: point.value for point in found[key]} for key in found}
    positions = sorted({position for key in keys for position in values[key]})
    axis = values[name] if name else {}
    if len(positions) > most:
        positions = [positions[round(index * (len(positions) - 1) / (most - 1))] for index in range(most)]
    rows = tuple((axis.get(p, float(p)), tuple(values[key].get(p) for key in keys)) for p in positions)
    return Table(name or "log line", keys, rows)


def csv(keys: Sequence[str], points: Iterable[Point]) -> Iterator[str]:
    """All values as CSV (RFC 4180): one row a log record, one column a metric, empty where it was not printed, `nan` and the like as such."""
    yield ",".join(["line", "time", *(csv_cell(key) for key in keys)]) + "\r\n"
    for position, group in groupby(points, key=lambda point: point.position):
        together = list(group)
        values = {point.key: repr(point.value) for point in together}
        cells = [str(position), moments.to_text(together[0].at), *(values.get(key, "") for key in keys)]
        yield ",".join(cells) + "\r\n"


def compared_with(
    connection: Connection, execution: ExecutionFull, run: RunLine | None
) -> tuple[Earlier | None, str]:
    """What an execution is held against, and its name: the gate's base, else the one before it.

    One of a task is compared with its siblings, on the task's page.
    """
    if execution.task is not None:
        return None, ""
    base_sha = (run.gate or {}).get("base_sha") if run else None
    if isinstance(base_sha, str) and base_sha:
        base = pages_execution.at_base(connection, execution, base_sha)
        if base is not None and base.id != execution.id:
            return base, f"base {base_sha[:7]}"
    before = pages_execution.before(connection, execution)
    return before, f"#{before.number}" if before else ""
