"""A run becomes executions: what a trigger's target asks for, spelled out so that an agent needs nothing else.

A spec is the body of a Job message without what an attempt adds (ids, delivery, expiry). It is made once, when the
execution is created, and stored; later attempts and `reproduce` read it again.
"""

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from controller.core import grants
from schemas import moments
from schemas.codec import to_json
from schemas.commands import StandIn, entries, values_for
from schemas.errors import ConfigError
from schemas.messages.job import Archive, DatumFile, Input, Mount, Resources

_PLACEHOLDER = re.compile(r"\{parameter:([^{}]+)\}")
SCHEMES = ("http://", "https://", "s3://", "file://")
"""Addresses that an agent resolves."""
PLATFORM = ("datum://", "dataset://", "model://")
"""Addresses that planning resolves, once, when the execution is created."""
CONTAINED = "contained_in"
"""What a spec keeps for the claim and no message carries: the branches that contain the code (`Facts.contained`)."""


def unresolved(uri: str) -> tuple[DatumFile, ...]:
    """For plans without a ledger: no name for data means anything."""
    raise ConfigError(f"{uri} names nothing that is known here")


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
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Plain variables of the settings' groups, by the group's name."""
    secrets: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Names of the groups' secrets: their values come with the claim."""
    everywhere: tuple[str, ...] = ()
    """Groups that every step of the repository gets, before its own."""
    by_hand: str = ""
    """How a person gives the variable `{}` to the execution by hand; empty where nobody can."""
    stores: tuple[str, ...] = ("artifacts",)
    joiner: str = "&&"
    resolve: Callable[[str], tuple[DatumFile, ...]] = unresolved
    """The files of a `datum://`, `dataset://` or `model://` address. Raises `ConfigError`."""
    creator: tuple[str, str] = ("", "")
    """Name and address of the commit's author."""
    granted: frozenset[str] | None = None
    """The only groups that its code gets, of those that it names; None: all (trusted code)."""
    confined: str = ""
    """The only environment in which its code runs, whatever it names; empty: any (trusted code)."""
    denied: Mapping[str, str] = field(default_factory=dict)
    """Groups that it does not get by its branch or event, and why (controller/core/grants)."""
    contained: tuple[str, ...] | None = None
    """Branches that contain its code, where groups were given or denied by them."""


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
    mounts: Any = None
    autorestart: bool | None = None
    notes: tuple[str, ...] = ()
    """Sentences for the execution's notes."""


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
        "joiner": facts.joiner,
        "archive": to_json(facts.archive),
        "created": moments.to_text(facts.created),
        "parameters": {key: value for key, value in values.items() if value is not None},
        "inputs": [to_json(entry) for entry in _inputs(step, given, values, facts)],
        "environment_variables": _variables(step, given, facts),
        "variable_groups": list(_groups(step, facts)),
        "trust": facts.trust,
        "creator_name": facts.creator[0],
        "creator_email": facts.creator[1],
        "notes": [
            *_notes(step),
            *_mount_notes(_mounts(step, given)),
            *given.notes,
            *_denied(step, given, facts),
        ],
        **_limits(step, given, facts),
    }
    if facts.contained is not None:
        spec[CONTAINED] = list(facts.contained)
    return Planned(step.name, facts.confined or given.environment or step.environment, spec)


