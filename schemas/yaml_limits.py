"""Bounds on a YAML text, kept on the parser's events, before a single object is built.

An alias counts as everything that it stands for, so that a bomb of a few lines is measured at its full size. PyYAML's own
parser does the reading; nothing here knows what the text is about.
"""

from dataclasses import dataclass
from typing import Any

import yaml
from yaml.reader import Reader

from schemas.errors import ConfigError
from schemas.values import Problem

Loader: Any = type("Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
"""The safe loader, on libyaml where PyYAML was built with it. `schemas.yaml_marks` adds its constructors."""

LONGEST_NUMBER = 100
"""Characters. Reading a number takes time quadratic in its length (`1:1:1:…` is a number in YAML 1.1)."""

SCALARS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp")
)
COLLECTIONS = frozenset(("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"))


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a config file may be. `nodes` and `bytes` also hold after aliases are replaced by what they name."""

    bytes: int = 1_048_576
    depth: int = 50
    nodes: int = 20_000
    items: int = 2_000
    pipeline_nodes: int = 1_000


DEFAULT_LIMITS = Limits()


@dataclass(slots=True)
class _Size:
    nodes: int = 1
    characters: int = 0
    height: int = 0


@dataclass(slots=True)
class _Open:
    """A collection whose end has not been seen yet."""

    anchor: str | None
    is_list: bool
    size: _Size
    children: int = 0


def decode(text: bytes, path: str, limits: Limits) -> str:
    """The text as characters. Raises `ConfigError` when it is too long, not UTF-8, or holds what YAML forbids."""
    if len(text) > limits.bytes:
        # No size: whoever reads the file stops behind the limit.
        message = f"the file has more than {limits.bytes:,} bytes, and no more are read"
        raise _refusal(path, None, message, "Keep data in files of their own.")
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = text[: error.start].decode("utf-8-sig", "replace")
        place = _after(before)
        raise ConfigError(
            "not UTF-8", [Problem(path, *place, "the file is not UTF-8 text", "Save it as UTF-8.")]
        ) from error
    forbidden = Reader.NON_PRINTABLE.search(decoded)
    if forbidden:
        place = _after(decoded[: forbidden.start()])
        message = f"not valid YAML: the character U+{ord(forbidden[0]):04X} is not allowed"
        raise ConfigError(message, [Problem(path, *place, message)])
    return decoded


def keep_limits(text: str, path: str, limits: Limits) -> None:
    """Raise `ConfigError` for a syntax error, and at the first place where a limit is passed."""
    walk = _Walk(path, limits)
    try:
        for event in yaml.parse(text, Loader=Loader):
            walk.see(event)
    except yaml.YAMLError as error:
        raise syntax_error(error, text, path) from error


def syntax_error(error: yaml.YAMLError, text: str, path: str) -> ConfigError:
    """PyYAML's complaint as ours, at its line and column."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return _refusal(path, None, f"not valid YAML: {error}", "")
    said = ", ".join(part for part in (error.context, error.problem) if part)
    mark, begin = error.problem_mark, error.context_mark
    hint = ""
    if mark and begin and begin.line != mark.line:
        hint = f"It begins on line {begin.line + 1}."
    lines = text.splitlines()
    if mark and mark.line < len(lines) and "\t" in lines[mark.line][: mark.column + 1]:
        hint = "Indent with spaces; YAML does not allow tabs."
    return _refusal(path, mark, f"not valid YAML: {said}"[:300], hint)


class _Walk:
    """Sizes seen so far. One method for each kind of event."""

    def __init__(self, path: str, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.open: list[_Open] = []
        self.anchors: dict[str, _Size] = {}
        self.total = _Size(nodes=0)
        self.resolver: Any = yaml.resolver.Resolver()

    def see(self, event: yaml.Event) -> None:
        match event:
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._begin(event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                ended = self.open.pop()
                self._finished(ended.anchor, ended.size)
            case yaml.ScalarEvent():
                self._count(event, _Size(characters=len(event.value)))
                self._allow_tag(event, SCALARS)
                self._refuse_long_number(event)
                self._finished(event.anchor, _Size(characters=len(event.value)))
            case yaml.AliasEvent():
                self._alias(event)

    def _begin(self, event: Any) -> None:
        self._count(event, _Size())
        self._allow_tag(event, COLLECTIONS)
        self._enter(event, 1)
        self.open.append(_Open(event.anchor, isinstance(event, yaml.SequenceStartEvent), _Size(height=1)))

    def _alias(self, event: Any) -> None:
        if any(collection.anchor == event.anchor for collection in self.open):
            raise _refusal(
                self.path, event.start_mark, f"`*{event.anchor}` stands inside of what it names", ""
            )
        size = self.anchors.get(event.anchor, _Size())
        self._count(event, size)
        self._enter(event, size.height)
        self._finished(None, size)

    def _enter(self, event: Any, levels: int) -> None:
        if len(self.open) + levels > self.limits.depth:
            message = f"nested more than {self.limits.depth} levels deep"
            raise _refusal(self.path, event.start_mark, message, "")

    def _count(self, event: Any, size: _Size) -> None:
        limits, total = self.limits, self.total
        if len(self.open) == 1 and self.open[0].is_list:
            self.open[0].children += 1
            if self.open[0].children > limits.items:
                raise _refusal(
                    self.path, event.start_mark, f"more than {limits.items:,} items in one file", ""
                )
        total.nodes += size.nodes
        total.characters += size.characters
        if total.nodes > limits.nodes or total.characters > limits.bytes:
            message = f"more than {limits.nodes:,} values"
            if total.nodes <= limits.nodes:
                message = f"more than {limits.bytes:,} characters"
            raise _refusal(self.path, event.start_mark, f"{message}, aliases counted as what they name", "")

    def _finished(self, anchor: str | None, size: _Size) -> None:
        if anchor:
            self.anchors[anchor] = size
        if self.open:
            around = self.open[-1].size
            around.nodes += size.nodes
            around.characters += size.characters
            around.height = max(around.height, size.height + 1)

    def _allow_tag(self, event: Any, allowed: frozenset[str]) -> None:
        if event.tag not in (None, "!") and event.tag not in allowed:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")[:80]
            raise _refusal(self.path, event.start_mark, f"the tag `{tag}` is not allowed", "Leave it out.")

    def _refuse_long_number(self, event: Any) -> None:
        if len(event.value) <= LONGEST_NUMBER:
            return
        tag = event.tag
        if tag in (None, "!"):
            tag = (
                self.resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
                if event.implicit[0]
                else ""
            )
        if tag.endswith((":int", ":float", ":bool")):
            message = f"a number of {len(event.value):,} characters"
            raise _refusal(self.path, event.start_mark, message, "If it is text, write it in quotes.")


def _after(text: str) -> tuple[int, int]:
    """Line and column (from 1) of what follows `text`."""
    return text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1


def _refusal(path: str, mark: Any, message: str, hint: str) -> ConfigError:
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    return ConfigError(message, [Problem(path, line, column, message, hint)])
