"""A YAML text as plain values (dicts, lists, text, numbers) and the line and column of every one of them.

Paths are tuples of keys and positions: `(0, "step", "command")`. Lines and columns count from 1. Behind an alias or a merge
key, a place is where the value is written, not where it is used.
"""

import math
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import yaml
from yaml.constructor import ConstructorError, SafeConstructor

from schemas.yaml_limits import DEFAULT_LIMITS, Limits, Loader, decode, keep_limits, syntax_error

Path = tuple[Hashable, ...]

TEXTS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp")

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""NUL, which PostgreSQL's text and a process's arguments cannot hold, and halves of surrogate pairs, which UTF-8 cannot."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something that YAML allows: a key given twice, a value that no JSON message can carry, a date (read as text)."""

    path: Path
    place: Place
    kind: Literal["duplicate", "unfit", "date"]
    message: str
    hint: str = ""


class Marks:
    """Where each key and value of a document stands. Unknown paths answer with the nearest place above them."""

    def __init__(self) -> None:
        self._keys: dict[Path, Place] = {}
        self._values: dict[Path, Place] = {}
        self._texts: dict[Path, int] = {}

    def value(self, path: Path) -> Place:
        """Where the value at `path` begins."""
        return self._nearest(self._values, path)

    def key(self, path: Path) -> Place:
        """Where the key that leads to `path` stands; for a list's element, the element."""
        return self._keys.get(path) or self._nearest(self._values, path)

    def inside(self, path: Path, offset: int) -> Place:
        """The character number `offset` (from 0) of a text; its beginning when it is not written on one line as it is."""
        place = self.value(path)
        if path not in self._texts:
            return place
        return Place(place.line, place.column + self._texts[path] + offset)

    def _nearest(self, places: dict[Path, Place], path: Path) -> Place:
        while path and path not in places:
            path = path[:-1]
        return places.get(path, Place(1, 1))

    def note(self, path: Path, key: Any, value: Any) -> None:
        """Remember the nodes of one value (and its key, None for a list's element)."""
        self._values[path] = _place(value)
        if key is not None:
            self._keys[path] = _place(key)
        if isinstance(value, yaml.ScalarNode) and value.start_mark.line == value.end_mark.line:
            quotes = value.end_mark.column - value.start_mark.column - len(value.value)
            if quotes == (2 if value.style in ("'", '"') else 0):
                self._texts[path] = quotes // 2


@dataclass(frozen=True, slots=True)
class Document:
    """A document's value, the places of its parts, and what is odd about it. An empty text has the value None."""

    value: Any
    marks: Marks
    oddities: tuple[Oddity, ...] = ()


def load(text: bytes, path: str, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Read one YAML document. Raises `ConfigError` with the place, for bad syntax and for what passes the limits.

    As PyYAML's `safe_load` reads it, except that dates stay the text that was written, since JSON has none.
    """
    characters = decode(text, path, limits)
    keep_limits(characters, path, limits)
    loader = Loader(characters)
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(None, Marks())
        doubled = tuple(_duplicates(node))
        value = loader.construct_document(node)
    except yaml.YAMLError as error:
        raise syntax_error(error, characters, path) from error
    finally:
        loader.dispose()
    marks = Marks()
    unfit: list[Oddity] = []
    for where, key, part in _walk(node):
        marks.note(where, key, part)
        unfit.extend(_unfit(where, key, part))
    return Document(value, marks, doubled + tuple(unfit))


def _walk(root: Any) -> Iterator[tuple[Path, Any, Any]]:
    """Every value with its path and its key's node. Aliases are followed; the limits have bounded how often."""
    waiting: list[tuple[Path, Any, Any]] = [((), None, root)]
    while waiting:
        path, key, node = waiting.pop()
        yield path, key, node
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(((*path, position), None, child) for position, child in enumerate(node.value))
        elif isinstance(node, yaml.MappingNode):
            waiting.extend(((*path, _name(name)), name, child) for name, child in node.value)


def _duplicates(root: Any) -> Iterator[Oddity]:
    """Keys that a mapping has twice. Must run before construction, which puts merged keys among a mapping's own."""
    seen: set[int] = set()
    for path, _, node in _walk(root):
        if not isinstance(node, yaml.MappingNode) or id(node) in seen:
            continue
        seen.add(id(node))
        names: dict[Hashable, int] = {}
        for key, _ in node.value:
            name = _name(key)
            if name in names and name != "<<":
                message = (
                    f"`{_brief(name)}` is given twice (first on line {names[name]}); the last one counts"
                )
                yield Oddity((*path, name), _place(key), "duplicate", message, "Remove one of them.")
            names.setdefault(name, key.start_mark.line + 1)


def _unfit(path: Path, key: Any, node: Any) -> Iterator[Oddity]:
    """What cannot travel in a JSON message or stand in a database: other keys than text, infinities, NUL."""
    if key is not None and key.tag not in TEXTS:
        hint = "Write it in quotes."
        if key.value == "on":
            hint = "YAML reads a bare `on` as true; the key of a trigger is `when`."
        yield Oddity(path, _place(key), "unfit", f"the key `{_brief(key.value)}` is not text", hint)
    for part in (key, node):
        if not isinstance(part, yaml.ScalarNode):
            continue
        if UNSTORABLE.search(part.value):
            yield Oddity(path, _place(part), "unfit", "the text has a character that cannot be stored (NUL)")
        if part.tag.endswith(":timestamp"):
            message = f"`{_brief(part.value)}` is a date in YAML; it is read as text"
            yield Oddity(path, _place(part), "date", message, "Write it in quotes.")
        if part.tag.endswith(":float") and not math.isfinite(
            SafeConstructor.construct_yaml_float(_READER, part)
        ):
            hint = "JSON has no infinity; leave it out, or write it as text in quotes."
            yield Oddity(path, _place(part), "unfit", f"`{_brief(part.value)}` is not a finite number", hint)


def _place(node: Any) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _name(key: Any) -> Hashable:
    """A key as it appears in a path. Keys that are not text cannot meet one that is."""
    if key.tag in TEXTS or key.value == "<<":
        return str(key.value)
    return (key.tag, str(key.value))


def _brief(value: object) -> str:
    text = value[1] if isinstance(value, tuple) else str(value)
    return text if len(text) <= 60 else text[:60] + "…"


_READER = SafeConstructor()


def _guarded(build: Any) -> Any:
    """A constructor whose failure names the place: PyYAML lets `int('')` and the like through as they are."""

    def construct(loader: Any, node: Any) -> Any:
        try:
            return build(loader, node)
        except (ValueError, KeyError, IndexError, OverflowError) as error:
            message = f"`{_brief(node.value)}` cannot be read as {node.tag.rpartition(':')[2]}"
            raise ConstructorError(None, None, message, node.start_mark) from error

    return construct


Loader.add_constructor("tag:yaml.org,2002:int", _guarded(SafeConstructor.construct_yaml_int))
Loader.add_constructor("tag:yaml.org,2002:float", _guarded(SafeConstructor.construct_yaml_float))
Loader.add_constructor("tag:yaml.org,2002:bool", _guarded(SafeConstructor.construct_yaml_bool))
Loader.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)
