"""Steps: what neither the official schema nor its lint looks at, and a runner would stumble over."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from valohai_yaml.objs import Step

from schemas.checks.conditions import check_condition
from schemas.checks.findings import Findings, clip
from schemas.checks.items import Item, Items, as_list
from schemas.checks.placeholders import check_placeholders
from schemas.checks.sources import check_input, check_variable
from schemas.commands import placeholders, template_problem
from schemas.yaml_marks import Path

EMPTY = (
    ("name", "the step's name is empty: nothing can run it", "Give it a name, for example `train`."),
    (
        "image",
        "the image is empty: no container can start from it",
        "Name one, for example `python:3.12`. Only processes do without.",
    ),
)


def check_steps(items: Items, findings: Findings) -> None:
    """Commands, `pass-as` templates, names given twice, addresses, limits, conditions."""
    for item in items.of("step"):
        if isinstance(item.official, Step):
            known = item.names("parameters")
            check_parts(item.data, item.path, known, findings)
            check_placeholders(item.data["command"], (*item.path, "command"), known, findings)
            _check_limits(item, findings)
            _check_passing(item, item.official, findings)
            _check_resources(item.data.get("resources"), (*item.path, "resources"), findings)
            if item.data.get("stop-condition"):
                path = (*item.path, "stop-condition")
                check_condition(item.data["stop-condition"], path, known, findings)


def check_parts(data: dict[str, Any], path: Path, known: list[str] | None, findings: Findings) -> None:
    """What a step and a node's override have in common. `known`: the step's parameters, None if they are unknown."""
    if "command" in data and not any(line.strip() for line in _lines(data["command"])):
        hint = "Write what the step runs, for example `python train.py {parameters}`."
        findings.error((*path, "command"), "the command is empty", hint, key=True)
    for position, parameter in enumerate(data.get("parameters", ())):
        for key in ("pass-as", "pass-true-as", "pass-false-as"):
            wrong = template_problem(parameter.get(key))
            if wrong:
                hint = "For example `--rate={v}`, or `-r {v}`."
                findings.error((*path, "parameters", position, key), wrong, hint)
    for section in ("parameters", "inputs", "environment-variables"):
        for where, name in repeated(data.get(section, ())):
            message = f"`{name}` is given twice in `{section}`; the last one counts"
            findings.warning((*path, section, where, "name"), message, "Remove one of them.")
    for position, one in enumerate(data.get("inputs", ())):
        check_input(one, (*path, "inputs", position), known, findings)
    for position, one in enumerate(data.get("environment-variables", ())):
        check_variable(one, (*path, "environment-variables", position), findings)


def _lines(command: object) -> Iterator[str]:
    yield from command if isinstance(command, list) else [str(command)]


def repeated(parts: list[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    """The position and the name of each part that is the second of its name."""
    seen: Counter[str] = Counter()
    for position, part in enumerate(parts):
        seen[part["name"]] += 1
        if seen[part["name"]] == 2:
            yield position, part["name"]


def _check_limits(item: Item, findings: Findings) -> None:
    """A name and an image that are there and empty, times that are over before they begin, and ranges without a value."""
    for key, message, hint in EMPTY:
        if not item.data[key].strip():
            findings.warning((*item.path, key), message, hint)
    for key in ("time-limit", "no-output-timeout"):
        value = item.data.get(key)
        if isinstance(value, int) and value < 0:
            hint = "Write seconds above 0, or for example `1h 30m`. Without it there is no limit."
            findings.flaw((*item.path, key), f"`{key}` must not be below 0", hint)
    for position, data in enumerate(as_list(item.data.get("parameters"))):
        low, high = data.get("min"), data.get("max")
        if low is not None and high is not None and low > high and data.get("type") in ("integer", "float"):
            path = (*item.path, "parameters", position, "min")
            say = findings.warning if data.get("optional") else findings.flaw
            say(path, f"no value fits: `min` {low} is above `max` {high}", "Swap them.")


def _check_passing(item: Item, step: Step, findings: Findings) -> None:
    """A `pass-as` without the value in it, and one that no command asks for."""
    asked = set(placeholders(list(_lines(item.data["command"]))))
    everything = bool(asked & {"parameters", "params"})
    for position, data in enumerate(as_list(item.data.get("parameters"))):
        name, template = data["name"], data.get("pass-as")
        path = (*item.path, "parameters", position, "pass-as")
        if not template or template_problem(template):
            continue
        if step.parameters[name].type != "flag" and not re.search(r"\{(?:value|v)[^}]*\}", template):
            message = f"`pass-as` has no `{{v}}`: the command never gets the value of `{clip(name, 60)}`"
            findings.warning(path, message, f"For example `{clip(template, 40)}={{v}}`.")
        if (
            item.whole("command")
            and not everything
            and not asked & {f"parameter:{name}", f"parameter-value:{name}"}
        ):
            message = f"`pass-as` has no effect: the command does not ask for `{clip(name, 60)}`"
            hint = f"Write `{{parameters}}` or `{{parameter:{clip(name, 60)}}}` in the command."
            findings.warning(path, message, hint, key=True)


def _check_resources(resources: Any, path: Path, findings: Findings) -> None:
    for kind in ("cpu", "memory"):
        limits = (resources or {}).get(kind) or {}
        low, high = limits.get("min"), limits.get("max")
        if low is not None and high is not None and low > high:
            findings.flaw((*path, kind, "min"), f"`min` {low} is above `max` {high}", "Swap them.")
        for key, value in limits.items():
            if value is not None and value < 0:
                findings.flaw((*path, kind, key), f"`{key}` must not be below 0")
