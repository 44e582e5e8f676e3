"""Reads `luotsi.yaml`: the operator's configuration, checked whole, with the line of every mistake and a hint.

`${NAME}` in a text is replaced from the environment; a text that begins with `file:` is replaced by that file's first line.
Paths are relative to the settings file's folder, which is the workspace.
"""

import difflib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from luotsi import cross_checks
from schemas.checks import schema_errors
from schemas.errors import ConfigError
from schemas.values import Problem

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings: the plain values of the file, and where the file lies.

    `text` is the file as it was read, None where there was none; `files` the lines that it took from others, by their names.
    """

    values: Mapping[str, Any]
    file: Path
    text: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def workspace(self) -> Path:
        """The folder of the settings file; relative paths begin here."""
        return self.file.parent

    def get(self, *path: str, default: Any = None) -> Any:
        """The value at a path of keys, or the default."""
        value: Any = self.values
        for key in path:
            if not isinstance(value, Mapping) or key not in value:
                return default
            value = value[key]
        return value


def load(file: Path) -> Settings:
    """Read and check a settings file. Raises `ConfigError` with every problem; a missing file gives the defaults."""
    path = file.absolute()
    if not path.exists():
        return Settings({}, path)
    if path.is_dir():
        raise ConfigError(f"the settings {path} are a folder", hint="Name the file in it: luotsi.yaml.")
    return of_text(path, path.read_text(encoding="utf-8", errors="replace"))


def of_text(path: Path, text: str) -> Settings:
    """Settings of a text that is, or would be, the file at `path`. Raises `ConfigError` with every problem."""
    return checked(path, text, lambda name: _first_line(path.parent / name))


def checked(path: Path, text: str, first_line: Callable[[str], str]) -> Settings:
    """Settings of a text; `first_line` reads a file that it names. Raises `ConfigError` with every problem."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        written = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ConfigError("the settings cannot be read", [_yaml_problem(path, error)]) from error
    files: dict[str, str] = {}

    def read(name: str) -> str:
        files[name] = first_line(name)
        return files[name]

    values = _resolve(written, read)
    problems = [_problem(path, node, error) for error in _validator().iter_errors(values)]
    if not problems:
        for each in cross_checks.mistakes(values):
            line, column = _position(node, list(each.at))
            problems.append(Problem(str(path), line, column, each.message, each.hint))
    if problems:
        raise ConfigError("the settings are not valid", sorted(problems, key=lambda p: (p.line, p.column)))
    return Settings(values, path, text, files)


def schema() -> dict[str, Any]:
    """The JSON Schema of the settings."""
    text = resources.files("schemas").joinpath("json/settings.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def _yaml_problem(path: Path, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    return Problem(str(path), line, column, f"this is not YAML: {getattr(error, 'problem', None) or error}")


def _problem(path: Path, node: yaml.Node | None, error: ValidationError) -> Problem:
    place = list(error.absolute_path)
    part: dict[str, Any] = dict(error.schema) if isinstance(error.schema, Mapping) else {}
    if error.validator == "additionalProperties":
        known = list(part.get("properties", {}))
        unknown = next((key for key in cast(dict[str, Any], error.instance) if key not in known), "")
        near = difflib.get_close_matches(str(unknown), known, n=1)
        message = f"there is no setting `{unknown}` here"
        hint = f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(known)}."
        place.append(unknown)
    elif error.validator == "required":
        message, hint = _missing(error, part, place)
    elif "propertyNames" in error.absolute_schema_path:
        message, hint = f"`{error.instance}` cannot be a name here", part.get("description") or _form(part)
        place.append(str(error.instance))
    else:
        message, hint = _wrong(error, part, place)
    line, column = _position(node, place)
    return Problem(str(path), line, column, message, hint)


def _wrong(error: ValidationError, part: Mapping[str, Any], place: list[Any]) -> tuple[str, str]:
    """What is wrong with a value, and what it is for. The value itself may be a secret, and is not shown."""
    subject, described = schema_errors.subject(tuple(place)), part.get("description", "") if place else ""
    if error.validator == "enum":
        return (
            f"{subject} must be one of {', '.join(map(str, cast(list[Any], error.validator_value)))}",
            described,
        )
    if error.validator == "pattern":
        return f"{subject} is not written as it has to be", described or _form(part)
    message, hint = schema_errors.in_words(error, tuple(place))
    return message, f"{hint} {described}".strip()


def _form(part: Mapping[str, Any]) -> str:
    return f"It must match {part['pattern']}" if "pattern" in part else ""


def _missing(error: ValidationError, part: Mapping[str, Any], place: list[Any]) -> tuple[str, str]:
    """Which key is missing, and how it could read."""
    key = next(key for key in cast(list[str], error.validator_value) if error.message.startswith(repr(key)))
    known = part.get("properties", {}).get(key, {})
    example = next(iter((*known.get("examples", ()), *known.get("enum", ()))), "")
    last = place[-1] if place else "the file"
    what = f"number {last + 1} of `{place[-2]}`" if isinstance(last, int) else f"`{last}`" if place else last
    hint = f"Add `{key}: {example}`, or what it is with you." if example else f"Add `{key}`."
    return f"{what} has no `{key}`", f"{hint} {known.get('description', '')}".strip()


def _position(node: yaml.Node | None, place: list[str | int]) -> tuple[int, int]:
    mark = node.start_mark if node else None
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair is None:
                break
            mark, node = pair[0].start_mark, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            mark = node.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (0, 0)


def _resolve(value: Any, first_line: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _resolve(item, first_line) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, first_line) for item in value]
    if not isinstance(value, str):
        return value
    if value.startswith("file:") and not value.startswith("file://"):
        return first_line(value.removeprefix("file:"))
    return _VARIABLE.sub(lambda match: _variable(match.group(1)), value)


def _variable(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise ConfigError(f"the settings name ${{{name}}}, which the environment does not have") from None


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except OSError as error:
        raise ConfigError(f"the settings name {path}, which cannot be read: {error.strerror}") from error


def documented(schema_part: Mapping[str, Any] | None = None, at: str = "") -> Iterator[tuple[str, str]]:
    """Every setting's dotted name and description, for the docs and their test."""
    part = schema() if schema_part is None else schema_part
    for key, item in part.get("properties", {}).items():
        name = f"{at}.{key}" if at else key
        yield name, item.get("description", "")
        yield from documented(item if item.get("type") == "object" else item.get("items", {}), name)
