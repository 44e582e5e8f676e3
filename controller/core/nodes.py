"""Pipelines spelled out: the graph as the ledger keeps it, and each node once what it waits for is done.

What an edge brings depends on its two ends: files, a parameter's value, or only the order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from controller.core.plan import Facts, Given, Planned, lookup, plan_step
from schemas.codec import from_json
from schemas.errors import ConfigError
from schemas.messages.job import DatumFile


@dataclass(frozen=True, slots=True)
class Finished:
    """What a node left behind for the nodes after it."""

    outputs: tuple[DatumFile, ...]
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]


def graph_of(pipeline: Any) -> dict[str, Any]:
    """The pipeline as the ledger keeps it: nodes with their states, and pairs of names for the edges."""
    nodes = []
    for node in pipeline.nodes:
        if node.type != "execution":
            raise ConfigError(
                f"node {node.name} of pipeline {pipeline.name} is of type {node.type}: not yet supported"
            )
        if node.on_error.value == "retry":
            raise ConfigError(
                f"node {node.name} of pipeline {pipeline.name}: on-error: retry is not yet supported"
            )
        nodes.append(
            {"name": node.name, "step": node.step, "state": "created", "on_error": node.on_error.value}
        )
    edges = sorted({(edge.source_node, edge.target_node) for edge in pipeline.edges})
    return {"nodes": nodes, "edges": [list(edge) for edge in edges]}


def plan_node(
    config: Any,
    pipeline_name: str,
    node_name: str,
    finished: Mapping[str, Finished],
    asked: Given,
    facts: Facts,
) -> Planned:
    """Spell out a node whose predecessors are done. `asked` holds the trigger's values for the pipeline's parameters."""
    pipeline = lookup(config.pipelines, "pipeline", pipeline_name)
    node = pipeline.node_map[node_name]
    step = lookup(config.steps, "step", node.step)
    override = node.override
    parameters: dict[str, Any] = {}
    uris: dict[str, tuple[str, ...]] = {}
    variables: dict[str, str] = {}
    if override is not None:
        for name, item in (override.parameters or {}).items():
            parameters[name] = item.default
        for name, item in (override.inputs or {}).items():
            default = item.default or ()
            uris[name] = (default,) if isinstance(default, str) else tuple(default)
        for name, item in (override.environment_variables or {}).items():
            if item.default is not None:
                variables[name] = str(item.default)
    parameters.update(_pipeline_parameters(pipeline, node_name, asked.parameters))
    data = _Arriving(step, parameters, uris).through(pipeline, node, finished)
    own = f"{node_name}."
    uris |= {name.removeprefix(own): given for name, given in asked.uris.items() if name.startswith(own)}
    given = Given(
        parameters=parameters,
        uris=uris,
        data=data,
        environment=(override.environment if override else None) or asked.environment,
        variables=variables,
        image=override.image if override else None,
        command=override.command if override else None,
    )
    return plan_step(config, node.step, given, facts)


def _pipeline_parameters(pipeline: Any, node: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for parameter in pipeline.parameters:
        value = asked.get(parameter.name, parameter.default)
        if value is None or value == "":
            continue
        for target in parameter.targets:
            name, kind, key = target.split(".", 2)
            if name == node and kind.startswith("parameter"):
                values[key] = value
    return values


@dataclass(slots=True)
class _Arriving:
    """What the edges into one node bring: files by input, values by parameter; defaults that they replace are taken out."""

    step: Any
    parameters: dict[str, Any]
    uris: dict[str, tuple[str, ...]]
    data: dict[str, tuple[DatumFile, ...]] = field(default_factory=dict)

    def through(
        self, pipeline: Any, node: Any, finished: Mapping[str, Finished]
    ) -> dict[str, tuple[DatumFile, ...]]:
        """Take every edge whose source is done; the files."""
        kinds: dict[tuple[str, str], Callable[[Any, Finished], None]] = {
            ("output", "input"): self._files,
            ("input", "input"): self._same_files,
            ("metadata", "parameter"): self._metadata,
            ("parameter", "parameter"): self._parameter,
            ("dependency", "dependency"): lambda edge, source: None,
        }
        for edge in pipeline.edges:
            if edge.target_node != node.name or edge.source_node not in finished:
                continue
            take = kinds.get((edge.source_type, edge.target_type))
            if take is None:
                raise ConfigError(
                    f"the edge {edge.source} → {edge.target} is of a kind that is not yet supported"
                )
            take(edge, finished[edge.source_node])
            if (
                edge.target_type == "input"
                and node.edge_merge_mode.value == "replace"
                and edge.source_type == "output"
            ):
                self.uris[edge.target_key] = ()
        return self.data

    def _files(self, edge: Any, source: Finished) -> None:
        matched = tuple(file for file in source.outputs if fnmatchcase(file.name, edge.source_key))
        if not matched and not self.step.inputs[edge.target_key].optional:
            raise ConfigError(f"no output of {edge.source_node} matches {edge.source_key} for {edge.target}")
        self.data[edge.target_key] = self.data.get(edge.target_key, ()) + matched

    def _same_files(self, edge: Any, source: Finished) -> None:
        for given in source.spec["inputs"]:
            if fnmatchcase(given["name"], edge.source_key):
                files = tuple(from_json(DatumFile, file) for file in given["data"])
                self.data[edge.target_key] = self.data.get(edge.target_key, ()) + files
                self.uris[edge.target_key] = tuple(given["uris"])

    def _metadata(self, edge: Any, source: Finished) -> None:
        if edge.source_key not in source.metadata:
            raise ConfigError(f"{edge.source_node} printed no {edge.source_key}, which {edge.target} needs")
        self.parameters[edge.target_key] = source.metadata[edge.source_key]

    def _parameter(self, edge: Any, source: Finished) -> None:
        self.parameters[edge.target_key] = source.spec["parameters"].get(edge.source_key)
