"""Moves every open run one step: creates the executions that may start, and ends the run when they have ended.

Each run is one transaction after all reading is done. Asking again when nothing happened changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from controller import configs, gates, isolate, statuses
from controller.core import nodes, plan
from controller.core import pipeline as core_pipeline
from controller.core.nodes import Finished
from controller.core.plan import Facts, Given, Planned
from controller.ports import Environment, Ports
from ledger import attempts, executions, repositories, runs, verdicts
from ledger.executions import ExecutionRow, NewExecution
from ledger.repositories import ProjectRow, RepositoryRow
from ledger.runs import PipelineRow, RunRow
from schemas.errors import ConfigError
from schemas.messages.job import Archive
from schemas.repo_config import RepoConfig, Trigger
from schemas.states import FINAL_EXECUTION, ExecutionState, NodeState, RunState

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a run's next step rests on, read before anything is written."""

    run: RunRow
    repository: RepositoryRow
    project: ProjectRow
    config: RepoConfig
    trigger: Trigger
    facts: Facts
    executions: tuple[ExecutionRow, ...]
    pipeline: PipelineRow | None


def advance(ports: Ports) -> int:
    """Move every open run; how many changed."""
    with ports.ledger.read() as connection:
        waiting = runs.open_runs(connection)
    return isolate.each(
        waiting,
        lambda run: _advance(ports, run),
        lambda run, bug: finish(ports, run, RunState.ERROR, f"internal: {bug}"),
    )


def _advance(ports: Ports, run: RunRow) -> bool:
    try:
        scene = _scene(ports, run)
        if scene.trigger.target.kind == "pipeline":
            return _advance_pipeline(ports, scene)
        return _advance_step(ports, scene)
    except ConfigError as error:
        return finish(ports, run, RunState.ERROR, f"it cannot be planned: {error}")


def _scene(ports: Ports, run: RunRow) -> Scene:
    config = configs.of(ports, run.project_id, run.sha)
    trigger = next((t for t in config.triggers if t.name == run.trigger), None) if config else None
    if config is None or trigger is None:
        raise ConfigError(f"the trigger {run.trigger} is not in the config of {run.sha[:7]}")
    with ports.ledger.read() as connection:
        repository = repositories.by_id(connection, run.repository_id)
        project = repositories.project(connection, run.project_id)
        snapshot = verdicts.snapshot(connection, run.repository_id, run.sha)
        found = executions.of_run(connection, run.id, run.round)
        pipeline = runs.pipeline_of(connection, run)
    if snapshot is None:
        raise ConfigError(f"there is no snapshot of {run.sha[:7]}")
    facts = Facts(
        project=project.id,
        project_name=f"{repository.name}/{project.name}",
        commit=run.sha,
        archive=Archive(snapshot.key, snapshot.digest, snapshot.size),
        created=ports.clock(),
        trust=run.trust,
    )
    return Scene(run, repository, project, config, trigger, facts, tuple(found), pipeline)


def _advance_step(ports: Ports, scene: Scene) -> bool:
    target = scene.trigger.target
    if target.kind != "step":
        raise ConfigError(f"the trigger runs a {target.kind}, which is not yet supported")
    if not scene.executions:
        planned = plan.plan_step(scene.config.valohai, target.name, _asked(scene.trigger), scene.facts)
        environment = _environment(ports, planned)
        now = ports.clock()
        with ports.ledger.write() as connection:
            created = _create(connection, scene, planned, environment, None, now)
            _tell(
                connection, ports, scene, RunState.RUNNING, f"#{created.number} {planned.step} is queued", now
            )
        return True
    last = scene.executions[-1]
    if last.state not in FINAL_EXECUTION:
        return _tell_now(ports, scene, RunState.RUNNING, _progress_words(scene.executions))
    return _conclude(ports, scene, last.state.value, {last.step: last})


def _advance_pipeline(ports: Ports, scene: Scene) -> bool:
    if scene.pipeline is None:
        name = scene.trigger.target.name
        pipeline = scene.config.valohai.pipelines.get(name)
        if pipeline is None:
            raise ConfigError(f"there is no pipeline named {name}")
        graph = nodes.graph_of(pipeline)
        with ports.ledger.write() as connection:
            row = runs.create_pipeline(connection, scene.run, name, graph, ports.clock())
            _tell(connection, ports, scene, RunState.RUNNING, f"={row.number} {name} starts", ports.clock())
        return True
    by_node = {row.node: row for row in scene.executions if row.node is not None}
    graph = _with_states(scene.pipeline.graph, by_node)
    edges = [(a, b) for a, b in graph["edges"]]
    step = core_pipeline.progress([_node(node) for node in graph["nodes"]], edges)
    planned, failed = _plan_nodes(ports, scene, step.start, by_node)
    for node in graph["nodes"]:
        if node["name"] in dict(step.skip):
            node |= {"state": "skipped", "reason": dict(step.skip)[node["name"]]}
        elif node["name"] in failed:
            node |= {"state": "error", "reason": failed[node["name"]]}
        elif node["name"] in planned:
            node["state"] = "queued"
    changed = _record_pipeline(ports, scene, graph, step, planned, by_node)
    if step.end is None:
        return _tell_now(ports, scene, RunState.RUNNING, _progress_words(scene.executions)) or changed
    reasons = [node["reason"] for node in graph["nodes"] if node["state"] == "error" and node.get("reason")]
    return _conclude(ports, scene, step.end, by_node, "; ".join(reasons))


