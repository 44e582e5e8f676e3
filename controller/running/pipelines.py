"""Performs what the pure core decides for a pipeline: starts its nodes, tries them again, stops, skips and ends.

A turn reads, decides and then writes once. The graph in the ledger keeps what no row says: skipped nodes and why, who
waits for approval, what could not be planned, and what ended the pipeline beside its nodes' failures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from controller import isolate
from controller.core.pipelines import actions, pipeline_words
from controller.core.pipelines import graph as graphs
from controller.core.pipelines import pipeline as core
from controller.core.pipelines.edges import Finished
from controller.core.pipelines.pipeline import Halt, Progress
from controller.core.serving.deploying import target_of
from controller.git import revisions
from controller.ports import Ports
from controller.reporting import statuses
from controller.running import begin as beginning
from controller.running import gates, standing, tasks
from controller.running import scene as scene_of
from controller.running.begin import Begin
from controller.running.scene import Scene
from controller.running.standing import Standing
from controller.serving import deployments
from controller.watching import observe
from ledger import approvals, pipelines, runs, verdicts
from ledger.deployments import DeploymentRow
from ledger.executions import ExecutionRow
from ledger.runs import PipelineRow
from schemas.errors import ConfigError
from schemas.states import FINAL_TASK, ExecutionState, NodeState, RunState

log = structlog.get_logger()

FINAL = ("complete", "error", "stopped")


def advance(ports: Ports, scene: Scene) -> bool:
    """Move the pipeline of a run one step, beginning with its creation; whether anything changed."""
    if scene.pipeline is None:
        return _create(ports, scene)
    if _move_tasks(ports, scene):
        scene = scene_of.read(ports, scene.run)
    assert scene.pipeline is not None
    turn = _look(ports, scene.pipeline, scene)
    _listen(ports, scene, turn)
    turn.decide()
    _plan_starts(ports, scene, turn)
    changed = _record(ports, scene, turn)
    if turn.state not in FINAL:
        tried = {name: (each.title, each.tries) for name, each in turn.stands.items()}
        reason = pipeline_words.going(list(turn.entries.values()), tried)
        return scene_of.tell_now(ports, scene, RunState.RUNNING, reason) or changed
    return _end(ports, scene, turn)


def stop(connection: Connection, pipeline: PipelineRow, why: str, now: datetime) -> bool:
    """Somebody ends the pipeline: the next turn stops what runs and skips the rest. False when it is over already."""
    if pipeline.state in FINAL or graphs.halt_of(pipeline.graph) is not None:
        return False
    graph = graphs.halted(pipeline.graph, Halt("stopped", why))
    runs.update_pipeline(connection, pipeline, graph, pipeline.state, now)
    return True


def end_left(ports: Ports) -> int:
    """End the open pipelines of runs that are final (cancelled, replaced, failed by a fault of ours); how many changed."""
    with ports.ledger.read() as connection:
        left = pipelines.left(connection)
    return isolate.each(left, lambda row: _end_left(ports, row), lambda row, bug: _give_up(ports, row))


def _end_left(ports: Ports, row: PipelineRow) -> bool:
    turn = _look(ports, row)
    turn.halt = turn.halt or Halt("stopped", "its run has ended")
    turn.decide()
    return _record(ports, None, turn)


def _give_up(ports: Ports, row: PipelineRow) -> None:
    with ports.ledger.write() as connection:
        runs.update_pipeline(connection, row, row.graph, "error", ports.clock())


def _create(ports: Ports, scene: Scene) -> bool:
    name = scene.trigger.target.name
    pipeline = scene.config.valohai.pipelines.get(name)
    if pipeline is None:
        raise ConfigError(f"there is no pipeline named {name}")
    graph = graphs.graph_of(pipeline, scene.config.valohai)
    graph["nodes"] = [
        {**entry, **_foreseen(ports, scene, graphs.nodes_of(pipeline)[entry["name"]])}
        for entry in graph["nodes"]
    ]
    now = ports.clock()
    with ports.ledger.write() as connection:
        row = runs.create_pipeline(connection, scene.run, name, graph, now)
        scene_of.tell(connection, ports, scene, RunState.RUNNING, f"={row.number} {name} starts", now)
    return True


def _foreseen(ports: Ports, scene: Scene, node: Any) -> dict[str, Any]:
    """What a node's `commit` means now, for as long as the pipeline lives. If nothing, or if a deployment could be made
    nowhere, the node has failed already: nothing is computed for it.
    """
    named = getattr(node, "commit", None)
    try:
        beginning.check(scene, node)
        if node.type == "deployment":
            target = target_of(scene.config.valohai, node.deployment)
            with ports.ledger.read() as connection:
                deployments.cluster_for(connection, ports, scene, node.deployment, target)
        if not named:
            return {}
        return {"commit": revisions.commit_named(observe.mirror_of(ports, scene.repository), named)}
    except ConfigError as error:
        return {"state": NodeState.ERROR.value, "hopeless": True, "reason": str(error)}


def _move_tasks(ports: Ports, scene: Scene) -> bool:
    moved = False
    entries = {entry["name"]: entry for entry in scene.pipeline.graph["nodes"]} if scene.pipeline else {}
    for task in scene.tasks:
        if task.state not in FINAL_TASK and task.node in entries:
            at = beginning.at_commit(ports, scene, entries[task.node])
            moved |= tasks.move(ports, at, task)
    return moved


@dataclass(slots=True)
class _Turn:
    """One look at a pipeline, and what it comes to."""

    row: PipelineRow
    stands: Mapping[str, Standing]
    approved: Mapping[str, str]
    entries: dict[str, dict[str, Any]]
    halt: Halt | None
    step: Progress = field(default_factory=Progress)
    begins: list[Begin] = field(default_factory=list)

    def decide(self) -> None:
        """Ask the core, and put into the graph what needs no other row."""
        known = [
            graphs.node_of(entry, self.tries(name), name in self.approved)
            for name, entry in self.entries.items()
        ]
        self.step = core.progress(known, [(a, b) for a, b in self.row.graph["edges"]], self.halt)
        for name, reason in self.step.skip:
            self.entries[name] |= {"state": NodeState.SKIPPED.value, "reason": reason}
            self.entries[name].pop("waits", None)
        for name in self.step.stop:
            self.entries[name]["stopping"] = True

    def tries(self, name: str) -> int:
        """How often something was started for a node."""
        return self.stands[name].tries if name in self.stands else 0

    def fail(self, name: str, reason: str) -> None:
        """A node that cannot be planned has failed; trying again would come to the same."""
        self.entries[name] |= {"state": NodeState.ERROR.value, "hopeless": True, "reason": reason}

    @property
    def graph(self) -> dict[str, Any]:
        """The graph as it now is."""
        graph = {**self.row.graph, "nodes": list(self.entries.values())}
        return graphs.halted(graph, self.halt) if self.halt else graph

    @property
    def state(self) -> str:
        """The pipeline's own state."""
        return self.step.end or ("started" if self.stands or self.begins else self.row.state)


