"""Tasks: what no official lint looks at, and the expansion into executions would stumble over."""

from typing import Any

from valohai_yaml.objs import Step
from valohai_yaml.objs.task import TaskType

from schemas.checks.amounts import check_amount
from schemas.checks.conditions import check_condition
from schemas.checks.findings import Findings, clip
from schemas.checks.items import Item, Items, as_list
from schemas.checks.steps import repeated
from schemas.commands import checked
from schemas.errors import ConfigError
from schemas.yaml_marks import Path

RULES = {
    "single": (("value",),),
    "multiple": (("items",),),
    "linear": (("start", "end", "step"),),
    "logspace": (("start", "end", "count"), ("min", "max", "count")),
    "random": (("min", "max"),),
}
"""What each style of a task's parameter needs: one of these sets of keys."""

DISTRIBUTIONS = ("uniform", "log_uniform", "int_uniform")
ENGINES = ("optuna",)
COUNTS = ("execution-count", "execution-batch-size", "maximum-queued-executions")
COUNTED = (TaskType.RANDOM_SEARCH, TaskType.BAYESIAN_TPE)


def check_tasks(items: Items, findings: Findings) -> None:
    """The step and its parameters; the rules that each style needs; the fields that each type needs."""
    for item in items.of("task"):
        if not item.readable:
            continue
        path, name = item.path, item.data["step"]
        if items.lacks("step", name):
            hint = findings.nearest(name, items.names("step"))
            findings.flaw((*path, "step"), f"no step is called `{clip(name, 60)}`", hint)
        step = items.official("step", name)
        for position, parameter in enumerate(item.data.get("parameters", ())):
            where = (*path, "parameters", position)
            _check_name(parameter["name"], step, (*where, "name"), findings, key=False)
            _check_rules(parameter, item.official.type if item.whole("type") else None, where, findings)
            _check_items(parameter, step, where, findings)
        for position, values in enumerate(as_list(item.data.get("parameter-sets"))):
            for key, value in values.items():
                where = (*path, "parameter-sets", position, key)
                _check_name(key, step, where, findings, key=True)
                _check_value(key, value, step, where, findings)
        for position, twice in repeated(item.data.get("parameters", ())):
            message = f"`{clip(twice, 60)}` is given twice in `parameters`; the last one counts"
            findings.warning((*path, "parameters", position, "name"), message, "Remove one of them.")
        _check_type(item, findings)
        check_amount(item, findings)
        if item.data.get("stop-condition"):
            known = list(step.parameters) if step is not None else None
            check_condition(item.data["stop-condition"], (*path, "stop-condition"), known, findings)


def _check_type(item: Item, findings: Findings) -> None:
    kind, data, path = item.official.type, item.data, item.path
    if kind is TaskType.DISTRIBUTED:
        message = "a distributed task cannot run here yet"
        findings.warning((*path, "type"), message, "A run of it would be refused.")
    for key in COUNTS:
        if isinstance(data.get(key), int) and data[key] < 1:
            findings.flaw((*path, key), f"`{key}` must be at least 1")
    if not item.whole("type"):
        return
    if kind in COUNTED and data.get("execution-count") is None and item.whole("execution-count"):
        message = f"a task of type `{kind.value}` needs `execution-count`"
        findings.flaw(_place(item), message, "Say how many executions it has.", key=True)
    if data.get("parameter-sets") and kind is not TaskType.MANUAL_SEARCH:
        message = f"a task of type `{kind.value}` takes no `parameter-sets`"
        findings.flaw((*path, "parameter-sets"), message, "Write `type: manual_search`.", key=True)
    if kind is TaskType.BAYESIAN_TPE:
        if not data.get("optimization-target-metric") and item.whole("optimization-target-metric"):
            hint = "Name the metric that is optimised, and as `optimization-target-value` where it should come to."
            findings.flaw(_place(item), "a Bayesian task needs `optimization-target-metric`", hint, key=True)
        engine = str(data.get("engine", "optuna"))
        if engine.lower() not in ENGINES:
            hint = "Write `optuna`, or leave it out: it searches in the same way."
            findings.flaw((*path, "engine"), f"the engine `{clip(engine, 60)}` is not here", hint)


