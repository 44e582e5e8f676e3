"""What may start next in a pipeline. One pure function over the states of the nodes; it knows no execution.

A node starts when every node it has an edge from is complete, or has failed but is tolerated by its `on-error: continue`.
`stop-all` (the default) ends everything at the first failure, `stop-next` only what lies downstream, `retry` tries the node
again and then is `stop-all`. The time taken grows with the number of nodes and edges, not with their product.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from schemas.states import FINAL_NODE, NodeState

RETRIES = 3
"""How often a node with `on-error: retry` is tried in all (contract, section 2.6)."""


class OnError(StrEnum):
    """What the pipeline does when a node fails."""

    STOP_ALL = "stop-all"
    STOP_NEXT = "stop-next"
    CONTINUE = "continue"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the decision needs it. `tries` counts what was started for it so far."""

    name: str
    state: NodeState
    on_error: OnError = OnError.STOP_ALL
    tries: int = 1
    hopeless: bool = False
    """It could not even be planned: another try would come to the same."""
    held: bool = False
    """It waits for a person's approval."""
    stopping: bool = False
    """It was asked to stop."""


@dataclass(frozen=True, slots=True)
class Halt:
    """Something beside the nodes' own failures ends the pipeline: an action of a node, or a person."""

    state: Literal["stopped", "error"]
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """What to do now. `end` is the pipeline's final state, None while it goes on."""

    start: tuple[str, ...] = ()
    retry: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    skip: tuple[tuple[str, str], ...] = ()  # (node, reason)
    end: str | None = None  # complete, error, stopped


_BROKEN = (NodeState.ERROR, NodeState.STOPPED)
_LIVE = (NodeState.QUEUED, NodeState.STARTED)


def progress(nodes: Sequence[Node], edges: Iterable[tuple[str, str]], halt: Halt | None = None) -> Progress:
    """Decide from the states alone. Performing the answer and asking again gives an empty answer."""
    doom = halt.reason if halt else next((_words(node) for node in nodes if _is_fatal(node)), None)
    if doom is not None:
        return _abandon(nodes, doom, halt)
    by_name = {node.name: node for node in nodes}
    known = [(a, b) for a, b in edges if a in by_name and b in by_name and a != b]
    cut = _cut_off(by_name, known)
    waiting = {b for a, b in known if not _passes(by_name[a])}
    retry = tuple(node.name for node in nodes if will_retry(node))
    open_nodes = [node for node in nodes if node.state is NodeState.CREATED and node.name not in cut]
    start = tuple(node.name for node in open_nodes if node.name not in waiting and not node.held)
    if not (start or retry) and not any(node.held or node.state in _LIVE for node in nodes):
        # Only a cycle, which lint refuses, is left: it would wait for itself for ever.
        cut |= {node.name: "its nodes wait for each other" for node in open_nodes}
    skip = tuple((node.name, cut[node.name]) for node in nodes if node.name in cut)
    return Progress(start, retry, (), skip, None if start or retry or skip else _end(nodes, None))


def will_retry(node: Node) -> bool:
    """Whether a failed node is to be tried again. One that a person stopped is not."""
    tried = 0 < node.tries < RETRIES and not node.hopeless
    return node.on_error is OnError.RETRY and node.state is NodeState.ERROR and tried


def is_failure(node: Node) -> bool:
    """Whether the node's failure makes the pipeline one."""
    return node.state in _BROKEN and node.on_error is not OnError.CONTINUE


def _is_fatal(node: Node) -> bool:
    return is_failure(node) and node.on_error is not OnError.STOP_NEXT and not will_retry(node)


def _words(node: Node) -> str:
    return f"{node.name} {'failed' if node.state is NodeState.ERROR else f'was {node.state}'}"


def _abandon(nodes: Sequence[Node], reason: str, halt: Halt | None) -> Progress:
    skip = tuple((n.name, reason) for n in nodes if n.state is NodeState.CREATED)
    stop = tuple(n.name for n in nodes if n.state in _LIVE and not n.stopping)
    return Progress(stop=stop, skip=skip, end=None if stop or skip else _end(nodes, halt))


def _cut_off(nodes: Mapping[str, Node], edges: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The nodes that can never start, each with the failure that it lies behind."""
    after: dict[str, list[str]] = {}
    for source, target in edges:
        after.setdefault(source, []).append(target)
    found: dict[str, str] = {}
    walk = [(node.name, _words(node)) for node in nodes.values() if _blocks(node)]
    for name, reason in walk:
        for target in after.get(name, ()):
            if nodes[target].state is NodeState.CREATED and target not in found:
                found[target] = reason
                walk.append((target, reason))
    return found


def _passes(node: Node) -> bool:
    tolerated = node.state in _BROKEN and node.on_error is OnError.CONTINUE
    return node.state is NodeState.COMPLETE or tolerated


def _blocks(node: Node) -> bool:
    return node.state in FINAL_NODE and not _passes(node) and not will_retry(node)


def _end(nodes: Sequence[Node], halt: Halt | None) -> str | None:
    if any(node.state not in FINAL_NODE for node in nodes):
        return None
    broken = [node for node in nodes if is_failure(node)]
    if any(node.state is NodeState.ERROR for node in broken):
        return "error"
    if halt is not None:
        return halt.state
    return "stopped" if broken else "complete"


def final_nodes(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[str]:
    """The nodes that no edge leaves: where a run's metrics are looked for."""
    leaving = {source for source, _ in edges}
    return [name for name in names if name not in leaving]


def metric_nodes(graph: Mapping[str, Any]) -> list[str]:
    """The final nodes of a stored graph that have metrics: those behind which no other node with executions comes."""
    running = [node["name"] for node in graph["nodes"] if node.get("type") != "deployment"]
    known = set(running)
    return final_nodes(running, [(a, b) for a, b in graph["edges"] if a in known and b in known])


def node_states(graph: Mapping[str, Any]) -> dict[str, str]:
    """Name -> state of a pipeline's stored graph."""
    return {node["name"]: node["state"] for node in graph["nodes"]}