def message(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec as a Job message carries it."""
    return {key: value for key, value in spec.items() if key != CONTAINED}


def _limits(step: Any, given: Given, facts: Facts) -> dict[str, Any]:
    """What bounds the run, and what it may touch of its machine."""
    if step.upload_store and step.upload_store not in facts.stores:
        raise ConfigError(
            f"step {step.name} wants its outputs in the store {step.upload_store}, which this installation does not have",
            hint=f"It has: {', '.join(facts.stores)}.",
        )
    mounts = _mounts(step, given)
    autorestart = step.autorestart if given.autorestart is None else given.autorestart
    quiet = step.no_output_timeout
    return {
        "resources": to_json(_resources(step)),
        "time_limit": step.time_limit.total_seconds() if step.time_limit else None,
        "no_output_timeout": quiet.total_seconds() if quiet else None,
        "stop_condition": step.stop_condition or None,
        "upload_store": step.upload_store or "artifacts",
        "mounts": [to_json(_mount(mount)) for mount in mounts],
        "autorestart": autorestart,
    }


def _mounts(step: Any, given: Given) -> list[Any]:
    return list((step.mounts if given.mounts is None else given.mounts) or ())


def _mount_notes(mounts: list[Any]) -> list[str]:
    return [f"`options` of the mount of {one.source} are ignored" for one in mounts if one.options]


def _mount(mount: Any) -> Mount:
    return Mount(
        source=str(mount.source),
        destination=str(mount.destination),
        readonly=bool(mount.readonly),
        type=str(mount.type or ""),
    )


def _notes(step: Any) -> list[str]:
    """Fields that are Valohai's own or another system's: they change nothing here, and the log says so."""
    notes = []
    if step.cache_volumes:
        notes.append("`cache-volumes` is ignored: these agents have no volume claims")
    if step.runtime_config_preset:
        notes.append(
            f"`runtime-config-preset: {step.runtime_config_preset}` is ignored: there are no presets here"
        )
    shown = [key for key in ("icon", "category") if getattr(step, key)]
    for key in ("category", "widget"):
        shown += [f"parameters.{key}"] * any(getattr(one, key) for one in step.parameters.values())
    if shown:
        notes.append(
            f"`{'`, `'.join(shown)}`: ignored, pages here show steps and parameters in their own way"
        )
    return notes


def lookup(items: Mapping[str, Any], kind: str, name: str) -> Any:
    if name not in items:
        raise ConfigError(
            f"there is no {kind} named {name}", hint=f"The file has: {', '.join(items) or 'none'}."
        )
    return items[name]


def _inputs(step: Any, given: Given, values: Mapping[str, Any], facts: Facts) -> list[Input]:
    found = []
    for name, declared in step.inputs.items():
        default = declared.default or ()
        uris = given.uris.get(name, (default,) if isinstance(default, str) else tuple(default))
        uris = tuple(_fill(uri, values) for uri in uris)
        _check_uris(step.name, name, uris)
        resolved = [file for uri in uris if uri.startswith(PLATFORM) for file in facts.resolve(uri)]
        data = (*resolved, *given.data.get(name, ()))
        uris = tuple(uri for uri in uris if not uri.startswith(PLATFORM))
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
                download="on-demand" if declared.download.value == "on-demand" else "always",
            )
        )
    return found


def _check_uris(step: str, name: str, uris: tuple[str, ...]) -> None:
    for uri in uris:
        if not uri.startswith((*SCHEMES, *PLATFORM)) and not isinstance(uri, StandIn):
            raise ConfigError(
                f"input {name} of step {step} has an address that cannot be read here: {uri}",
                hint=f"Known: {' '.join((*SCHEMES, *PLATFORM))}",
            )


def _fill(uri: str, values: Mapping[str, Any]) -> str:
    """An address whose beginning is not known yet is not known itself."""
    filled = _PLACEHOLDER.sub(lambda match: str(values.get(match.group(1), match.group(0))), uri)
    first = _PLACEHOLDER.match(uri)
    return StandIn(filled) if first and isinstance(values.get(first.group(1)), StandIn) else filled


def _groups(step: Any, facts: Facts) -> tuple[str, ...]:
    """The groups whose variables a step gets: the repository's, then its own."""
    return tuple(
        name
        for name in _named(step, facts)
        if name not in facts.denied and (facts.granted is None or name in facts.granted)
    )


def _named(step: Any, facts: Facts) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*facts.everywhere, *(step.environment_variable_groups or ()))))


def _denied(step: Any, given: Given, facts: Facts) -> list[str]:
    """What the code names and does not get: untrusted code most things, other code the groups of other branches and events."""
    notes = []
    named = given.environment or step.environment
    if facts.confined and named and named != facts.confined:
        notes.append(f"`environment: {named}` is ignored: untrusted code runs in {facts.confined} only")
    if facts.granted is not None:
        notes += [
            grants.NOTE.format(name=name, why="it is not granted to untrusted code")
            for name in dict.fromkeys(step.environment_variable_groups or ())
            if name not in facts.granted
        ]
    notes += [
        grants.NOTE.format(name=name, why=facts.denied[name])
        for name in _named(step, facts)
        if name in facts.denied and (facts.granted is None or name in facts.granted)
    ]
    return notes


def _variables(step: Any, given: Given, facts: Facts) -> dict[str, str]:
    """Later wins: the installation's, the groups', the step's defaults, what was given."""
    variables = dict(facts.variables)
    for group in _groups(step, facts):
        if group not in facts.groups:
            raise ConfigError(
                f"step {step.name} names the variable group {group}, which this installation does not have",
                hint=f"It has: {', '.join(facts.groups) or 'none'} (setting variable-groups).",
            )
        variables |= facts.groups[group]
    for name, declared in step.environment_variables.items():
        if declared.default is not None:
            variables[name] = str(declared.default)
    variables.update(given.variables)
    secret = {name for group in _groups(step, facts) for name in facts.secrets.get(group, ())}
    known = variables.keys() | secret
    missing = [n for n, d in step.environment_variables.items() if not d.optional and n not in known]
    if missing:
        raise ConfigError(
            f"step {step.name} needs the environment variable {missing[0]}, and nothing gives it",
            hint=_where_from(step, missing[0], facts),
        )
    return variables


def _where_from(step: Any, variable: str, facts: Facts) -> str:
    """How a variable that nothing gives could be given."""
    if facts.granted is not None:
        return "Give it a default: untrusted code gets only the groups that `pull-requests: grants` names."
    for name in _named(step, facts):
        has = variable in facts.groups.get(name, ()) or variable in facts.secrets.get(name, ())
        if has and name in facts.denied:
            return f"The variable group {name} has it, and {facts.denied[name]}."
    if facts.by_hand:
        return f"Give it: {facts.by_hand.replace('{}', variable)}. Or give it a default in the file."
    return "Give it a default, or put it into a group of the settings' variable-groups."


def _resources(step: Any) -> Resources:
    cpu, memory = step.resources.cpu, step.resources.memory
    devices = getattr(step.resources.devices, "devices", step.resources.devices)
    return Resources(
        cpu_max=float(cpu.max or 0),
        memory_max=int(memory.max or 0),
        cpu_min=float(cpu.min or 0),
        memory_min=int(memory.min or 0),
        devices=None if devices is None else {str(name): int(count) for name, count in devices.items()},
    )
