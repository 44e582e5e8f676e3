"""The description at work: which operation a request means, what is wrong with it, and whether an answer is as described."""

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012

PLACE = "urn:github"
DOUBLES = frozenset({"repos/compare-commits"})
"""Operations whose every request another one means as well: `compare/{base}...{head}` and `compare/{basehead}`."""
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: GitHub's error object names a field and a code."""

    field: str
    code: str
    message: str


@dataclass
class Operation:
    """An operation of the description, ready to check requests and answers."""

    id: str
    method: str
    path: str
    parameters: list[dict[str, Any]]
    body: Any
    body_required: bool
    responses: dict[str, Any]
    registry: Registry[Any] = field(repr=False)
    _validators: dict[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Parameters that the description marks as multi-segment may hold slashes."""
        multi = {one["name"] for one in self.parameters if one["multi"]}
        parts = re.split(r"\{(\w+)\}", self.path)
        made = [
            re.escape(part) if i % 2 == 0 else f"(?P<{part}>{'.+' if part in multi else '[^/]+'})"
            for i, part in enumerate(parts)
        ]
        whole = "".join(made).replace("/(?P<path>.+)", "(?:/(?P<path>.*))?")  # no path: the root's contents
        return re.compile(whole)

    def check_path(self, values: Mapping[str, str]) -> dict[str, Any] | None:
        """The values of the path with their types; None where one has another type, which GitHub calls not found."""
        found: dict[str, Any] = {}
        for one in self._of("path"):
            value = _typed(values[one["name"]], one["schema"])
            if self._errors(f"path {one['name']}", one["schema"], value):
                return None
            found[one["name"]] = value
        return found

    def check_query(self, given: Mapping[str, list[str]]) -> tuple[dict[str, Any], list[Problem]]:
        """The query's values with their types, and what is wrong with it."""
        known = {one["name"]: one for one in self._of("query")}
        found: dict[str, Any] = {}
        problems = []
        for name, values in given.items():
            if name not in known:
                problems.append(Problem(name, "custom", f"{name} is no query parameter of {self.id}"))
                continue
            shape = known[name]["schema"]
            found[name] = (
                values if shape.get("type") == "array" and len(values) > 1 else _typed(values[-1], shape)
            )
            wrong = self._errors(f"query {name}", shape, found[name])
            problems += [Problem(name, one.code, one.message) for one in wrong]
        problems += [
            Problem(name, "missing_field", f"{name} is required")
            for name, one in known.items()
            if one["required"] and name not in given
        ]
        return found, problems

    def check_body(self, given: Any) -> list[Problem]:
        """What is wrong with a request's body; `given` is None where there is none."""
        if given is None:
            return [Problem("", "missing", "a body is required")] if self.body_required else []
        if self.body is None:
            return [Problem("", "custom", f"{self.id} takes no body")] if given != {} else []
        return self._errors("body", self.body, given)

    def check_answer(self, status: int, body: Any) -> list[Problem]:
        """How an answer differs from the description."""
        if str(status) not in self.responses:
            return [] if status >= 400 else [Problem("", "custom", f"{self.id} never answers {status}")]
        shape = self.responses[str(status)]
        if shape is None:
            return [] if body is None or status >= 300 else [Problem("", "custom", f"{status} has no body")]
        return self._errors(f"answer {status}", shape, body)

    def _of(self, place: str) -> Iterator[dict[str, Any]]:
        return (one for one in self.parameters if one["in"] == place)

    def _errors(self, name: str, shape: Any, value: Any) -> list[Problem]:
        if name not in self._validators:
            self._validators[name] = validator(shape, self.registry)
        return problems(self._validators[name], value)


class Description:
    """One flavour's description: `cloud` (github.com) or `enterprise` (GitHub Enterprise Server)."""

    def __init__(self, file: Path) -> None:
        self.all: dict[str, Any] = json.loads(file.read_text())
        whole = DRAFT202012.create_resource({"components": self.all["components"]})
        registry: Registry[Any] = Registry()
        self.registry = registry.with_resource(PLACE, whole)
        self.operations = {
            id: Operation(id, registry=self.registry, **told) for id, told in self.all["operations"].items()
        }
        self._by_shape: dict[tuple[str, int], list[Operation]] = {}
        self._multi: list[Operation] = []
        for operation in sorted(self.operations.values(), key=_most_exact):
            if operation.id in DOUBLES:
                continue
            if any(one["multi"] for one in operation.parameters):
                self._multi.append(operation)
            else:
                key = (operation.method, operation.path.count("/"))
                self._by_shape.setdefault(key, []).append(operation)
        self._events: dict[str, Any] = {}

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation that a request means, and the path's values, decoded."""
        for operation in [*self._by_shape.get((method.lower(), path.count("/")), []), *self._multi]:
            if operation.method == method.lower() and (match := operation.pattern.fullmatch(path)):
                return operation, {name: unquote(value or "") for name, value in match.groupdict().items()}
        return None

    def has_path(self, path: str) -> bool:
        """Whether the description has the path for any method, implemented here or not."""
        return any(
            re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), path)
            for template in self.all["paths"]
        )

    def check_delivery(self, event: str, action: str | None, body: Any) -> list[Problem] | None:
        """How a delivery's body differs from the description's; None where it does not describe this one."""
        name = "/".join(word.replace("_", "-") for word in (event, action) if word)
        if name not in self.all["webhooks"]:
            return None
        if name not in self._events:
            self._events[name] = validator(self.all["webhooks"][name], self.registry)
        return problems(self._events[name], body)


