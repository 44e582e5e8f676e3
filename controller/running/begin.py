"""Spells out a node of a pipeline that may start, and starts it: an execution, a task or a deployment version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from controller.core.events import BRANCHES, TAGS
from controller.core.pipelines import nodes
from controller.core.pipelines.edges import Finished
from controller.core.pipelines.graph import nodes_of
from controller.core.plan import Planned
from controller.core.serving.deploying import DeploymentWanted, plan_deployment
from controller.ports import Environment, Ports
from controller.running import reads, starting, tasks
from controller.running.scene import Scene
from controller.running.starting import Slot, Wanted
from controller.serving import deployments
from controller.triggering import origins
from controller.watching import configs, observe
from ledger import observations, verdicts
from schemas.errors import ConfigError
from schemas.values import Sha


@dataclass(frozen=True, slots=True)
class Begin:
    """A node that can start. `parameters` are what its actions may ask for at `node-starting`."""

    node: str
    name: str
    scene: Scene
    what: tuple[Planned, Environment] | dict[str, Any] | DeploymentWanted
    parameters: Mapping[str, Any]
    may_reuse: bool = False


def plan(ports: Ports, scene: Scene, entry: Mapping[str, Any], finished: Mapping[str, Finished]) -> Begin:
    """What a node needs. `entry` is the node in the graph. Raises `ConfigError` when it cannot run as it is asked for."""
    assert scene.pipeline is not None
    pipeline, name = scene.trigger.target.name, entry["name"]
    config = scene.config.valohai
    node = nodes_of(config.pipelines[pipeline])[name]
    # A person who lets it begin again wants it computed, whatever the pipeline says of old results.
    reuse = scene.may_reuse or (bool(scene.pipeline.graph.get("reuse")) and scene.run.round == 1)
    check(scene, node)
    if node.type == "deployment":
        wanted = plan_deployment(config, pipeline, name, finished)
        with ports.ledger.read() as connection:
            deployments.cluster_for(connection, ports, scene, wanted.deployment, wanted.target)
        return Begin(name, wanted.deployment, scene, wanted, {})
    asked, at = starting.asked(scene.trigger), at_commit(ports, scene, entry)
    code = at.config.valohai
    if node.type == "task":
        given = nodes.given_to(config, pipeline, name, finished, asked, code)
        made = tasks.plan(at, node.task, given) if node.task else tasks.plan_of_step(at, node.step, given)
        made = {**made, "reuse": bool(made.get("reuse")) or bool(scene.pipeline.graph.get("reuse"))}
        return Begin(name, node.task or name, at, made, dict(given.parameters))
    planned = nodes.plan_node(config, pipeline, name, finished, asked, at.facts, code)
    environment = starting.environment(ports, planned)
    return Begin(name, name, at, (planned, environment), planned.spec["parameters"], reuse)


def start(connection: Connection, ports: Ports, begins: Sequence[Begin], now: datetime) -> dict[str, str]:
    """Create what runs for the nodes; node -> why it cannot begin, where only the ledger could tell."""
    wrong: dict[str, str] = {}
    wanted = []
    for begin in begins:
        match begin.what:
            case DeploymentWanted():
                try:
                    with connection.begin_nested():
                        deployments.create(connection, ports, begin.scene, begin.node, begin.what, now)
                except ConfigError as error:
                    wrong[begin.node] = str(error)
            case dict():
                tasks.create(connection, ports, begin.scene, begin.name, begin.what, begin.node, now)
            case (planned, environment):
                slot = Slot(begin.node, may_reuse=begin.may_reuse)
                wanted.append(Wanted(begin.scene, planned, environment, slot))
    starting.start_all(connection, ports, wanted, now)
    return wrong


def check(scene: Scene, node: Any) -> None:
    """Raises `ConfigError` for a node that untrusted code cannot have: one that serves, and one of another commit's code."""
    if scene.run.trust == "trusted":
        return
    if node.type == "deployment":
        raise ConfigError(
            f"node {node.name} deploys {node.deployment}, and untrusted code never serves",
            hint="A trusted run of the merged commit does.",
        )
    if getattr(node, "commit", None):
        raise ConfigError(
            f"node {node.name} names a commit, and untrusted code takes everything from the approved one"
        )


def at_commit(ports: Ports, scene: Scene, entry: Mapping[str, Any]) -> Scene:
    """The scene with the config and the code of the node's own commit, if it names one. Raises `ConfigError`."""
    sha = entry.get("commit")
    if not sha or sha == scene.run.sha:
        return scene
    where = f"node {entry['name']} takes its step and its code from {sha[:7]}"
    if not _is_ours(ports, scene, sha):
        raise ConfigError(
            f"{where}, which is in no branch and no tag of this repository",
            hint="A pull request's commits are not taken into other runs before they are merged.",
        )
    with ports.ledger.read() as connection:
        snapshot = verdicts.snapshot(connection, scene.repository.id, sha)
        verdict = verdicts.of_project(connection, scene.project.id, sha)
    if snapshot is None or verdict is None:
        raise ConfigError(
            f"{where}, which was never judged here",
            hint="Commits from before the first look are not; name a later one.",
        )
    config = configs.of(ports, scene.project.id, sha)
    if config is None or config.valohai is None:
        raise ConfigError(f"{where}, whose config cannot be used: {verdict.summary}")
    archive = reads.archive(ports, scene.repository, snapshot, sha, scene.trigger.reads)
    given = origins.granted(ports, scene.repository, scene.run, config, sha)
    facts = replace(scene.facts, commit=sha, archive=archive, denied=given.denied, contained=given.contained)
    return replace(scene, config=config, facts=facts)


def _is_ours(ports: Ports, scene: Scene, sha: str) -> bool:
    """Whether a branch or a tag brought the commit here, or leads to it now: a fork's head alone does not."""
    with ports.ledger.read() as connection:
        seen = observations.ref_of(connection, scene.repository.id, sha)
    if seen is None or seen.startswith((BRANCHES, TAGS)):
        return True
    mirror = observe.mirror_of(ports, scene.repository)
    heads = [head for ref, head in mirror.refs().items() if ref.startswith(BRANCHES)]
    heads += [tag.target for tag in mirror.tags()]
    return any(mirror.merge_base(head, Sha(sha)) == sha for head in dict.fromkeys(heads))
