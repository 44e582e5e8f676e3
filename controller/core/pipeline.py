"""What may start next in a pipeline. One pure function over the states of the nodes; it knows no execution.

A node starts when every node it has an edge from is complete, or has failed but is tolerated by its `on-error: continue`.
`stop-all` (the default) ends everything at the first failure, `stop-next` only what lies downstream.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.states import FINAL_NODE, NodeState


class OnError(StrEnum):
    """What the pipeline does when a node fails."""

    STOP_ALL = "stop-all"
    STOP_NEXT = "stop-next"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the decision needs it."""

    name: str
    state: NodeState
    on_error: OnError = OnError.STOP_ALL


@dataclass(frozen=True, slots=True)
class Progress:
    """What to do now. `end` is the pipeline's final state, None while it goes on."""

    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    skip: tuple[tuple[str, str], ...] = ()  # (node, reason)
    end: str | None = None  # complete, error, stopped


_BROKEN = (NodeState.ERROR, NodeState.STOPPED)


def progress(nodes: Sequence[Node], edges: Sequence[tuple[str, str]]) -> Progress:
    """Decide from the states alone. Performing the answer and asking again gives an empty answer."""
    by_name = {node.name: node for node in nodes}
    fatal = next((n for n in nodes if n.state in _BROKEN and n.on_error is OnError.STOP_ALL), None)
    if fatal is not None:
        return _abandon(nodes, fatal)
    start: list[str] = []
    skip: list[tuple[str, str]] = []
    for node in nodes:
        if node.state is not NodeState.CREATED:
            continue
        sources = [by_name[a] for a, b in edges if b == node.name and a != b]
        barrier = next((source for source in sources if _blocks(source)), None)
        if barrier is not None:
            skip.append((node.name, f"{barrier.name} is {barrier.state}"))
        elif all(_passes(source) for source in sources):
            start.append(node.name)
    end = None if skip or start else _end(nodes)
    return Progress(start=tuple(start), skip=tuple(skip), end=end)


def _abandon(nodes: Sequence[Node], fatal: Node) -> Progress:
    skip = tuple((n.name, f"{fatal.name} failed") for n in nodes if n.state is NodeState.CREATED)
    stop = tuple(n.name for n in nodes if n.state in (NodeState.QUEUED, NodeState.STARTED))
    return Progress(stop=stop, skip=skip, end=None if stop or skip else _end(nodes))


def _passes(node: Node) -> bool:
    tolerated = node.state in _BROKEN and node.on_error is OnError.CONTINUE
    return node.state is NodeState.COMPLETE or tolerated


def _blocks(node: Node) -> bool:
    return node.state in FINAL_NODE and not _passes(node)


def _end(nodes: Sequence[Node]) -> str | None:
    if any(node.state not in FINAL_NODE for node in nodes):
        return None
    broken = [node for node in nodes if node.state in _BROKEN and node.on_error is not OnError.CONTINUE]
    if any(node.state is NodeState.ERROR for node in broken):
        return "error"
    return "stopped" if broken else "complete"


def final_nodes(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[str]:
    """The nodes that no edge leaves: where a run's metrics are looked for."""
    leaving = {source for source, _ in edges}
    return [name for name in names if name not in leaving]


def node_states(graph: Mapping[str, object]) -> dict[str, str]:
    """Name -> state of a pipeline's stored graph."""
    nodes = graph["nodes"]
    assert isinstance(nodes, list)
    return {node["name"]: node["state"] for node in nodes}