def _look(ports: Ports, row: PipelineRow, scene: Scene | None = None) -> _Turn:
    with ports.ledger.read() as connection:
        stands = standing.of(connection, row, scene)
        approved = approvals.of_pipeline(connection, row.id)
    entries = {entry["name"]: _as_it_stands(entry, stands) for entry in row.graph["nodes"]}
    return _Turn(row, stands, approved, entries, graphs.halt_of(row.graph))


def _as_it_stands(entry: Mapping[str, Any], stands: Mapping[str, Standing]) -> dict[str, Any]:
    """A node with the state of what stands for it. What has ended stays so: a deployment may be retired later."""
    found = stands.get(entry["name"])
    if found is None or graphs.is_final(entry):
        return dict(entry)
    state = found.state
    if entry.get("stopping") and state is NodeState.ERROR and entry.get("type") == "deployment":
        state = NodeState.STOPPED  # a version has no word of its own for this
    now = {**entry, "state": state.value}
    now.pop("reason", None)
    if state in (NodeState.ERROR, NodeState.STOPPED):
        now |= {"reason": found.reason, "tries": found.tries}
    return now


def _listen(ports: Ports, scene: Scene, turn: _Turn) -> None:
    """Hear the actions of nodes that have ended, each node once; the first that ends the pipeline does."""
    known = graphs.nodes_of(scene.config.valohai.pipelines[turn.row.name])
    for name, entry in turn.entries.items():
        node = known[name]
        if not node.actions or not graphs.is_final(entry) or entry.get("acted"):
            continue
        if entry["state"] == NodeState.SKIPPED or entry.get("stopping"):
            continue
        if core.will_retry(graphs.node_of(entry, turn.tries(name))):
            continue
        entry["acted"] = True
        when: actions.When = "node-complete" if entry["state"] == NodeState.COMPLETE else "node-error"
        with ports.ledger.read() as connection:
            left = standing.finished(connection, turn.stands.get(name))
        said = actions.say(node, when, left.metadata, left.spec.get("parameters", {}))
        turn.halt = turn.halt or said.halt


