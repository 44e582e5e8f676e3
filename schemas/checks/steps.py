"""Steps: what neither the official schema nor its lint looks at, and a runner would stumble over."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from valohai_yaml.objs import Step

from schemas.checks.conditions import check_condition
from schemas.checks.findings import Findings, clip, listing
from schemas.checks.items import Item, Items, as_list
from schemas.checks.ours import texts
from schemas.commands import placeholders, template_problem
from schemas.yaml_marks import Path

ADDRESSES = ("http", "https", "s3", "file", "datum", "dataset", "model")
"""Schemes of inputs that an execution can have here."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_VALUE = re.compile(r"\{parameter:([^{}]+)\}")


def check_steps(items: Items, findings: Findings) -> None:
    """Commands, `pass-as` templates, names given twice, addresses, limits, conditions."""
    for item in items.of("step"):
        if isinstance(item.official, Step):
            known = item.names("parameters")
            check_parts(item.data, item.path, known, findings)
            _check_placeholders(item, known, findings)
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
        for where, name in _repeated(data.get(section, ())):
            message = f"`{name}` is given twice in `{section}`; the last one counts"
            findings.warning((*path, section, where, "name"), message, "Remove one of them.")
    for position, one in enumerate(data.get("inputs", ())):
        _check_addresses(one, (*path, "inputs", position), known, findings)


def _lines(command: object) -> Iterator[str]:
    yield from command if isinstance(command, list) else [str(command)]


def _repeated(parts: list[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    seen: Counter[str] = Counter()
    for position, part in enumerate(parts):
        seen[part["name"]] += 1
        if seen[part["name"]] == 2:
            yield position, part["name"]


def _check_addresses(one: dict[str, Any], path: Path, known: list[str] | None, findings: Findings) -> None:
    """Addresses that nothing here can read, and placeholders in them that nothing fills."""
    default = one.get("default")
    for position, uri in enumerate(texts(default)):
        where = (*path, "default", position) if isinstance(default, list) else (*path, "default")
        scheme = _SCHEME.match(uri)
        if scheme is None and uri and not uri.startswith("{"):
            message = f"`{clip(uri, 80)}` is not an address"
            hint = "For example `s3://bucket/data.csv`. What is in the repository needs no input."
            findings.warning(where, message, hint)
        elif scheme is not None and scheme[1].lower() not in ADDRESSES:
            message = f"addresses with `{clip(scheme[1], 20)}://` cannot be read here"
            findings.warning(where, message, f"Known here: {listing(ADDRESSES)}.")
        for match in _VALUE.finditer(uri):
            if known is not None and match[1] not in known:
                message = f"`{clip(match[0], 80)}` stays as it is: the step has no such parameter"
                findings.warning(where, message, findings.nearest(match[1], known))
    if one.get("filename") and len(texts(default)) > 1:
        message = "`filename` is for an input of one file, and this one has several addresses"
        findings.warning((*path, "filename"), message, "Remove it, or make inputs of their own.", key=True)


def _check_placeholders(item: Item, known: list[str] | None, findings: Findings) -> None:
    if known is None:
        return
    several = isinstance(item.data["command"], list)
    for position, line in enumerate(_lines(item.data["command"])):
        for placeholder in placeholders(line):
            kind, colon, name = placeholder.partition(":")
            if colon and kind in ("parameter", "parameter-value") and name not in known:
                path = (*item.path, "command", position) if several else (*item.path, "command")
                message = f"`{{{clip(placeholder, 60)}}}` stays as it is: the step has no such parameter"
                findings.warning(path, message, findings.nearest(name, known))


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
