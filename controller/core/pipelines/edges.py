"""What the edges into one node bring: files by input, values by parameter and variable, or only the order.

`edge-merge-mode` is the node's: with `replace` the first edge into an input takes its addresses away, with `append` they
stay; several edges into one input always add up (contract, section 2.3).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from controller.core.pipelines.overrides import Overridden, addresses
from schemas.codec import from_json
from schemas.errors import ConfigError
from schemas.messages.job import DatumFile


@dataclass(frozen=True, slots=True)
class Finished:
    """What a node left behind for the nodes after it. `facts` are a deployment's ids: `id` and `version_id`."""

    outputs: tuple[DatumFile, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


NOTHING = Finished()
"""What a node left that failed before it ran, and is tolerated."""


@dataclass(slots=True)
class Arriving:
    """The values of one node while its edges are taken, in the order of the file; those of its override are in `own`."""

    step: Any
    own: Overridden
    append: bool
    is_task: bool = False
    data: dict[str, tuple[DatumFile, ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _opened: set[str] = field(default_factory=set)
    _missed: dict[str, list[str]] = field(default_factory=dict)

    def take(self, edge: Any, source: Finished) -> None:
        """One edge. Raises `ConfigError` when it cannot bring what it promises."""
        kinds: dict[tuple[str, str], Callable[[Any, Finished], None]] = {
            ("output", "input"): self._files,
            ("input", "input"): self._same_files,
            ("metadata", "parameter"): self._metadata,
            ("parameter", "parameter"): self._parameter,
            ("environment-variable", "environment-variable"): self._variable,
            ("deployment", "parameter"): self._deployment,
        }
        if edge.configuration:
            self.notes.append(f"`configuration` of the edge from {edge.source} to {edge.target} is ignored")
        if "dependency" in (edge.source_type, edge.target_type):
            return
        bring = kinds.get((edge.source_type, edge.target_type))
        if bring is None:
            raise ConfigError(f"an edge cannot go from {edge.source} to {edge.target}")
        bring(edge, source)

    def check(self) -> None:
        """After the last edge. Raises `ConfigError` when an input that an edge feeds has come to nothing and is needed."""
        for name, missed in self._missed.items():
            if self.data.get(name) or self.own.uris.get(name, self._default(name)):
                self.notes += missed
            elif not self.step.inputs[name].optional:
                raise ConfigError("; ".join(missed))

    def _open(self, edge: Any) -> str:
        name: str = edge.target_key
        if name not in self.step.inputs:
            raise ConfigError(f"step {self.step.name} has no input {name}, to which {edge.source} leads")
        if name not in self._opened:
            self._opened.add(name)
            self.own.uris[name] = self.own.uris.get(name, self._default(name)) if self.append else ()
        return name

    def _default(self, name: str) -> tuple[str, ...]:
        return addresses(self.step.inputs[name].default)

    def _files(self, edge: Any, source: Finished) -> None:
        name = self._open(edge)
        matched = tuple(file for file in source.outputs if fnmatchcase(file.name, edge.source_key))
        self.data[name] = self.data.get(name, ()) + matched
        if not matched:
            words = f"no output of {edge.source_node} matches {edge.source_key} for {edge.target}"
            self._missed.setdefault(name, []).append(words)

    def _same_files(self, edge: Any, source: Finished) -> None:
        name = self._open(edge)
        found = False
        for given in source.spec.get("inputs", ()):
            if fnmatchcase(given["name"], edge.source_key):
                files = tuple(from_json(DatumFile, file) for file in given["data"])
                self.data[name] = self.data.get(name, ()) + files
                self.own.uris[name] += self._resolved(name, given)
                found |= bool(files or given["uris"])
        if not found:
            words = f"the input {edge.source_key} of {edge.source_node} had no files for {edge.target}"
            self._missed.setdefault(name, []).append(words)

    def _resolved(self, name: str, given: Mapping[str, Any]) -> tuple[str, ...]:
        """What the source's addresses came to. `suffix` needs the wildcard to know where the suffix begins."""
        by_suffix = self.step.inputs[name].keep_directories.value == "suffix"
        return tuple(given["uris"] if by_suffix else given.get("resolved", given["uris"]))

    def _metadata(self, edge: Any, source: Finished) -> None:
        value = source.metadata.get(edge.source_key)
        if value is None:
            said = (
                f"the last {edge.source_key} that {edge.source_node} printed is no number (NaN, infinite or null)"
                if edge.source_key in source.metadata
                else f"{edge.source_node} printed no {edge.source_key}"
            )
            raise ConfigError(f"{said}, which {edge.target} needs")
        self._put(edge, value)

    def _put(self, edge: Any, value: Any) -> None:
        """A parameter's value. Of a list an execution's parameter takes all or none; a task makes executions of it."""
        parameter = self.step.parameters.get(edge.target_key)
        takes_one = parameter is not None and not parameter.multiple and not self.is_task
        if takes_one and isinstance(value, list | tuple) and len(value) > 1:
            raise ConfigError(
                f"{edge.source} brings a list of {len(value)} values, and {edge.target} takes a single one",
                hint=f"Give the parameter `multiple`, or make {edge.target_node} a task node: one execution a value.",
            )
        self.own.parameters[edge.target_key] = value

    def _parameter(self, edge: Any, source: Finished) -> None:
        value = source.spec.get("parameters", {}).get(edge.source_key)
        if value is None:
            self.notes.append(f"{edge.source} had no value: {edge.target} keeps its own")
        else:
            self._put(edge, value)

    def _variable(self, edge: Any, source: Finished) -> None:
        value = source.spec.get("environment_variables", {}).get(edge.source_key)
        if value is None:
            self.notes.append(
                f"{edge.source} had no value that can be handed on: {edge.target} keeps its own"
            )
        else:
            self.own.variables[edge.target_key] = value

    def _deployment(self, edge: Any, source: Finished) -> None:
        value = source.facts.get(edge.source_key)
        if value is None:
            raise ConfigError(f"{edge.source_node} has no {edge.source_key}, which {edge.target} needs")
        self.own.parameters[edge.target_key] = value
