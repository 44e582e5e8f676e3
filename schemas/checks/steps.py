"""Steps and tasks: what neither the official schema nor its lint looks at, and a runner would stumble over."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from valohai_yaml.objs import Step

from schemas.checks.findings import Findings, clip
from schemas.checks.items import Item, Items, as_list
from schemas.commands import placeholders, template_problem
from schemas.yaml_marks import Path

RULES = {
    "single": (("value",),),
    "multiple": (("items",),),
    "linear": (("start", "end", "step"),),
    "logspace": (("start", "end", "count"), ("min", "max", "count")),
    "random": (("min", "max"),),
}
"""What each style of a task's parameter needs: one of these sets of keys."""


def check_steps(items: Items, findings: Findings) -> None:
    """Commands, `pass-as` templates, names given twice."""
    for item in items.of("step"):
        if isinstance(item.official, Step):
            check_parts(item.data, item.path, findings)
            _check_placeholders(item, item.official, findings)


def check_parts(data: dict[str, Any], path: Path, findings: Findings) -> None:
    """What a step and a node's override have in common."""
    if "command" in data and not any(line.strip() for line in _lines(data["command"])):
        findings.error((*path, "command"), "the command is empty", key=True)
    for position, parameter in enumerate(data.get("parameters", ())):
        for key in ("pass-as", "pass-true-as", "pass-false-as"):
            wrong = template_problem(parameter.get(key))
            if wrong:
                findings.error((*path, "parameters", position, key), wrong)
    for section in ("parameters", "inputs", "environment-variables"):
        for where, name in _repeated(data.get(section, ())):
            message = f"`{name}` is given twice in `{section}`; the last one counts"
            findings.warning((*path, section, where, "name"), message, "Remove one of them.")


def _lines(command: object) -> Iterator[str]:
    yield from command if isinstance(command, list) else [str(command)]


def _repeated(parts: list[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    seen: Counter[str] = Counter()
    for position, part in enumerate(parts):
        seen[part["name"]] += 1
        if seen[part["name"]] == 2:
            yield position, part["name"]


def _check_placeholders(item: Item, step: Step, findings: Findings) -> None:
    several = isinstance(item.data["command"], list)
    for position, line in enumerate(_lines(item.data["command"])):
        for placeholder in placeholders(line):
            kind, colon, name = placeholder.partition(":")
            if colon and kind in ("parameter", "parameter-value") and name not in step.parameters:
                path = (*item.path, "command", position) if several else (*item.path, "command")
                message = f"`{{{clip(placeholder, 60)}}}` stays as it is: the step has no such parameter"
                findings.warning(path, message, findings.nearest(name, step.parameters))


def check_tasks(items: Items, findings: Findings) -> None:
    """The step and its parameters; the rules that each style needs."""
    for item in items.of("task"):
        if item.official is None:
            continue
        path, name = item.path, item.data["step"]
        if items.find("step", name) is None:
            hint = findings.nearest(name, items.names("step"))
            findings.flaw((*path, "step"), f"no step is called `{clip(name, 60)}`", hint)
        step = items.official("step", name)
        for position, parameter in enumerate(item.data.get("parameters", ())):
            where = (*path, "parameters", position)
            _check_name(parameter["name"], step, (*where, "name"), findings, key=False)
            _check_rules(parameter, where, findings)
        for position, values in enumerate(as_list(item.data.get("parameter-sets"))):
            for key in values:
                _check_name(key, step, (*path, "parameter-sets", position, key), findings, key=True)


def _check_name(name: str, step: Step | None, path: Path, findings: Findings, *, key: bool) -> None:
    if step is not None and name not in step.parameters:
        hint = findings.nearest(name, step.parameters)
        findings.flaw(path, f"step `{step.name}` has no parameter `{clip(name, 60)}`", hint, key=key)


def _check_rules(parameter: dict[str, Any], path: Path, findings: Findings) -> None:
    style, rules = parameter["style"], parameter["rules"]
    if any(all(key in rules for key in keys) for keys in RULES[style]):
        return
    wanted = " or ".join(", ".join(f"`{key}`" for key in keys) for keys in RULES[style])
    findings.flaw((*path, "rules"), f"the style `{style}` needs the rules {wanted}", key=True)
