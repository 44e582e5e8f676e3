"""Each node of a pipeline spelled out, once what it waits for is done. Later wins: the step's defaults, the node's override,
the pipeline's parameters, the edges, what a trigger gives.
"""

from collections.abc import Mapping
from typing import Any

from controller.core.pipelines.edges import NOTHING, Arriving, Finished
from controller.core.pipelines.graph import edges_into, nodes_of
from controller.core.pipelines.overrides import overridden
from controller.core.plan import Facts, Given, Planned, lookup, plan_step
from schemas.errors import ConfigError


def plan_node(
    config: Any,
    pipeline_name: str,
    node_name: str,
    finished: Mapping[str, Finished],
    asked: Given,
    facts: Facts,
    code: Any = None,
) -> Planned:
    """Spell out an execution node whose predecessors are done. `asked` holds the trigger's values for the pipeline.

    `code` is the config of the node's own commit, if it names one, and `facts` are then that commit's.
    """
    given = given_to(config, pipeline_name, node_name, finished, asked, code)
    node = nodes_of(lookup(config.pipelines, "pipeline", pipeline_name))[node_name]
    return plan_step(code or config, node.step, given, facts)


def given_to(
    config: Any,
    pipeline_name: str,
    node_name: str,
    finished: Mapping[str, Finished],
    asked: Given,
    code: Any = None,
) -> Given:
    """What a node gives to its step: for a task node a parameter's value may be a list, one variant for each."""
    pipeline = lookup(config.pipelines, "pipeline", pipeline_name)
    node = nodes_of(pipeline)[node_name]
    own = overridden(node)
    own.parameters.update(pipeline_parameters(pipeline, node_name, asked.parameters))
    append = node.edge_merge_mode.value == "append"
    arriving = Arriving(step_of(code or config, node), own, append, node.type == "task")
    for edge in edges_into(pipeline).get(node_name, ()):
        arriving.take(edge, finished.get(edge.source_node, NOTHING))
    prefix = f"{node_name}."
    own.uris |= {
        name.removeprefix(prefix): given for name, given in asked.uris.items() if name.startswith(prefix)
    }
    arriving.check()
    return Given(
        parameters=own.parameters,
        uris=own.uris,
        data=arriving.data,
        environment=own.environment or asked.environment,
        variables=own.variables,
        image=own.image,
        command=own.command,
        mounts=own.mounts,
        autorestart=own.autorestart,
        notes=(*own.notes, *_shown(pipeline, node_name), *arriving.notes),
    )


def _shown(pipeline: Any, node: str) -> list[str]:
    """Categories are for forms, which there are none of here."""
    aims = [
        one for one in pipeline.parameters if any(target.startswith(f"{node}.") for target in one.targets)
    ]
    named = [one.name for one in aims if getattr(one, "category", None)]
    return [
        f"`category` of the pipeline's parameter {name}: ignored, there is no form here" for name in named
    ]


def step_of(config: Any, node: Any) -> Any:
    """The step that a node runs: its own, or that of its task blueprint. Raises `ConfigError`."""
    name, task = node.step, str(getattr(node, "task", None) or "")
    if not name and not task:
        raise ConfigError(f"node {node.name} names no step")
    if not name:
        name = lookup(config.tasks, "task", task).step
    return lookup(config.steps, "step", name)


def pipeline_parameters(pipeline: Any, node: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The pipeline's parameters that aim at a node. Nothing and empty text mean "not given" (contract, section 2.4)."""
    values: dict[str, Any] = {}
    for parameter in pipeline.parameters:
        value = asked.get(parameter.name, parameter.default)
        if value is None or value == "":
            continue
        for target in parameter.targets:
            name, _, rest = target.partition(".")
            kind, _, key = rest.partition(".")
            if kind not in ("parameter", "parameters") or not key:
                raise ConfigError(
                    f"parameter {parameter.name} of pipeline {pipeline.name} has no target {target}"
                )
            if name == node:
                values[key] = value
    return values
