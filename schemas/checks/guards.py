"""What would make the official library or its regular expressions run for minutes or fill the memory.

Found before anything else looks at an item; an item that holds such a thing is not looked into further.
"""

from collections.abc import Iterator
from typing import Any

from schemas.checks.findings import Findings
from schemas.checks.items import OFFICIAL, Item, Items, as_list
from schemas.commands import runaway_braces
from schemas.yaml_limits import Limits
from schemas.yaml_marks import Path

LONGEST_NAME = 200
LONGEST_EXPRESSION = 1_000
MOST_COMPLAINTS = 1_000_000
"""Characters that the official lint would say about one parameter's defaults: each repeats all choices."""

Complaint = tuple[Path, str]


def guard(items: Items, limits: Limits, findings: Findings) -> None:
    """Report and mark as unsafe. Knows nothing of what the schema allows: values may be of any type."""
    for item in items.of(*OFFICIAL):
        if not isinstance(item.data, dict):
            continue
        complaints = [*_of_any(item), *_of_step(item, item.data), *_of_pipeline(item, limits)]
        for path, message in complaints:
            findings.error(path, message)
        if complaints:
            findings.unsafe.add(item.index)


def _of_any(item: Item) -> Iterator[Complaint]:
    waiting: list[tuple[Path, Any]] = [(item.path, item.data)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(((*path, key), child) for key, child in value.items())
        elif isinstance(value, list):
            waiting.extend(((*path, position), child) for position, child in enumerate(value))
        elif isinstance(value, str):
            if path[-1] == "name" and len(value) > LONGEST_NAME:
                yield path, f"a name has at most {LONGEST_NAME} characters"
            if path[-1] in ("stop-condition", "if") and len(value) > LONGEST_EXPRESSION:
                yield path, f"an expression has at most {LONGEST_EXPRESSION:,} characters"
            if "mounts" in path[-2:] and "\n" in value:
                yield path, "a mount cannot have line breaks"


def _of_step(item: Item, data: dict[Any, Any]) -> Iterator[Complaint]:
    for where in ("command", "server-command"):
        command = data.get(where)
        for position, line in enumerate(as_list(command) or [command]):
            if isinstance(line, str) and runaway_braces(line):
                path = (*item.path, where, position) if isinstance(command, list) else (*item.path, where)
                yield path, "hundreds of `{` that are never closed"
    for position, parameter in enumerate(as_list(data.get("parameters"))):
        if isinstance(parameter, dict) and _loud(parameter):
            yield (*item.path, "parameters", position), "too many choices and defaults to compare them"


def _loud(parameter: dict[Any, Any]) -> bool:
    choices, default = parameter.get("choices"), parameter.get("default")
    if not isinstance(choices, list):
        return False
    return len(as_list(default)) * (len(repr(choices)) + len(choices)) > MOST_COMPLAINTS


def _of_pipeline(item: Item, limits: Limits) -> Iterator[Complaint]:
    nodes = as_list(item.data.get("nodes"))
    if item.kind == "pipeline" and len(nodes) > limits.pipeline_nodes:
        path = (*item.path, "nodes", limits.pipeline_nodes)
        yield path, f"more than {limits.pipeline_nodes:,} nodes in one pipeline"
    for position, node in enumerate(nodes):
        override = node.get("override") if isinstance(node, dict) else None
        if isinstance(override, dict):
            place = Item(item.index, item.key, override)
            for path, message in _of_step(place, override):
                yield (*item.path, "nodes", position, "override", *path[2:]), message
