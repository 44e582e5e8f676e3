"""Pipelines: nodes, parameters, actions. Edges are in `schemas.checks.edges`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from valohai_yaml.objs import Pipeline, Step
from valohai_yaml.objs.pipelines.node_action import WELL_KNOWN_THENS, WELL_KNOWN_WHENS

from schemas.checks.conditions import check_condition
from schemas.checks.findings import Findings, clip
from schemas.checks.items import Item, Items, as_list
from schemas.checks.placeholders import check_placeholders
from schemas.checks.steps import check_parts
from schemas.yaml_marks import Path

APPROVAL = "require-approval"
"""It is in Valohai's documentation, not in the library's list."""
THENS = sorted(WELL_KNOWN_THENS | {APPROVAL})
WHENS = sorted(WELL_KNOWN_WHENS)
KEPT_OF_STEP = (
    "type",
    "pass-as",
    "pass-true-as",
    "pass-false-as",
    "multiple",
    "multiple-separator",
    "choices",
)


@dataclass(slots=True)
class Node:
    """A node with the step that it runs: None where that is unknown here (another commit's, or broken)."""

    name: str
    type: str
    data: dict[str, Any]
    path: Path
    step: Step | None = None

    @property
    def runs(self) -> bool:
        """Whether it has executions, and so outputs, metrics and parameters."""
        return self.type in ("execution", "task")


@dataclass(slots=True)
class Graph:
    """A pipeline as the checks see it. `next` maps a node's name to the names behind its outgoing edges."""

    item: Item
    nodes: dict[str, Node]
    """By name, the last of equal ones."""
    every: list[Node] = field(default_factory=list)
    next: dict[str, set[str]] = field(default_factory=dict)

    @property
    def names(self) -> list[str] | None:
        """Of all nodes, also of those that cannot be read; None where one has no name."""
        return self.item.names("nodes")

    @property
    def final(self) -> list[str]:
        """The nodes with executions behind which no other such node comes. Deployment nodes have no metrics or outputs."""
        running = {name for name, node in self.nodes.items() if node.runs}
        return [name for name in self.nodes if name in running and not self.next.get(name, set()) & running]


def graph_of(item: Item, items: Items) -> Graph:
    """The nodes and edges of a pipeline whose official object could be built; without any complaint."""
    every = []
    for position, data in enumerate(item.data.get("nodes", ())):
        path = (*item.path, "nodes", position)
        every.append(Node(data["name"], data["type"], data, path, _step(data, items)))
    graph = Graph(item, {node.name: node for node in every}, every)
    pipeline: Pipeline = item.official
    for edge in pipeline.edges:
        graph.next.setdefault(edge.source_node, set()).add(edge.target_node)
    return graph


def _step(data: dict[str, Any], items: Items) -> Step | None:
    if data.get("commit"):
        return None
    name = data.get("step")
    if data.get("task"):
        task = items.official("task", data["task"])
        name = task.step if task else None
    step = items.official("step", name)
    return step if isinstance(step, Step) else None


def check_nodes(graph: Graph, items: Items, findings: Findings) -> None:
    """Names, steps, tasks, endpoints and actions of every node."""
    _check_repeated(graph, findings)
    for node in graph.every:
        if "." in node.name:
            hint = "Edges are split at dots; use a dash."
            findings.error((*node.path, "name"), f"the node name `{clip(node.name, 60)}` has a dot", hint)
        if node.runs and not node.data.get("commit"):
            _check_reference(node, items, findings)
        if node.type == "deployment":
            _check_endpoints(node, items, findings)
        if isinstance(node.data.get("override"), dict):
            known = list(node.step.parameters) if node.step is not None else None
            override, path = node.data["override"], (*node.path, "override")
            check_parts(override, path, known, findings)
            check_placeholders(override.get("command"), (*path, "command"), known, findings)
            _check_override(node, findings)
        _check_actions(node, findings)


def _check_repeated(graph: Graph, findings: Findings) -> None:
    seen: set[str] = set()
    for position, data in enumerate(graph.item.data.get("nodes", ())):
        if data["name"] in seen:
            path = (*graph.item.path, "nodes", position, "name")
            message = f"a second node is called `{clip(data['name'], 60)}`"
            findings.error(path, message, "Give it another name.")
        seen.add(data["name"])


def _check_override(node: Node, findings: Findings) -> None:
    """What it names is in the step; and of a parameter it changes the value only."""
    for section, known in (("inputs", "inputs"), ("parameters", "parameters")):
        names = getattr(node.step, known, None)
        for position, data in enumerate(as_list(node.data["override"].get(section))):
            path = (*node.path, "override", section, position)
            if names is not None and data["name"] not in names:
                word = section.removesuffix("s")
                message = (
                    f"step `{node.step.name if node.step else ''}` has no {word} `{clip(data['name'], 60)}`"
                )
                findings.error((*path, "name"), message, findings.nearest(data["name"], names))
            for key in data if section == "parameters" else ():
                if key in KEPT_OF_STEP:
                    message = f"`{key}` of an override has no effect: it is the step's that counts"
                    findings.warning((*path, key), message, "An override changes the `default`.", key=True)


def _check_reference(node: Node, items: Items, findings: Findings) -> None:
    for kind in ("step", "task"):
        name = node.data.get(kind)
        if name is None:
            continue
        needed = list(items.builds_on(kind, name))
        if items.lacks(kind, name):
            hint = findings.nearest(name, items.names(kind))
            findings.error((*node.path, kind), f"no {kind} is called `{clip(name, 60)}`", hint)
        elif not needed or not all(item.sound and _whole_task(item, items) for item in needed):
            findings.mute(node.path)


def _whole_task(item: Item, items: Items) -> bool:
    """Whether nothing is unknown about a task's step: it is there, or surely not."""
    step = item.data.get("step") if item.kind == "task" else None
    return step is None or items.find("step", step) is not None or items.lacks("step", step)


def _check_endpoints(node: Node, items: Items, findings: Findings) -> None:
    for position, name in enumerate(node.data.get("endpoints", ())):
        if items.lacks("endpoint", name):
            hint = findings.nearest(name, items.names("endpoint"))
            where = (*node.path, "endpoints", position)
            findings.error(where, f"no endpoint is called `{clip(name, 60)}`", hint)


def _check_actions(node: Node, findings: Findings) -> None:
    for position, action in enumerate(node.data.get("actions", ())):
        path = (*node.path, "actions", position)
        for then, where in _each(action.get("then"), (*path, "then")):
            if then not in THENS:
                hint = findings.nearest(then, THENS)
                findings.error(where, f"`then` cannot be `{clip(then, 60)}`", hint)
        whens = [str(when).lower() for when, _ in _each(action.get("when"), path)]
        approvals = [where for then, where in _each(action.get("then"), (*path, "then")) if then == APPROVAL]
        if approvals and "node-starting" not in whens:
            message = f"`{APPROVAL}` can only hold a node that is about to start"
            findings.flaw(approvals[0], message, "Write `when: node-starting`.")
        for when, where in _each(action.get("when"), (*path, "when")):
            if str(when).lower() not in WHENS:
                message = f"`{clip(when, 60)}` never happens to a node"
                findings.warning(where, message, findings.nearest(when, WHENS))
        known = list(node.step.parameters) if node.step is not None else None
        for expression, where in _each(action.get("if"), (*path, "if")):
            check_condition(expression, where, known, findings, starting=whens == ["node-starting"])


def _each(value: object, path: Path) -> Iterator[tuple[Any, Path]]:
    if isinstance(value, list):
        yield from ((element, (*path, position)) for position, element in enumerate(value))
    elif value is not None:
        yield value, path


def check_parameters(graph: Graph, findings: Findings) -> None:
    """The targets of a pipeline's parameters, which the official lint checks for some kinds of node only."""
    for position, parameter in enumerate(as_list(graph.item.data.get("parameters"))):
        path = (*graph.item.path, "parameters", position)
        key = "targets" if "targets" in parameter else "target"
        for target, where in _each(parameter.get(key), (*path, key)):
            _check_target(target, where, path, graph, findings)


def _check_target(target: str, where: Path, path: Path, graph: Graph, findings: Findings) -> None:
    name, _, rest = target.partition(".")
    socket, _, key = rest.partition(".")
    if socket not in ("parameter", "parameters") or not key:
        hint = "Write `node.parameter.name`."
        findings.error(where, f"`{clip(target, 60)}` is not a node's parameter", hint)
        return
    node = graph.nodes.get(name)
    if node is None and (graph.names is None or name in graph.names):
        findings.mute(path)
    elif node is None:
        hint = findings.nearest(name, graph.names or ())
        findings.error(where, f"the pipeline has no node `{clip(name, 60)}`", hint)
    elif not node.runs:
        findings.error(where, f"`{name}` is a {node.type} node and has no parameters")
    elif node.step is None:
        findings.mute(path)
    elif key not in node.step.parameters:
        hint = findings.nearest(key, node.step.parameters)
        findings.flaw(where, f"step `{node.step.name}` has no parameter `{clip(key, 60)}`", hint)
