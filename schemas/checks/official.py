"""The official library: its JSON Schema, its objects, its lint; and a place for each of its complaints.

It works on a file as a whole and gives up at the first trouble, with all sorts of exceptions. Here it is asked item by item and part by part,
so that one broken item hides nothing else and every complaint has a line. `schemas.checks.guards` has run before.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, TypeVar

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from valohai_yaml.lint import LintResult
from valohai_yaml.objs import Config, Edge, Input, Mount, Parameter, PipelineParameter, Step
from valohai_yaml.objs.environment_variable import EnvironmentVariable
from valohai_yaml.objs.input import DownloadIntent, KeepDirectories
from valohai_yaml.objs.pipelines.node import Node
from valohai_yaml.objs.task import TaskOnChildError, TaskType
from valohai_yaml.objs.variant_parameter import VariantParameter
from valohai_yaml.utils.duration import parse_duration
from valohai_yaml.validation import get_json_schema

from schemas.checks import schema_errors
from schemas.checks.findings import Findings, clip, listing
from schemas.checks.items import OFFICIAL, Item, Items, as_list
from schemas.checks.official_words import in_our_words
from schemas.yaml_marks import Path

LINT_CHARACTERS = 2_000_000
"""Of messages about one item; a name of a megabyte that is repeated for each of a thousand edges is a bomb, too."""

T = TypeVar("T")


def _duration(value: Any) -> object:
    """The library answers nonsense with an IndexError, an OverflowError or words about floats."""
    try:
        return parse_duration(value)
    except Exception as error:
        raise ValueError(f"`{clip(value, 60)}` is not a duration") from error


PARTS: dict[str, dict[str, Callable[[Any], object]]] = {
    "step": {
        "parameters": Parameter.parse,
        "inputs": Input.parse,
        "mounts": Mount.parse,
        "environment-variables": EnvironmentVariable.parse,
    },
    "task": {"parameters": VariantParameter.parse},
    "pipeline": {
        "nodes": Node.parse_qualifying,
        "edges": Edge.parse,
        "parameters": PipelineParameter.parse,
    },
}
"""What is read element by element, to find the one that the library stumbled over."""

FIELDS: dict[str, dict[str, Callable[[Any], object]]] = {
    "step": {"time-limit": _duration, "no-output-timeout": _duration},
    "task": {"type": TaskType.cast, "on-child-error": TaskOnChildError.cast},
}

CHOICES = (TaskType, TaskOnChildError, KeepDirectories, DownloadIntent)


class TooMuch(Exception):
    """A lint that does not end."""


class BoundedLint(LintResult):
    """Keeps short copies of the library's messages, and stops it when they become too many."""

    def __init__(self) -> None:
        super().__init__()
        self.characters = 0

    def add_error(self, message: str, location: None = None, exception: Exception | None = None) -> None:
        super().add_error(self._bounded(message), location, exception)

    def add_warning(self, message: str, location: None = None, exception: Exception | None = None) -> None:
        super().add_warning(self._bounded(message), location, exception)

    def _bounded(self, message: str) -> str:
        self.characters += len(message)
        if self.characters > LINT_CHARACTERS:
            raise TooMuch("too many complaints")
        return clip(message)


