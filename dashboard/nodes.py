"""A pipeline's nodes as pages show them: what stands for each, its earlier tries, and why it waits or was left out. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.graph import Node, edges_of
from dashboard.shapes import word_of
from ledger.pages.deployments import OVER, DeploymentLine
from ledger.pages.execution import Try
from ledger.pages.tasks import TaskLine
from ledger.pages.work import ExecutionLine, PipelineLine
from schemas.states import NodeState, Word

DONE = (NodeState.COMPLETE, NodeState.SKIPPED)


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that one run's pipelines are made of."""

    executions: Sequence[ExecutionLine] = ()
    tasks: Sequence[TaskLine] = ()
    deployments: Sequence[DeploymentLine] = ()


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node, and what stands for it: an execution (the last try), a task, or a version of a deployment.

    `state` is a state of `state_kind` (node, execution, task, deployment); `earlier` are the tries before the last one.
    """

    name: str
    kind: str
    step: str
    state: str
    state_kind: str
    reason: str
    status_detail: str = ""
    waits: bool = False
    approved_by: str | None = None
    execution: int | None = None
    task: int | None = None
    earlier: tuple[Try, ...] = ()
    deployment: str = ""
    version: str = ""
    version_id: str | None = None
    aliases: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    where: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def word(self) -> Word:
        """The word for its state, `neutral` for one that this version does not know."""
        try:
            return word_of(self.state, self.state_kind)
        except ValueError:
            return Word.NEUTRAL

    @property
    def note(self) -> str:
        """What the drawing says of it below its name."""
        if self.waits and self.approved_by is None:
            return "waits for approval"
        if self.version:
            return " ".join([self.version, *self.aliases])
        if self.task is not None:
            return f"task !{self.task}"
        if self.execution is not None:
            return f"#{self.execution}" + (f", try {len(self.earlier) + 1}" if self.earlier else "")
        return "skipped" if self.state == NodeState.SKIPPED else ""


def rows(pipeline: PipelineLine, parts: Parts, approved: Mapping[str, str]) -> tuple[NodeRow, ...]:
    """The nodes in the order of the file. `approved`: node -> who approved it."""
    entries = [node for node in pipeline.graph.get("nodes", []) if isinstance(node, dict)]
    before = _before(pipeline, entries)
    return tuple(_row(entry, pipeline, parts, approved, before) for entry in entries)


def news(version: DeploymentLine) -> str:
    """A version's reason; nothing where it only repeats that the version serves, which its state says."""
    again = f"{version.deployment} {version.name} serves"
    return "" if version.state == "serving" and version.reason.startswith(again) else version.reason


def drawn(row: NodeRow, address: str | None) -> Node:
    """The node for the drawing."""
    return Node(row.name, row.word, address, row.note)


def _row(
    entry: Mapping[str, Any],
    pipeline: PipelineLine,
    parts: Parts,
    approved: Mapping[str, str],
    before: Mapping[str, str],
) -> NodeRow:
    name = str(entry.get("name", ""))
    waits = bool(entry.get("waits")) and entry.get("state") == NodeState.CREATED
    common: dict[str, Any] = {
        "name": name,
        "kind": str(entry.get("type") or "execution"),
        "step": str(entry.get("step") or ""),
        "waits": waits,
        "approved_by": approved.get(name),
    }

    def mine(each: ExecutionLine | TaskLine | DeploymentLine) -> bool:
        return (each.pipeline_id, each.node) == (pipeline.id, name)

    said = str(entry.get("reason") or "")
    if version := next(filter(mine, parts.deployments), None):
        return NodeRow(**common, **_of_deployment(version))
    if task := next(filter(mine, parts.tasks), None):
        earlier = tuple(Try(each.number, each.state) for each in parts.tasks if mine(each) and each != task)
        return NodeRow(**common, **_of_task(task, said), earlier=earlier[::-1])
    tries = [each for each in parts.executions if mine(each) and each.task is None and each.kind != "build"]
    if tries:
        earlier = tuple(Try(each.number, each.state) for each in tries[:-1])
        return NodeRow(**common, **_of_execution(tries[-1], said), earlier=earlier)
    state = str(entry.get("state") or NodeState.CREATED)
    if not said and state == NodeState.CREATED and pipeline.finished_at is None:
        said = before.get(name, "")
    elif state == NodeState.SKIPPED:
        said = f"skipped: {said}" if said else "skipped"
    return NodeRow(**common, state=state, state_kind="node", reason=said)


def _of_execution(last: ExecutionLine, said: str) -> dict[str, Any]:
    return {
        "state": last.state,
        "state_kind": "execution",
        "reason": last.reason or said,
        "status_detail": last.status_detail,
        "execution": last.number,
        "where": last.environment,
        "started_at": last.started_at,
        "finished_at": last.finished_at,
    }


def _of_task(task: TaskLine, said: str) -> dict[str, Any]:
    return {
        "state": task.state,
        "state_kind": "task",
        "reason": task.reason or said,
        "task": task.number,
        "started_at": task.created_at,
        "finished_at": task.finished_at,
    }


def _of_deployment(version: DeploymentLine) -> dict[str, Any]:
    return {
        "state": version.state,
        "state_kind": "deployment",
        "reason": news(version),
        "deployment": version.deployment,
        "version": version.name,
        "version_id": version.id,
        "aliases": version.aliases or (() if version.state in OVER else version.wanted),
        "addresses": tuple(each.address for each in version.endpoints if each.address),
        "where": version.cluster,
    }


def _before(pipeline: PipelineLine, entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """For each node that has to wait for others: for which, of those that have not ended."""
    states = {str(entry.get("name")): entry.get("state") for entry in entries}
    ahead: dict[str, list[str]] = {}
    for source, target in edges_of(pipeline.graph):
        if states.get(source) not in DONE:
            ahead.setdefault(target, []).append(source)
    return {target: f"waits for {_listed(sources)}" for target, sources in ahead.items()}


def _listed(names: Sequence[str], most: int = 4) -> str:
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