def _record_pipeline(
    ports: Ports,
    scene: Scene,
    graph: dict[str, Any],
    step: core_pipeline.Progress,
    planned: dict[str, tuple[Planned, Environment]],
    by_node: dict[str, ExecutionRow],
) -> bool:
    assert scene.pipeline is not None
    state = step.end or ("started" if by_node or planned else "created")
    if graph == scene.pipeline.graph and state == scene.pipeline.state and not step.stop:
        return False
    now = ports.clock()
    with ports.ledger.write() as connection:
        for node, (what, environment) in planned.items():
            _create(connection, scene, what, environment, node, now)
        for node in step.stop:
            attempts.ask_to_stop(connection, by_node[node].id, now)
        runs.update_pipeline(connection, scene.pipeline, graph, state, now)
    return True


def _plan_nodes(
    ports: Ports, scene: Scene, names: tuple[str, ...], by_node: dict[str, ExecutionRow]
) -> tuple[dict[str, tuple[Planned, Environment]], dict[str, str]]:
    """What the nodes that may start need, and for those that cannot be planned the sentence that says why."""
    with ports.ledger.read() as connection:
        finished = {
            name: Finished(executions.data_of(connection, row.id), row.metadata, row.spec)
            for name, row in by_node.items()
            if row.state in FINAL_EXECUTION
        }
    planned: dict[str, tuple[Planned, Environment]] = {}
    failed: dict[str, str] = {}
    for name in names:
        try:
            asked = _asked(scene.trigger)
            what = nodes.plan_node(
                scene.config.valohai, scene.trigger.target.name, name, finished, asked, scene.facts
            )
            planned[name] = (what, _environment(ports, what))
        except ConfigError as error:
            failed[name] = str(error)
    return planned, failed


def _asked(trigger: Trigger) -> Given:
    target = trigger.target
    return Given(parameters=target.parameters, uris=target.inputs, environment=target.environment)


def _environment(ports: Ports, planned: Planned) -> Environment:
    found = ports.settings.environment(planned.environment)
    if found is None:
        names = ", ".join(environment.name for environment in ports.settings.environments)
        raise ConfigError(
            f"there is no environment {planned.environment}", hint=f"This installation has: {names}."
        )
    return found


def _create(
    connection: Connection,
    scene: Scene,
    planned: Planned,
    environment: Environment,
    node: str | None,
    now: datetime,
) -> ExecutionRow:
    pipeline = scene.pipeline
    where = {"node": node, "environment_name": environment.name}
    if pipeline is not None:
        where |= {"pipeline": pipeline.id, "pipeline_counter": pipeline.number}  # type: ignore[dict-item]  # mixed JSON
    new = NewExecution(
        project_id=scene.project.id,
        environment_id=environment.id,
        kind="step",
        step=planned.step,
        sha=scene.run.sha,
        spec={**planned.spec, **where},
        run_id=scene.run.id,
        round=scene.run.round,
        pipeline_id=pipeline.id if pipeline else None,
        node=node,
    )
    created = executions.create(connection, new, now)
    log.info("queued", execution=f"#{created.number}", step=planned.step, environment=environment.name)
    return created


def _with_states(graph: dict[str, Any], by_node: dict[str, ExecutionRow]) -> dict[str, Any]:
    """The graph with each node's state as its execution has it."""
    nodes = []
    for node in graph["nodes"]:
        row = by_node.get(node["name"])
        nodes.append({**node, "state": _node_state(row.state).value} if row else dict(node))
    return {**graph, "nodes": nodes}


def _node_state(state: ExecutionState) -> NodeState:
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


def _node(node: dict[str, Any]) -> core_pipeline.Node:
    return core_pipeline.Node(node["name"], NodeState(node["state"]), core_pipeline.OnError(node["on_error"]))


def _progress_words(rows: tuple[ExecutionRow, ...]) -> str:
    """`train is running, evaluate waits`: what people read while a run goes on."""
    live = [row for row in rows if row.state not in FINAL_EXECUTION]
    if not live:
        return "the next step is being queued"
    words = []
    for row in live:
        started = row.state in (ExecutionState.STARTED, ExecutionState.STOPPING)
        words.append(
            f"#{row.number} {row.node or row.step} {'is running' if started else 'waits for an agent'}"
        )
    return ", ".join(words)


def _tell(
    connection: Connection, ports: Ports, scene: Scene, state: RunState, reason: str, now: datetime
) -> bool:
    changed = runs.set_state(connection, scene.run, state, reason, now)
    if changed:
        statuses.of_run(connection, ports, scene.repository, runs.by_id(connection, scene.run.id), now)
    return changed


def _tell_now(ports: Ports, scene: Scene, state: RunState, reason: str) -> bool:
    if (scene.run.state, scene.run.reason) == (state, reason):
        return False
    with ports.ledger.write() as connection:
        return _tell(connection, ports, scene, state, reason, ports.clock())


def _conclude(
    ports: Ports, scene: Scene, outcome: str, by_node: dict[str, ExecutionRow], why: str = ""
) -> bool:
    state, reason, gate = gates.conclude(ports, scene.run, scene.trigger, outcome, by_node, why)
    return finish(ports, scene.run, state, reason, gate)


def finish(
    ports: Ports, run: RunRow, state: RunState, reason: str, gate: dict[str, Any] | None = None
) -> bool:
    """End a run: its state, its status and its record in one transaction."""
    now = ports.clock()
    with ports.ledger.write() as connection:
        changed = runs.set_state(connection, run, state, reason, now, gate)
        if changed:
            repository = repositories.by_id(connection, run.repository_id)
            statuses.of_run(connection, ports, repository, runs.by_id(connection, run.id), now)
    if changed:
        log.info("run ended", trigger=run.trigger, commit=run.sha[:7], state=state.value, why=reason)
    return changed
