"""A task as people compare its executions: a table with the best first, and the metric over the trials. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.metrics import AXES, Gate
from dashboard.plots import Plot, Series
from ledger.pages.tasks import ChildLine, TaskLine
from schemas.ranking import counts, number, score

COLUMNS = 12
"""Columns of parameters, and of metrics: wider tables are for the JSON."""


@dataclass(frozen=True, slots=True)
class Row:
    """An execution of the task. `parameters` holds what varies, `metrics` the numbers that the columns name."""

    number: int
    place: int
    state: str
    reason: str
    best: bool
    parameters: Mapping[str, Any]
    metrics: Mapping[str, Any]
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Table:
    """What is compared. `rank` says by what, None where nothing says which is better."""

    parameters: tuple[str, ...]
    metrics: tuple[str, ...]
    rank: Mapping[str, Any] | None
    rows: tuple[Row, ...]

    @property
    def best(self) -> Row | None:
        return next((row for row in self.rows if row.best), None)


def table(task: TaskLine, children: Sequence[ChildLine], expected: Sequence[Gate]) -> Table:
    """The executions, the best first, then those without a number in their order."""
    plan = task.plan
    rank = plan.get("rank") if isinstance(plan.get("rank"), Mapping) else None
    sets = plan.get("sets") or []
    names = tuple(str(name) for name in (plan.get("names") or [])[:COLUMNS])
    metrics = _metrics(rank, children, expected)
    scored = [(_score(plan, rank, child), child) for child in children]
    scored.sort(key=lambda pair: (pair[0] is None, -(pair[0] or 0.0), pair[1].child))
    rows = []
    for position, (value, child) in enumerate(scored):
        own = sets[child.child] if child.child < len(sets) else {}
        rows.append(
            Row(
                child.number,
                child.child,
                child.state,
                child.reason,
                position == 0 and value is not None,
                {name: own[name] for name in names if name in own},
                {key: child.metadata[key] for key in metrics if key in child.metadata},
                child.started_at,
                child.finished_at,
            )
        )
    return Table(names, metrics, rank, tuple(rows))


def _score(plan: Mapping[str, Any], rank: Mapping[str, Any] | None, child: ChildLine) -> float | None:
    if rank is None or not counts(plan.get("ending"), child.state):
        return None
    return score(rank, child.metadata)


def _metrics(
    rank: Mapping[str, Any] | None, children: Sequence[ChildLine], expected: Sequence[Gate]
) -> tuple[str, ...]:
    """The one that it is ranked by, those that the gate asks for, else the first numbers that were printed."""
    asked = [rank["metric"]] if rank else []
    asked += [gate.metric for gate in expected if gate.metric]
    if not asked:
        printed = (
            key for child in children for key, value in child.metadata.items() if number(value) is not None
        )
        asked = [key for key in dict.fromkeys(printed) if key not in AXES][:4]
    return tuple(dict.fromkeys(asked))[:COLUMNS]


def plot(found: Table, expected: Sequence[Gate]) -> Plot | None:
    """The metric of each trial as a dot, and in grey the best so far in steps. None with fewer than two numbers."""
    if found.rank is None:
        return None
    metric = found.rank["metric"]
    points = sorted(
        (row.place, value)
        for row in found.rows
        if row.state in ("complete", "stopped") and (value := number(row.metrics.get(metric))) is not None
    )
    if len(points) < 2:
        return None
    trials = [float(place + 1) for place, _ in points]
    steps: list[tuple[float, float]] = []
    for trial, (_, value) in zip(trials, points, strict=True):
        known = [best for _, best in steps[-1:]]
        steps += [(trial, best) for best in known]
        leader = max([*known, value], key=lambda each: score(found.rank or {}, {metric: each}) or 0.0)
        steps.append((trial, leader))
    gate = next(((g.target, g.text) for g in expected if g.metric == metric and g.target is not None), None)
    if found.rank["goal"] == "near" and gate is None:
        gate = (float(found.rank["value"]), f"target {found.rank['value']}")
    values = Series(trials, [value for _, value in points])
    best = Series([x for x, _ in steps], [y for _, y in steps])
    return Plot(metric, "trial", values, best, "best so far", gate, dots=True)
