"""How many executions a task would have: more than one task may have is refused before anything starts.

A trigger or a pipeline can give a parameter other values than the task does, so each that runs the task is asked by itself.
Counts are never above those of the expansion: what it takes is not refused here.
"""

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from valohai_yaml.objs import Step
from valohai_yaml.objs.task import TaskType

from schemas.checks.findings import Findings, clip
from schemas.checks.items import Item, Items
from schemas.checks.pipelines import graph_of
from schemas.commands import several
from schemas.errors import ConfigError
from schemas.repo_config import Target

MOST = 1_000
"""Executions of one task, and values of one of its parameters."""
TOLERANCE = Decimal("1e-9")
LISTED = (TaskType.GRID_SEARCH, TaskType.MANUAL_SEARCH)
HINT = f"A task has at most {MOST:,}."


def check_amount(item: Item, findings: Findings) -> None:
    """A task by itself. Only of `execution-count` is it sure that nobody gives it another value."""
    count = item.data.get("execution-count")
    if item.official.type not in LISTED and isinstance(count, int) and count > MOST:
        path = (*item.path, "execution-count")
        findings.flaw(path, f"these are {count:,} executions", HINT)
    elif item.whole("parameters") and item.whole("parameter-sets") and item.whole("type"):
        count = executions(item, {})
        if count > MOST:
            key = "parameters" if item.data.get("parameters") else "parameter-sets"
            findings.warning((*item.path, key), f"these would be {_words(item, count)}", HINT, key=True)


def check_amounts(item: Item, target: Target, items: Items, findings: Findings) -> None:
    """The tasks that a trigger runs, with the values that it gives them."""
    wanted = items.find(target.kind, target.name)
    if wanted is None or not wanted.sound or not wanted.whole("type") or not item.whole("run"):
        return
    path = (*item.path, "run", target.kind)
    for task, given, where in _run(wanted, target, items):
        count = executions(task, given)
        if count > MOST:
            message = f"task `{clip(task.name, 60)}`{where} would have {_words(task, count)}"
            findings.error(path, message, HINT)


def _words(task: Item, count: int) -> str:
    return f"{count:,} {'executions' if task.official.type in LISTED else 'values of one parameter'}"


def _run(wanted: Item, target: Target, items: Items) -> Iterator[tuple[Item, Mapping[str, int], str]]:
    """Each task with how many values its parameters are given from outside."""
    if wanted.kind == "task":
        step = items.official("step", wanted.data["step"])
        yield wanted, {name: _given(step, name, value) for name, value in target.parameters.items()}, ""
    if wanted.kind != "pipeline":
        return
    graph = graph_of(wanted, items)
    aims = [aim for parameter in wanted.official.parameters for aim in parameter.targets]
    aims += [edge.target for edge in wanted.official.edges]
    for node in graph.nodes.values():
        task = items.find("task", node.data.get("task")) if not node.data.get("commit") else None
        if task is not None and task.sound and task.whole("type"):
            override = node.data.get("override") or {}
            given = {one["name"] for one in override.get("parameters", ())}
            given |= {aim.rpartition(".")[2] for aim in aims if aim.startswith(f"{node.name}.parameter")}
            yield task, dict.fromkeys(given, 1), f" of node `{clip(node.name, 60)}`"


def _given(step: Any, name: str, value: Any) -> int:
    parameter = step.parameters.get(name) if isinstance(step, Step) else None
    try:
        values = several(parameter, value) if parameter is not None else None
    except ConfigError:
        return 1
    return len({repr(one) if isinstance(one, list) else one for one in values or ()}) or 1


def executions(task: Item, given: Mapping[str, int]) -> int:
    """How many there are at least; for tasks that choose, of how many values of one parameter. Above `MOST` it is refused.

    `given`: how many values parameters are given from outside, by name.
    """
    kind, varied = task.official.type, {one["name"]: one for one in task.data.get("parameters", ())}
    own = {name: _values(one, kind) for name, one in varied.items() if name not in given}
    most = max((count for count, _ in own.values()), default=1)
    if most > MOST or kind not in LISTED:
        return most
    if kind is TaskType.GRID_SEARCH:
        return math.prod([*(different for _, different in own.values()), *given.values()])
    return len(task.data.get("parameter-sets") or ()) or max([most, *given.values()])


def _values(parameter: Mapping[str, Any], kind: TaskType) -> tuple[int, int]:
    """The values of a parameter, and how many of them surely differ."""
    style, rules = parameter["style"], parameter["rules"]
    try:
        if style == "multiple" and kind in LISTED:
            different = len({_number(item, rules) for item in rules["items"]})
            return len(rules["items"]) if kind is TaskType.MANUAL_SEARCH else different, different
        if style == "linear":
            return _linear(rules)
        if style == "logspace":
            start, end = (rules[key] for key in (("start", "end") if "start" in rules else ("min", "max")))
            alike = start == end or rules.get("base", 10) == 1 or rules.get("integerify")
            return int(rules["count"]), 1 if alike else int(rules["count"])
        if style == "random" and kind in LISTED:
            alike = rules["min"] == rules["max"] or rules.get("integerify") or rules.get("distribution")
            return int(rules["count"]), 1 if alike else int(rules["count"])
    except (KeyError, ArithmeticError, ValueError):
        pass  # said by those who look at the rules
    return 1, 1


def _linear(rules: Mapping[str, Any]) -> tuple[int, int]:
    start, end, step = (Decimal(str(rules[key])) for key in ("start", "end", "step"))
    if step == 0 or start == end:
        return 1, 1
    count = max(1, int((end - start) / step + TOLERANCE) + 1)
    return count, min(count, max(1, int(abs(end - start)))) if rules.get("integerify") else count


def _number(value: Any, rules: Mapping[str, Any]) -> Any:
    """The value as `numberify` and `integerify` may make it: what could be one value is one here."""
    if rules.get("numberify") or rules.get("integerify"):
        try:
            number = float(value)
            return math.floor(number + 0.5) if rules.get("integerify") else number
        except (ValueError, OverflowError):
            return value
    return value
