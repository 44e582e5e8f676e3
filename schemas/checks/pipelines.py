"""Pipelines: nodes, parameters, actions. Edges are in `schemas.checks.edges`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from valohai_yaml.objs import Pipeline, Step
from valohai_yaml.objs.pipelines.node_action import WELL_KNOWN_THENS
from valohai_yaml.utils.lint import lint_expression

from schemas.checks.findings import Findings, clip
from schemas.checks.items import Item, Items, as_list
from schemas.checks.official import BoundedLint, attempt
from schemas.checks.steps import check_parts
from schemas.yaml_marks import Path

THENS = sorted(WELL_KNOWN_THENS | {"require-approval"})
"""`require-approval` is in Valohai's documentation, not in the library's list."""


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
    next: dict[str, set[str]] = field(default_factory=dict)

    @property
    def final(self) -> list[str]:
        """The nodes with executions behind which no other such node comes. Deployment nodes have no metrics or outputs."""
        running = {name for name, node in self.nodes.items() if node.runs}
        return [name for name in self.nodes if name in running and not self.next.get(name, set()) & running]


def graph_of(item: Item, items: Items) -> Graph:
    """The nodes and edges of a pipeline whose official object could be built; without any complaint."""
    nodes = {}
    for position, data in enumerate(item.data.get("nodes", ())):
        path = (*item.path, "nodes", position)
        nodes[data["name"]] = Node(data["name"], data["type"], data, path, _step(data, items))
    graph = Graph(item, nodes)
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
    for node in graph.nodes.values():
        if "." in node.name:
            hint = "Edges are split at dots; use a dash."
            findings.error((*node.path, "name"), f"the node name `{clip(node.name, 60)}` has a dot", hint)
        if node.runs and not node.data.get("commit"):
            _check_reference(node, items, findings)
        if node.type == "deployment":
            _check_endpoints(node, items, findings)
        if isinstance(node.data.get("override"), dict):
            check_parts(node.data["override"], (*node.path, "override"), findings)
        _check_actions(node, graph, findings)


def _check_reference(node: Node, items: Items, findings: Findings) -> None:
    for kind in ("step", "task"):
        name = node.data.get(kind)
        if name is None:
            continue
        needed = list(items.builds_on(kind, name))
        if not needed:
            hint = findings.nearest(name, items.names(kind))
            findings.error((*node.path, kind), f"no {kind} is called `{clip(name, 60)}`", hint)
        elif any(item.official is None for item in needed):
            findings.mute(node.path)


def _check_endpoints(node: Node, items: Items, findings: Findings) -> None:
    for position, name in enumerate(node.data.get("endpoints", ())):
        if items.find("endpoint", name) is None:
            hint = findings.nearest(name, items.names("endpoint"))
            where = (*node.path, "endpoints", position)
            findings.error(where, f"no endpoint is called `{clip(name, 60)}`", hint)


def _check_actions(node: Node, graph: Graph, findings: Findings) -> None:
    for position, action in enumerate(node.data.get("actions", ())):
        path = (*node.path, "actions", position)
        for then, where in _each(action.get("then"), (*path, "then")):
            if then not in THENS:
                hint = findings.nearest(then, THENS)
                findings.error(where, f"`then` cannot be `{clip(then, 60)}`", hint)
        for expression, where in _each(action.get("if"), (*path, "if")):
            result = BoundedLint()
            context = {"object_type": "pipeline", "pipeline": graph.item.official}
            outcome = attempt(lambda: lint_expression(result, context, "if", expression))  # noqa: B023 - called at once
            if isinstance(outcome, Exception) or result.error_count:
                said = next(iter(result.errors))["message"] if result.error_count else str(outcome)
                findings.error(where, said)


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
    if node is None:
        hint = findings.nearest(name, graph.nodes)
        findings.error(where, f"the pipeline has no node `{clip(name, 60)}`", hint)
    elif not node.runs:
        findings.error(where, f"`{name}` is a {node.type} node and has no parameters")
    elif node.step is None:
        findings.mute(path)
    elif key not in node.step.parameters:
        hint = findings.nearest(key, node.step.parameters)
        findings.flaw(where, f"step `{node.step.name}` has no parameter `{clip(key, 60)}`", hint)
