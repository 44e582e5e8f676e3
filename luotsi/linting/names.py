"""Names in a `valohai.yaml` that only an installation can know: environments, variable groups, stores, clusters."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.ports import VariableGroup
from luotsi.settings import Settings
from schemas.checks.items import KINDS, as_list
from schemas.errors import ConfigError
from schemas.values import Problem
from schemas.yaml_marks import Document, Path, load


@dataclass(frozen=True, slots=True)
class Known:
    """What the settings have, by kind of thing: the names, and the setting that holds them."""

    names: Mapping[str, tuple[str, ...]]
    limits: Mapping[str, VariableGroup] = field(default_factory=dict)
    """The variable groups that not every run gets."""

    @classmethod
    def of(cls, settings: Settings) -> "Known":
        """As the settings say it, or their defaults. Reads the file's values only: no key is made, nothing is opened."""
        environments = settings.get("environments", default=[{"name": "local"}])
        stores = settings.get("stores", default={})
        return cls(
            {
                "environment": tuple(
                    name for entry in environments for name in (entry["name"], entry.get("id")) if name
                ),
                "variable group": tuple(settings.get("variable-groups", default={})),
                "store": tuple(dict.fromkeys(("artifacts", *(name for name in stores if name != "system")))),
                "cluster": tuple(settings.get("clusters", default={"local": {}})),
            },
            {
                name: VariableGroup(
                    branches=tuple(group.get("branches", ())), events=tuple(group.get("events", ()))
                )
                for name, group in settings.get("variable-groups", default={}).items()
                if "branches" in group or "events" in group
            },
        )


def unknown(text: bytes, path: str, known: Known) -> tuple[Problem, ...]:
    """A problem for every name that the installation does not have. Nothing for a file that is no list of items."""
    try:
        document = load(text, path)
    except ConfigError:
        return ()
    return tuple(
        _problem(document, path, where, kind, name, known)
        for where, kind, name in _named(document.value)
        if name not in known.names[kind]
    )


def _problem(document: Document, path: str, where: Path, kind: str, name: str, known: Known) -> Problem:
    names = known.names[kind]
    near = difflib.get_close_matches(name[:100], names, n=1)
    hint = f"Did you mean `{near[0]}`?" if near else f"It has: {', '.join(names) or 'none'}."
    place = document.marks.value(where)
    message = f"this installation has no {kind} called `{name[:60]}`"
    return Problem(path, place.line, place.column, message, hint, rule="installation")


def _named(value: Any) -> Iterator[tuple[Path, str, str]]:
    """Every such name with its place: (path, kind of thing, name)."""
    for index, element in enumerate(as_list(value)):
        kind = next((key for key in KINDS if key in element), None) if isinstance(element, dict) else None
        data = element[kind] if kind else None
        if isinstance(data, dict):
            yield from _in_item(kind or "", data, (index, kind))


def _in_item(kind: str, data: dict[Any, Any], at: Path) -> Iterator[tuple[Path, str, str]]:
    match kind:
        case "step":
            yield from _in_step(data, at)
        case "pipeline" | "blueprint":
            for number, node in enumerate(as_list(data.get("nodes"))):
                override = node.get("override") if isinstance(node, dict) else None
                if isinstance(override, dict):
                    yield from _in_step(override, (*at, "nodes", number, "override"))
        case "trigger":
            run = data.get("run")
            if isinstance(run, dict):
                yield from _text(run, "environment", "environment", (*at, "run"))
        case "model":
            stages = data.get("stages")
            for name, stage in stages.items() if isinstance(stages, dict) else ():
                if isinstance(stage, dict):
                    yield from _text(stage, "cluster", "cluster", (*at, "stages", name))


def _in_step(data: dict[Any, Any], at: Path) -> Iterator[tuple[Path, str, str]]:
    yield from _text(data, "environment", "environment", at)
    yield from _text(data, "upload-store", "store", at)
    for number, group in enumerate(as_list(data.get("environment-variable-groups"))):
        if isinstance(group, str):
            yield (*at, "environment-variable-groups", number), "variable group", group


def _text(data: dict[Any, Any], key: str, kind: str, at: Path) -> Iterator[tuple[Path, str, str]]:
    if isinstance(data.get(key), str) and data[key]:
        yield (*at, key), kind, data[key]
