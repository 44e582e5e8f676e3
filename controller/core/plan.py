"""A run becomes executions: what a trigger's target asks for, spelled out so that an agent needs nothing else.

A spec is the body of a Job message without what an attempt adds (ids, delivery, expiry). It is made once, when the
execution is created, and stored; later attempts and `reproduce` read it again.
"""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas import moments
from schemas.codec import to_json
from schemas.commands import entries, values_for
from schemas.errors import ConfigError
from schemas.messages.job import Archive, DatumFile, Input, Resources

_PLACEHOLDER = re.compile(r"\{parameter:([^{}]+)\}")
SCHEMES = ("http://", "https://", "s3://", "gs://", "azure://", "swift://", "file://")


@dataclass(frozen=True, slots=True)
class Facts:
    """What every execution of a run shares."""

    project: str
    project_name: str
    commit: str
    archive: Archive
    created: datetime
    trust: str = "trusted"
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """What comes from outside the step: a trigger's, an override's or an edge's values, the later ones already merged in."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    uris: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    data: Mapping[str, tuple[DatumFile, ...]] = field(default_factory=dict)
    environment: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    command: Any = None


@dataclass(frozen=True, slots=True)
class Planned:
    """An execution to be created. `environment` is a name of the settings, None for the default one."""

    step: str
    environment: str | None
    spec: dict[str, Any]


def plan_step(config: Any, name: str, given: Given, facts: Facts) -> Planned:
    """Spell out one step. Raises `ConfigError` when it cannot be run as it is asked for."""
    step = copy.copy(lookup(config.steps, "step", name))
    if given.image:
        step.image = given.image
    if given.command is not None:
        step.command = given.command
    values = values_for(step, dict(given.parameters))
    commands = entries(step, values)
    if not commands:
        raise ConfigError(f"step {name} has no command")
    spec = {
        "kind": "step",
        "project": facts.project,
        "project_name": facts.project_name,
        "step": step.name,
        "commit": facts.commit,
        "image": step.image,
        "commands": list(commands),
        "archive": to_json(facts.archive),
        "created": moments.to_text(facts.created),
        "parameters": {key: value for key, value in values.items() if value is not None},
        "inputs": [to_json(entry) for entry in _inputs(step, given, values)],
        "environment_variables": _variables(step, given, facts),
        "resources": to_json(_resources(step)),
        "time_limit": step.time_limit.total_seconds() if step.time_limit else None,
        "trust": facts.trust,
    }
    return Planned(step.name, given.environment or step.environment, spec)


def lookup(items: Mapping[str, Any], kind: str, name: str) -> Any:
    if name not in items:
        raise ConfigError(
            f"there is no {kind} named {name}", hint=f"The file has: {', '.join(items) or 'none'}."
        )
    return items[name]


def _inputs(step: Any, given: Given, values: Mapping[str, Any]) -> list[Input]:
    found = []
    for name, declared in step.inputs.items():
        data = given.data.get(name, ())
        default = declared.default or ()
        uris = given.uris.get(name, (default,) if isinstance(default, str) else tuple(default))
        uris = tuple(_fill(uri, values) for uri in uris)
        _check_uris(step.name, name, uris)
        if not uris and not data and not declared.optional:
            raise ConfigError(f"step {step.name} needs input {name}, and nothing gives it")
        found.append(
            Input(
                name=name,
                uris=uris,
                data=data,
                filename=declared.filename,
                keep_directories=declared.keep_directories.value,
                optional=bool(declared.optional),
            )
        )
    return found


def _check_uris(step: str, name: str, uris: tuple[str, ...]) -> None:
    for uri in uris:
        if not uri.startswith(SCHEMES):
            raise ConfigError(
                f"input {name} of step {step} has an address that cannot be read here: {uri}",
                hint=f"Known: {' '.join(SCHEMES)}",
            )


def _fill(uri: str, values: Mapping[str, Any]) -> str:
    return _PLACEHOLDER.sub(lambda match: str(values.get(match.group(1), match.group(0))), uri)


def _variables(step: Any, given: Given, facts: Facts) -> dict[str, str]:
    variables = dict(facts.variables)
    for name, declared in step.environment_variables.items():
        if declared.default is not None:
            variables[name] = str(declared.default)
    variables.update(given.variables)
    missing = [n for n, d in step.environment_variables.items() if not d.optional and n not in variables]
    if missing:
        raise ConfigError(
            f"step {step.name} needs the environment variable {missing[0]}, and nothing gives it"
        )
    return variables


def _resources(step: Any) -> Resources:
    cpu, memory = step.resources.cpu, step.resources.memory
    return Resources(cpu_max=float(cpu.max or 0), memory_max=int(memory.max or 0))
