"""What stands for each node of a pipeline: its newest execution, task or deployment version, and what that left behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from controller.core.pipelines.edges import NOTHING, Finished
from controller.core.plan import PLATFORM
from controller.ports import Ports
from controller.running import tasks
from controller.running.scene import Scene
from controller.serving import deployments as versions
from ledger import attempts, deployments, executions, manifests
from ledger import tasks as tasks_shelf
from ledger.deployments import DeploymentRow
from ledger.executions import ExecutionRow
from ledger.runs import PipelineRow
from ledger.tasks import TaskRow
from schemas.states import ExecutionState, NodeState, TaskState


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest of what was started for a node. `tries` counts all of them, `reason` is in the row's own words."""

    row: ExecutionRow | TaskRow | DeploymentRow
    state: NodeState
    tries: int

    @property
    def reason(self) -> str:
        """Why it is as it is."""
        return self.row.reason

    @property
    def title(self) -> str:
        """The number by which people know it."""
        match self.row:
            case ExecutionRow():
                return f"#{self.row.number}"
            case TaskRow():
                return f"!{self.row.number}"
            case DeploymentRow():
                return f"{self.row.deployment} {self.row.name}"


def of(connection: Connection, pipeline: PipelineRow, scene: Scene | None = None) -> dict[str, Standing]:
    """What stands for the nodes of a pipeline, by the nodes' names. A scene has most of it read already.

    Children of tasks stand for no node. Of several (a node that was tried again) the newest counts.
    """
    made = deployments.of_pipeline(connection, pipeline.id)
    if scene is not None:
        return _among(pipeline, scene.executions, scene.tasks, made)
    rows = executions.of_run(connection, pipeline.run_id, pipeline.round)
    return _among(pipeline, rows, tasks_shelf.of_run(connection, pipeline.run_id, pipeline.round), made)


def _among(
    pipeline: PipelineRow,
    rows: Sequence[ExecutionRow],
    sweeps: Sequence[TaskRow],
    made: Sequence[DeploymentRow],
) -> dict[str, Standing]:
    mine: list[tuple[str | None, Any, NodeState]] = [
        *((row.node, row, execution_state(row.state)) for row in rows if row.task_id is None),
        *((task.node, task, task_state(task.state)) for task in sweeps),
        *((row.node, row, versions.state(row)) for row in made),
    ]
    found: dict[str, Standing] = {}
    for node, row, state in mine:
        if node is not None and row.pipeline_id == pipeline.id:
            found[node] = Standing(row, state, found[node].tries + 1 if node in found else 1)
    return found


def execution_state(state: ExecutionState) -> NodeState:
    """An execution's state as its node's."""
    match state:
        case ExecutionState.COMPLETE:
            return NodeState.COMPLETE
        case ExecutionState.ERROR | ExecutionState.CRASHED:
            return NodeState.ERROR
        case ExecutionState.STOPPED:
            return NodeState.STOPPED
        case ExecutionState.STARTED | ExecutionState.STOPPING:
            return NodeState.STARTED
        case _:
            return NodeState.QUEUED


def task_state(state: TaskState) -> NodeState:
    """A task's state as its node's."""
    match state:
        case TaskState.COMPLETE:
            return NodeState.COMPLETE
        case TaskState.ERROR:
            return NodeState.ERROR
        case TaskState.STOPPED:
            return NodeState.STOPPED
        case TaskState.STARTED | TaskState.STOPPING:
            return NodeState.STARTED
        case _:
            return NodeState.QUEUED


def stop(
    connection: Connection, ports: Ports, scene: Scene | None, standing: Standing, now: datetime
) -> None:
    """Ask what stands for a node to end; asking again changes nothing."""
    match standing.row:
        case ExecutionRow():
            attempts.ask_to_stop(connection, standing.row.id, now)
        case TaskRow():
            tasks.stop(connection, ports, scene, standing.row, now)
        case DeploymentRow():
            versions.stop(connection, standing.row, now)


def finished(connection: Connection, standing: Standing | None) -> Finished:
    """What a node left for the nodes after it; nothing where it failed before anything was started for it."""
    if standing is None:
        return NOTHING
    match standing.row:
        case ExecutionRow():
            return _of_execution(connection, standing.row)
        case TaskRow():
            return tasks.finished(connection, standing.row)
        case DeploymentRow():
            return versions.finished(standing.row)


def _of_execution(connection: Connection, row: ExecutionRow) -> Finished:
    given = row.spec.get("inputs", ())
    if any(_is_pattern(uri) for each in given for uri in each["uris"]):
        said = manifests.inputs_of(connection, row.id)
        given = [_with_resolved(each, said) for each in given]
    return Finished(executions.data_of(connection, row.id), row.metadata, {**row.spec, "inputs": list(given)})


def _with_resolved(given: Mapping[str, Any], said: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """An input whose patterns are what they came to. Exact addresses stay, since a manifest names them without a login."""
    if not any(map(_is_pattern, given["uris"])):
        return given
    exact = [uri for uri in given["uris"] if not _is_pattern(uri)]
    came = [each["uri"] for each in said if each["input"] == given["name"]]
    matched = [uri for uri in came if not uri.startswith(PLATFORM) and uri not in exact]
    return {**given, "resolved": list(dict.fromkeys((*exact, *matched)))} if matched else given


def _is_pattern(uri: str) -> bool:
    return "*" in uri or uri.endswith("/")
