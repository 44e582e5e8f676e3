"""Edges of a pipeline: both ends exist, the pair makes sense, nobody waits for themselves, endpoint files are fed."""

import fnmatch
from collections.abc import Iterator
from typing import Any

from valohai_yaml.objs import Edge

from schemas.checks.findings import Findings, clip, listing
from schemas.checks.items import Items
from schemas.checks.pipelines import Graph, Node
from schemas.yaml_marks import Path

PAIRS = {
    "output": ("input", "file"),
    "input": ("input",),
    "parameter": ("parameter",),
    "metadata": ("parameter",),
    "environment-variable": ("environment-variable",),
    "deployment": ("parameter",),
    "dependency": ("dependency",),
}
"""What can flow where (contract, section 2.3). An edge with `dependency` at one end is ordering only."""

TYPES = sorted({*PAIRS, "file"})


def check_edges(graph: Graph, items: Items, findings: Findings) -> None:
    """Every edge by itself, then cycles, then endpoint files without an edge."""
    for position, edge in enumerate(graph.item.official.edges):
        path = (*graph.item.path, "edges", position)
        source = _end(edge.source_node, edge.source_type, (*path, _key(graph, position, 0)), graph, findings)
        target = _end(edge.target_node, edge.target_type, (*path, _key(graph, position, 1)), graph, findings)
        types = (edge.source_type, edge.target_type)
        if not set(types) <= set(TYPES):
            continue
        if types[1] not in PAIRS.get(types[0], ()) and "dependency" not in types:
            hint = (
                f"From `{types[0]}` an edge can go to {listing(PAIRS[types[0]])}."
                if types[0] in PAIRS
                else ""
            )
            findings.error(path, f"an edge cannot go from `{types[0]}` to `{types[1]}`", hint)
            continue
        if source is not None:
            _check_source(edge, source, (*path, _key(graph, position, 0)), findings)
        if target is not None:
            _check_target(edge, target, (*path, _key(graph, position, 1)), items, findings)
    _check_cycle(graph, findings)
    _check_fed(graph, items, findings)


def _key(graph: Graph, position: int, end: int) -> int | str:
    """How the end of an edge is reached in the file: by position in the short form, by key in the long one."""
    if isinstance(graph.item.data["edges"][position], list):
        return end
    return ("source", "target")[end]


def _end(name: str, kind: str, path: Path, graph: Graph, findings: Findings) -> Node | None:
    node = graph.nodes.get(name)
    if node is None and (graph.names is None or name in graph.names):
        findings.mute(path)
    elif node is None:
        hint = findings.nearest(name, graph.names or ())
        findings.error(path, f"the pipeline has no node `{clip(name, 60)}`", hint)
    if kind not in TYPES:
        hint = findings.nearest(kind, TYPES)
        findings.error(path, f"`{clip(kind, 60)}` is not a type of edge", hint)
    return node


def _check_source(edge: Edge, node: Node, path: Path, findings: Findings) -> None:
    kind, key = edge.source_type, edge.source_key
    if kind == "dependency":
        return
    if kind == "deployment":
        if node.type != "deployment":
            findings.error(path, f"`{node.name}` is not a deployment node")
        elif key not in ("id", "version_id"):
            findings.error(
                path, f"a deployment node has no `{clip(key, 60)}`", "It has `id` and `version_id`."
            )
    elif not node.runs:
        findings.error(path, f"`{node.name}` is a {node.type} node and has no {kind}")
    else:
        _check_known(edge, True, node, path, findings)


def _check_target(edge: Edge, node: Node, path: Path, items: Items, findings: Findings) -> None:
    kind, key = edge.target_type, edge.target_key
    if kind == "dependency":
        return
    if kind == "file":
        _check_file(key, node, path, items, findings)
    elif not node.runs:
        findings.error(path, f"`{node.name}` is a {node.type} node and takes no {kind}")
    else:
        _check_known(edge, False, node, path, findings)


