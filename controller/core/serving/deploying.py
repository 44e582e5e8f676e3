"""What a deployment node wants: which datum becomes which file of which endpoint, and where it is to serve."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from controller.core.pipelines.edges import NOTHING, Finished
from controller.core.pipelines.graph import edges_into, nodes_of
from controller.core.plan import lookup
from schemas.errors import ConfigError
from schemas.messages.job import DatumFile

MOST_NAMED = 5
"""Files that a sentence names."""


@dataclass(frozen=True, slots=True)
class DeploymentWanted:
    """A version of a deployment to be made from the pipeline's commit."""

    deployment: str
    endpoints: Mapping[str, Mapping[str, DatumFile]]
    """Endpoint -> its file's name -> the datum that it becomes. A file that no edge feeds is the repository's own."""
    aliases: tuple[str, ...] = ()
    target: str | None = None
    """The deployment item's `defaults.target`. None: where it serves already, else on the installation's only cluster."""


def plan_deployment(
    config: Any, pipeline_name: str, node_name: str, finished: Mapping[str, Finished]
) -> DeploymentWanted:
    """Spell out a deployment node. Raises `ConfigError`, also when an edge does not bring exactly one file."""
    pipeline = lookup(config.pipelines, "pipeline", pipeline_name)
    node = nodes_of(pipeline)[node_name]
    wanted: dict[str, dict[str, DatumFile]] = {name: {} for name in node.endpoints}
    for name in node.endpoints:
        lookup(config.endpoints, "endpoint", name)
    for edge in edges_into(pipeline).get(node_name, ()):
        if "dependency" in (edge.source_type, edge.target_type):
            continue
        if (edge.source_type, edge.target_type) != ("output", "file"):
            raise ConfigError(f"an edge cannot go from {edge.source} to {edge.target}")
        endpoint, file = _place(config, node, edge)
        if file in wanted[endpoint]:
            raise ConfigError(f"two edges lead to {edge.target}, which is one file")
        wanted[endpoint][file] = _the_one(edge, finished.get(edge.source_node, NOTHING))
    return DeploymentWanted(node.deployment, wanted, tuple(node.aliases), target_of(config, node.deployment))


def target_of(config: Any, deployment: str) -> str | None:
    """The cluster that the deployment's item names, if there is one and it does."""
    declared = config.deployments.get(deployment)
    defaults = (declared.defaults if declared is not None else None) or {}
    return defaults.get("target") or None


def _place(config: Any, node: Any, edge: Any) -> tuple[str, str]:
    endpoint, _, file = edge.target_key.partition(".")
    if endpoint not in node.endpoints:
        raise ConfigError(
            f"{edge.target} names the endpoint {endpoint}, which the node {node.name} does not list",
            hint=f"It lists: {', '.join(node.endpoints) or 'none'}.",
        )
    known = [one.name for one in config.endpoints[endpoint].files]
    if file not in known:
        raise ConfigError(
            f"endpoint {endpoint} has no file {file}, to which {edge.source} leads",
            hint=f"It has: {', '.join(known) or 'none'}.",
        )
    return endpoint, file


def _the_one(edge: Any, source: Finished) -> DatumFile:
    matched = [file for file in source.outputs if fnmatchcase(file.name, edge.source_key)]
    if not matched:
        raise ConfigError(f"no output of {edge.source_node} matches {edge.source_key} for {edge.target}")
    if len(matched) > 1:
        names = ", ".join(file.name for file in matched[:MOST_NAMED])
        more = f" and {len(matched) - MOST_NAMED} more" if len(matched) > MOST_NAMED else ""
        raise ConfigError(
            f"{len(matched)} outputs of {edge.source_node} match {edge.source_key}, and {edge.target} takes one",
            hint=f"They are {names}{more}: name one of them in the edge.",
        )
    return matched[0]