def _place(item: Item) -> Path:
    return (*item.path, "type") if "type" in item.data else item.path


def _check_name(name: str, step: Step | None, path: Path, findings: Findings, *, key: bool) -> None:
    if step is not None and name not in step.parameters:
        hint = findings.nearest(name, step.parameters)
        findings.flaw(path, f"step `{step.name}` has no parameter `{clip(name, 60)}`", hint, key=key)


def _check_items(parameter: dict[str, Any], step: Step | None, path: Path, findings: Findings) -> None:
    """Values that are written out fit the step's parameter."""
    rules = parameter["rules"]
    if parameter["style"] == "multiple" and "items" in rules and not rules["items"]:
        findings.flaw((*path, "rules", "items"), "there is no value to try")
    if parameter["style"] == "multiple" and not rules.get("numberify"):
        for position, value in enumerate(rules.get("items", ())):
            _check_value(parameter["name"], value, step, (*path, "rules", "items", position), findings)


def _check_value(name: str, value: Any, step: Step | None, path: Path, findings: Findings) -> None:
    if step is None or name not in step.parameters or value is None:
        return
    try:
        checked(step.parameters[name], value)
    except ConfigError as error:
        findings.flaw(path, error.message, error.hint)


def _check_rules(parameter: dict[str, Any], kind: TaskType | None, path: Path, findings: Findings) -> None:
    style, rules = parameter["style"], parameter["rules"]
    path = (*path, "rules")
    if not any(all(key in rules for key in keys) for keys in RULES[style]):
        wanted = " or ".join(", ".join(f"`{key}`" for key in keys) for keys in RULES[style])
        findings.flaw(path, f"the style `{style}` needs the rules {wanted}", key=True)
        return
    listed = kind if kind in (TaskType.GRID_SEARCH, TaskType.MANUAL_SEARCH) else None
    if style == "random" and listed and "count" not in rules:
        message = f"a task of type `{listed.value}` needs to know how many values to draw"
        findings.flaw(path, message, "Add the rule `count`, or write `type: random_search`.", key=True)
    _check_numbers(style, rules, path, findings)


def _check_numbers(style: str, rules: dict[str, Any], path: Path, findings: Findings) -> None:
    if style == "linear" and (rules["end"] - rules["start"]) * rules["step"] < 0:
        message = f"from {rules['start']} in steps of {rules['step']} it never comes to {rules['end']}"
        findings.flaw((*path, "step"), message, "Turn the step's sign round.")
    if style == "linear" and rules["step"] == 0 and rules["start"] != rules["end"]:
        message = f"in steps of 0 it never comes to {rules['end']}: there is one value, {rules['start']}"
        findings.warning((*path, "step"), message, "Write how far one value is from the next.")
    if style == "random" and rules["min"] > rules["max"]:
        findings.flaw((*path, "min"), f"`min` {rules['min']} is above `max` {rules['max']}")
    if style in ("logspace", "random") and rules.get("count", 1) < 1:
        findings.flaw((*path, "count"), "`count` must be at least 1")
    if style == "logspace" and rules.get("base", 10) <= 0:
        findings.flaw((*path, "base"), "`base` must be above 0")
    distribution = str(rules.get("distribution") or "uniform").lower().replace("-", "_")
    if style == "random" and distribution not in DISTRIBUTIONS:
        hint = findings.nearest(distribution, DISTRIBUTIONS)
        findings.flaw((*path, "distribution"), f"there is no distribution `{clip(distribution, 60)}`", hint)
    elif distribution == "log_uniform" and rules.get("min", 1) <= 0:
        findings.flaw((*path, "min"), "the distribution `log_uniform` needs a `min` above 0")
