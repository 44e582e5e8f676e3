"""Many nodes or children that start in one turn: in as few statements as a few of them, and in their order."""

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.core.tasks.sweep import AT_ONCE
from ledger.executions import ExecutionRow
from tests.builders.mind import Mind
from tests.builders.statements import written

STEP = """
- step:
    name: make
    image: python:3.12
    command: python make.py {parameters}
    parameters: [{name: size, type: integer, default: 1}]
"""
TRIGGER = "- trigger: {name: go, when: {push: {}}, run: {%s}, reuse: true}\n"


def pipeline(count: int) -> str:
    nodes = ", ".join(f"{{name: n{n}, type: execution, step: make}}" for n in range(count))
    return STEP + f"- pipeline: {{name: p, nodes: [{nodes}], edges: []}}\n" + TRIGGER % "pipeline: p"


def task(count: int) -> str:
    rules = f"rules: {{items: {list(range(count))}}}"
    parameters = f"[{{name: size, style: multiple, {rules}}}]"
    return (
        STEP
        + f"- task: {{name: t, step: make, type: grid-search, parameters: {parameters}}}\n"
        + TRIGGER % "task: t"
    )


@pytest.mark.parametrize(("config", "many"), [(pipeline, 60), (task, AT_ONCE)])
def test_what_starts_in_one_turn_costs_the_same_statements(
    tmp_path: Path, config: Callable[[int], str], many: int
) -> None:
    counts, started = [], []
    for count in (3, many):
        mind = Mind(tmp_path / str(count))
        with written(mind.ports.ledger) as said:
            mind.push(config(count))
        started.append(mind.waiting())
        counts.append(len([statement for statement in said if statement.startswith("INSERT")]))
    assert counts[0] == counts[1]
    assert [len(rows) for rows in started] == [3, many]
    for rows in started:
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
        assert [place(row) for row in rows] == list(range(len(rows)))


def place(row: ExecutionRow) -> int:
    return row.child if row.child is not None else int((row.node or "").removeprefix("n"))