def _plan_starts(ports: Ports, scene: Scene, turn: _Turn) -> None:
    """Plan what may start. Its actions at `node-starting` may hold it for approval, or end the pipeline instead."""
    known = graphs.nodes_of(scene.config.valohai.pipelines[turn.row.name])
    names = (*turn.step.start, *turn.step.retry)
    left = _left_behind(ports, turn, set(names))
    for name in names:
        try:
            begin = beginning.plan(ports, scene, turn.entries[name], left)
        except ConfigError as error:
            turn.fail(name, str(error))
            continue
        if name in turn.step.start:
            said = actions.say(known[name], "node-starting", {}, begin.parameters, name in turn.approved)
            turn.halt = turn.halt or said.halt
            if said.halt:
                continue
            if said.approval:
                words = pipeline_words.approval(turn.row.number, name)
                turn.entries[name] |= {"waits": True, "reason": words}
                continue
        turn.begins.append(begin)
    if turn.halt is not None:
        turn.begins.clear()


def _left_behind(ports: Ports, turn: _Turn, names: set[str]) -> dict[str, Finished]:
    """What the nodes before these left. Read once each."""
    before = {a for a, b in turn.row.graph["edges"] if b in names}
    with ports.ledger.read() as connection:
        return {name: standing.finished(connection, turn.stands.get(name)) for name in before}


def _record(ports: Ports, scene: Scene | None, turn: _Turn) -> bool:
    if not turn.begins and (turn.graph, turn.state) == (turn.row.graph, turn.row.state):
        return False
    now = ports.clock()
    with ports.ledger.write() as connection:
        wrong = beginning.start(connection, ports, turn.begins, now)
        for begin in turn.begins:
            if begin.node in wrong:
                turn.fail(begin.node, wrong[begin.node])
            else:
                _begun(turn.entries[begin.node])
        for name in turn.step.stop:
            if name in turn.stands:
                standing.stop(connection, ports, scene, turn.stands[name], now)
        runs.update_pipeline(connection, turn.row, turn.graph, turn.state, now)
        if turn.state in FINAL and turn.row.state not in FINAL:
            _keep(connection, turn, now)
    return True


def _keep(connection: Connection, turn: _Turn, now: datetime) -> None:
    """A final pipeline as a record; what its nodes did is in the executions' and tasks' own."""
    row = turn.row
    body = {
        "project": row.project_id,
        "run": row.run_id,
        "round": row.round,
        "number": row.number,
        "name": row.name,
        "state": turn.state,
        "graph": turn.graph,
    }
    repository_id = verdicts.repository_of(connection, row.project_id)
    statuses.record(connection, repository_id, "pipeline", row.id, body, now)


def _begun(entry: dict[str, Any]) -> None:
    entry["state"] = NodeState.QUEUED.value
    for word in ("reason", "waits", "tries"):
        entry.pop(word, None)


def _end(ports: Ports, scene: Scene, turn: _Turn) -> bool:
    """End the run with what the pipeline came to."""
    rows = {name: each.row for name, each in turn.stands.items()}
    titles = {name: each.title for name, each in turn.stands.items() if isinstance(each.row, ExecutionRow)}
    if turn.state == "complete":
        complete = {
            name: row
            for name, row in rows.items()
            if isinstance(row, ExecutionRow) and row.state is ExecutionState.COMPLETE
        }
        serving = [
            row.reason
            for name, row in rows.items()
            if isinstance(row, DeploymentRow) and turn.entries[name]["state"] == NodeState.COMPLETE
        ]
        tries = {name: each.tries for name, each in turn.stands.items()}
        marred = pipeline_words.marred(list(turn.entries.values()), titles, tries)
        return gates.end(ports, scene, turn.state, complete, beside=gates.Beside(serving, marred))
    reason = pipeline_words.ended(list(turn.entries.values()), turn.halt, titles)
    if turn.state == "stopped":
        return gates.fail(ports, scene, RunState.CANCELLED, reason)
    failed = (name for name, entry in turn.entries.items() if entry["state"] == NodeState.ERROR)
    first = next((rows.get(name) for name in failed), None)
    ours = isinstance(first, ExecutionRow) and first.state is ExecutionState.CRASHED
    return gates.fail(ports, scene, RunState.ERROR if ours else RunState.FAILURE, reason)