def _check_known(edge: Edge, source: bool, node: Node, path: Path, findings: Findings) -> None:
    kind, key = (edge.source_type, edge.source_key) if source else (edge.target_type, edge.target_key)
    if node.step is None or kind not in ("input", "parameter"):
        return
    known = list(node.step.inputs if kind == "input" else node.step.parameters)
    # Valohai's own examples name the source's input by a pattern (`labels*`), as they do outputs.
    if key not in known and not (source and len(key) <= 200 and fnmatch.filter(known, key)):
        hint = findings.nearest(key, known)
        findings.flaw(path, f"step `{node.step.name}` has no {kind} `{clip(key, 60)}`", hint)


def _check_file(key: str, node: Node, path: Path, items: Items, findings: Findings) -> None:
    if node.type != "deployment":
        findings.error(path, f"`{node.name}` is not a deployment node and takes no files", "Use `input`.")
        return
    name, _, file = key.partition(".")
    endpoints = list(node.data.get("endpoints", ()))
    if name not in endpoints:
        hint = findings.nearest(name, endpoints)
        findings.error(path, f"the node `{node.name}` has no endpoint `{clip(name, 60)}`", hint)
        return
    endpoint = items.official("endpoint", name)
    if endpoint is not None and file not in [one.name for one in endpoint.files]:
        hint = findings.nearest(file, [one.name for one in endpoint.files])
        findings.error(path, f"endpoint `{name}` has no file `{clip(file, 60)}`", hint)


def _check_cycle(graph: Graph, findings: Findings) -> None:
    cycle = _cycle(graph)
    if not cycle:
        return
    around = set(zip(cycle, [*cycle[1:], cycle[0]], strict=True))
    edges = [
        position
        for position, edge in enumerate(graph.item.official.edges)
        if (edge.source_node, edge.target_node) in around
    ]
    message = f"the nodes wait for each other: {clip(' → '.join([*cycle, cycle[0]]), 200)}"
    findings.error((*graph.item.path, "edges", edges[-1]), message, "Remove one of these edges.")


def _cycle(graph: Graph) -> list[str]:
    """The names of one cycle in the order of its edges; empty if there is none."""
    before: dict[str, set[str]] = {name: set() for name in graph.nodes}
    for source, targets in graph.next.items():
        for target in targets & set(before) if source in before else ():
            before[target].add(source)
    waiting = {name: len(sources) for name, sources in before.items()}
    ready = [name for name, count in waiting.items() if not count]
    while ready:
        name = ready.pop()
        del waiting[name]
        for target in graph.next.get(name, ()):
            if target in waiting:
                waiting[target] -= 1
                if not waiting[target]:
                    ready.append(target)
    if not waiting:
        return []
    # What is left waits for something that is left: going back along the edges must come round.
    walk = [min(waiting)]
    while (back := min(before[walk[-1]] & set(waiting))) not in walk:
        walk.append(back)
    cycle = walk[walk.index(back) :][::-1]
    first = cycle.index(min(cycle))
    return cycle[first:] + cycle[:first]


def _check_fed(graph: Graph, items: Items, findings: Findings) -> None:
    if not graph.item.whole("edges"):
        return
    fed = {
        (edge.target_node, edge.target_key)
        for edge in graph.item.official.edges
        if edge.target_type == "file"
    }
    for node in graph.nodes.values():
        for position, name, file in _files(node, items):
            if (node.name, f"{name}.{file}") not in fed:
                path = (*node.path, "endpoints", position)
                message = f"nothing feeds the file `{file}` of endpoint `{name}`"
                hint = f"Add an edge to `{node.name}.file.{name}.{file}`, unless it is in the repository."
                findings.warning(path, message, hint)


def _files(node: Node, items: Items) -> Iterator[tuple[int, str, Any]]:
    if node.type != "deployment":
        return
    for position, name in enumerate(node.data.get("endpoints", ())):
        endpoint = items.official("endpoint", name)
        for file in endpoint.files if endpoint is not None else ():
            yield position, name, file.name
