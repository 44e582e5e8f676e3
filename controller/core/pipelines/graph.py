"""A pipeline as the ledger keeps it: its nodes with their states, and pairs of names for the edges.

A node has `name`, `type`, `step` (empty for a deployment), `state` and `on_error`; later perhaps `reason`, `commit` (where its
step and code come from), `waits` (for approval), `stopping`, `hopeless` (it could not be planned), `acted` (its actions were
heard after its end). The graph has `reuse`, and `halt` once something beside the nodes' failures ended the pipeline.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from controller.core.pipelines import actions
from controller.core.pipelines.pipeline import Halt, Node, OnError
from schemas.errors import ConfigError
from schemas.states import FINAL_NODE, NodeState

KINDS = ("execution", "task", "deployment")


def graph_of(pipeline: Any, config: Any = None) -> dict[str, Any]:
    """The graph of a pipeline that begins. Raises `ConfigError` for what no node could ever make sense of.

    `config` finds the steps behind task blueprints; without it they stay empty.
    """
    nodes = []
    for node in pipeline.nodes:
        where = f"node {node.name} of pipeline {pipeline.name}"
        if node.type not in KINDS:
            raise ConfigError(
                f"{where} is of the unknown type {node.type}", hint=f"Known: {', '.join(KINDS)}."
            )
        if wrong := actions.problem(node):
            raise ConfigError(f"{where} {wrong}", hint=actions.HINT)
        nodes.append(
            {
                "name": node.name,
                "type": node.type,
                "step": _step_name(node, config),
                "state": "created",
                "on_error": node.on_error.value,
            }
        )
    edges = sorted({(edge.source_node, edge.target_node) for edge in pipeline.edges})
    return {
        "nodes": nodes,
        "edges": [list(edge) for edge in edges],
        "reuse": bool(pipeline.reuse_executions),
    }


@lru_cache(maxsize=32)
def nodes_of(pipeline: Any) -> Mapping[str, Any]:
    """The nodes of a pipeline's official object by name, made once: it makes them anew at each question."""
    return dict(pipeline.node_map)


@lru_cache(maxsize=32)
def edges_into(pipeline: Any) -> Mapping[str, tuple[Any, ...]]:
    """The edges of a pipeline's official object by the node that they lead to, in the order of the file."""
    found: dict[str, list[Any]] = {}
    for edge in pipeline.edges:
        found.setdefault(edge.target_node, []).append(edge)
    return {name: tuple(edges) for name, edges in found.items()}


def _step_name(node: Any, config: Any) -> str:
    if getattr(node, "task", None):
        task = config.tasks.get(node.task) if config is not None else None
        return task.step if task is not None else ""
    return getattr(node, "step", "") or ""


def node_of(entry: Mapping[str, Any], tries: int, approved: bool = False) -> Node:
    """A node of the graph as the decision needs it."""
    return Node(
        entry["name"],
        NodeState(entry["state"]),
        OnError(entry["on_error"]),
        tries,
        hopeless=bool(entry.get("hopeless")),
        held=bool(entry.get("waits")) and not approved,
        stopping=bool(entry.get("stopping")),
    )


def halt_of(graph: Mapping[str, Any]) -> Halt | None:
    """What ended the pipeline beside its nodes."""
    said = graph.get("halt")
    return Halt(said["state"], said["reason"]) if said else None


def halted(graph: Mapping[str, Any], halt: Halt) -> dict[str, Any]:
    """The graph with a halt in it; the first one stands."""
    return {**graph, "halt": graph.get("halt") or {"state": halt.state, "reason": halt.reason}}


def is_final(entry: Mapping[str, Any]) -> bool:
    """Whether a node of the graph has ended."""
    return NodeState(entry["state"]) in FINAL_NODE