def _most_exact(operation: Operation) -> tuple[int, int]:
    return operation.path.count("{"), -len(operation.path)


def _typed(value: str, shape: dict[str, Any]) -> Any:
    kinds: set[str] = set()
    for one in [shape, *shape.get("oneOf", [])]:
        told = one.get("type", [])
        kinds |= {told} if isinstance(told, str) else set(told)
    if "integer" in kinds and re.fullmatch(r"-?\d{1,18}", value):
        return int(value)
    if "boolean" in kinds and value in ("true", "false"):
        return value == "true"
    if "array" in kinds:
        return value.split(",")
    return value


CHECKER = FormatChecker(formats=())


@CHECKER.checks("date-time")
def _is_moment(value: object) -> bool:
    if not isinstance(value, str):
        return True
    if not MOMENT.fullmatch(value):
        return False
    try:
        dt.datetime.fromisoformat(value.upper())
    except ValueError:
        return False
    return True


def validator(shape: Any, registry: Registry[Any]) -> Any:
    """A validator of a schema whose references lead into the description's components."""
    made = json.loads(json.dumps(shape).replace('"$ref": "#/', f'"$ref": "{PLACE}#/'))
    return _Validator(made, registry=registry, format_checker=CHECKER)


def _integer(_: object, instance: object) -> bool:
    return isinstance(instance, int) and not isinstance(instance, bool)


# 1.0 is an integer of JSON Schema and not what a client of GitHub may send or get.
_Validator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _integer)
)


def problems(checker: Any, value: Any) -> list[Problem]:
    return [_problem(error) for error in checker.iter_errors(value) if not _forgotten(error)]


def _forgotten(error: ValidationError) -> bool:
    """The repository of a pull request's head is null once its fork is deleted: so says the description of the deliveries
    about its labels and locks, and the other places forget it."""
    return tuple(error.absolute_path)[-2:] == ("head", "repo") and error.instance is None


def _problem(error: ValidationError) -> Problem:
    best = error if not error.context else (best_match([error]) or error)
    where = ".".join(str(part) for part in best.absolute_path)
    code = {"required": "missing_field", "type": "invalid", "enum": "invalid", "format": "invalid"}
    said = best.message if len(best.message) < 300 else f"{best.message[:150]}…{best.message[-140:]}"
    return Problem(where, code.get(str(best.validator), "custom"), said)