def attempt(call: Callable[[], T]) -> T | Exception:
    """What the call returns or raises: the library raises TypeError, KeyError, IndexError and others for a user's mistakes."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - see above; whatever it is, it becomes a problem with a place
        return error


@cache
def validator() -> Draft202012Validator:
    """The official schema, here also for `deployment`, whose schema the library never uses, and for the old `blueprint`."""
    schema = get_json_schema()
    schema["items"]["properties"] |= {
        "deployment": {"$ref": "/schemas/deployment"},
        "blueprint": {"$ref": "/schemas/pipeline"},
    }
    parts = schema.pop("$defs")
    # A deployment without a target is a warning of the official lint.
    del parts["https://valohai.com/schemas/deployment"]["properties"]["defaults"]["required"]
    # Named parts: as `$defs` they would be searched for again at every reference, which takes most of the time.
    named = [(name, DRAFT202012.create_resource(part)) for name, part in parts.items()]
    return Draft202012Validator(schema, registry=Registry().with_resources(named))


def check_schema(items: Items, findings: Findings) -> None:
    """Every official item against the official JSON Schema."""
    for item in items.of(*OFFICIAL):
        if item.index not in findings.unsafe:
            check_item(item, findings)


def check_item(item: Item, findings: Findings) -> None:
    """One of them."""
    errors = validator().iter_errors([{item.key: item.data}])
    outcome = attempt(lambda: schema_errors.report(errors, (item.index,), 1, findings))
    if isinstance(outcome, Exception) and item.index not in findings.broken:
        findings.error(item.path, f"the schema cannot be checked: {in_words(outcome)}", key=True)


def parse_item(item: Item, findings: Findings) -> None:
    """Give an item its official object, or say what keeps the library from it."""
    _, read = Config.get_top_level_parsers()[item.key]
    outcome = attempt(lambda: read(item.data))
    if not isinstance(outcome, Exception):
        item.official = outcome
        return
    culprits = list(_culprits(item))
    for path, error in culprits or [(item.path, outcome)]:
        findings.error(path, in_words(error), _hint(error))


def _culprits(item: Item) -> Iterator[tuple[Path, Exception]]:
    """The fields and elements that the library refuses when it is given them alone."""
    for name, read in FIELDS.get(item.kind, {}).items():
        outcome = attempt(lambda: read(item.data.get(name)))  # noqa: B023 - called at once
        if isinstance(outcome, Exception):
            yield (*item.path, name), outcome
    for name, read in PARTS.get(item.kind, {}).items():
        for position, part in enumerate(as_list(item.data.get(name))):
            outcome = attempt(lambda: read(part))  # noqa: B023 - called at once
            if isinstance(outcome, Exception):
                yield (*item.path, name, position), outcome


def config_of(items: Items, findings: Findings, *, whole: bool) -> Any:
    """The official `Config` of the sound items; None where even that cannot be built.

    `whole`: only of those without any error, which can be used; else for looking into what others name.
    """
    sound = [
        {item.key: item.data}
        for item in items.of(*OFFICIAL)
        if item.sound and not (whole and item.index in findings.broken)
    ]
    config = attempt(lambda: Config.parse(sound))
    if isinstance(config, Exception):
        findings.error((), f"the official library cannot read the file: {in_words(config)}")
        return None
    return config


def lint(items: Items, config: Any, findings: Findings) -> None:
    """The official lint's errors and warnings, except where our own checks have already said what is wrong."""
    for item in items.of(*OFFICIAL):
        if item.official is None:
            continue
        said: dict[tuple[str, str], Path] = {}
        for path, part, context in _parts(item, config):
            _, messages = _linted(part, context)
            said.update({message: path for message in messages if message not in said})
        stumbled, messages = _linted(item.official, {"config": config})
        # Chosen before any is added: two complaints about one part do not silence each other.
        heard = [(message, said.get(message)) for message in dict.fromkeys([*said, *messages])]
        heard = [(message, place) for message, place in heard if not _known(place, findings)]
        if stumbled and not findings.at_fault(item.path) and not findings.muted(item.path):
            findings.error(item.path, f"the official lint stumbled: {in_words(stumbled)}", key=True)
        for (severity, text), place in heard:
            ours = in_our_words(text)
            if ours is not None and item.whole(ours.asks):
                say = findings.error if severity == "error" else findings.warning
                say((*(place or item.path), *ours.below), ours.message, ours.hint, key=ours.key)


def _known(place: Path | None, findings: Findings) -> bool:
    """Whether our own checks have said it with a better place, or because what it builds on is broken."""
    return place is not None and (findings.at_fault(place) or findings.muted(place))


def _linted(part: Any, context: dict[str, Any]) -> tuple[Exception | None, list[tuple[str, str]]]:
    result = BoundedLint()
    outcome = attempt(lambda: part.lint(result, context))
    messages = [(message["type"], message["message"]) for message in result.messages]
    return (outcome if isinstance(outcome, Exception) else None), messages


def _parts(item: Item, config: Any) -> Iterator[tuple[Path, Any, dict[str, Any]]]:
    """The parts of an item that have a lint of their own, with their places and what their lint wants to know."""
    official: Any = item.official
    if isinstance(official, Step):
        context = {"config": config, "step": official, "object_type": "step"}
        for position, data in enumerate(as_list(item.data.get("parameters"))):
            yield (*item.path, "parameters", position), official.parameters[data["name"]], context
    elif item.kind == "pipeline":
        context = {"config": config, "pipeline": official}
        for name in ("nodes", "edges", "parameters"):
            for position, part in enumerate(getattr(official, name)):
                yield (*item.path, name, position), part, context


def in_words(error: Exception) -> str:
    """The library's exception as a sentence."""
    match error:
        case KeyError():
            return f"{clip(error.args[0] if error.args else '', 80)} does not exist"
        case TypeError() if "unexpected keyword argument" in str(error):
            return f"unknown key {str(error).rpartition(' ')[2].replace('_', '-')}"
    return clip(error, 200) or type(error).__name__


def _hint(error: Exception) -> str:
    if str(error).endswith("is not a duration"):
        return 'Write a whole number of seconds, or for example "90s", "5m", "1h 30m".'
    if re.search("edge shorthand|must have 3 parts", str(error)):
        return "Write both ends as `node.type.key`: `[train.output.model.pkl, test.input.model]`."
    for choices in CHOICES:
        if f"valid {choices.__name__}" in str(error):
            return f"Known here: {listing(choice.value for choice in choices)}."
    return ""
