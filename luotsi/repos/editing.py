"""Changes entries of luotsi.yaml in its text, so that comments, order and quotes stay as their writer left them.

A change is taken only if the new text means what was wanted and nothing else; else the file stays, and the words say what
to write by hand. The file is replaced at once, or not at all.
"""

import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from luotsi import settings as settings_file
from luotsi.settings import Settings
from schemas.errors import ConfigError, Stalled

T = TypeVar("T")

LIST = "repositories"
FORGES = "forges"

_PLAIN = re.compile(r"[A-Za-z0-9/_][A-Za-z0-9._/@+-]*(?:://?[A-Za-z0-9._/@+-]+|:[A-Za-z0-9._/@+-]+)*")
"""Texts that need no quotes, whatever they stand in."""


def add(text: str, entry: Mapping[str, str]) -> str:
    """The text with one more repository, the last of the list. Raises `ConfigError` where that cannot be done."""

    def wanted(values: dict[str, Any]) -> None:
        values[LIST] = [*(values.get(LIST) or []), dict(entry)]

    return _checked(text, wanted, lambda: _added(text, entry), _block(entry))


def add_forge(text: str, name: str, given: Mapping[str, str]) -> str:
    """The text with one more forge. Raises `ConfigError`."""

    def wanted(values: dict[str, Any]) -> None:
        values[FORGES] = {**(values.get(FORGES) or {}), name: dict(given)}

    shown = f"{FORGES}:\n  {name}: {_flow(given)}\n"
    return _checked(text, wanted, lambda: _forge_added(text, f"{name}: {_flow(given)}"), shown)


def remove(text: str, name: str) -> str:
    """The text without the repository of this name. Comments stay. Raises `ConfigError`."""

    def wanted(values: dict[str, Any]) -> None:
        values[LIST] = [entry for entry in values[LIST] if entry["name"] != name]

    return _checked(text, wanted, lambda: _removed(text, name), f"(without {name})")


def rename(text: str, old: str, new: str) -> str:
    """The text with another name for a repository. Raises `ConfigError`."""

    def wanted(values: dict[str, Any]) -> None:
        for entry in values[LIST]:
            if entry["name"] == old:
                entry["name"] = new

    return _checked(text, wanted, lambda: _renamed(text, old, new), f"name: {_scalar(new)}")


def change(file: Path, edit: Callable[[str], str], agree: Callable[[Settings], T]) -> T:
    """Replace the settings file by its edited text, if that is valid and `agree` raises nothing about the new settings.

    Gives what `agree` gives. Raises what it raises, `ConfigError` with what would be wrong, or `Stalled` when the file
    cannot be written; it is as it was then. A file that is missing is made.
    """
    target = file.resolve()
    with _held(target.parent):
        try:
            before = target.read_bytes().decode("utf-8") if target.exists() else ""
        except UnicodeDecodeError as error:
            raise ConfigError(f"{file} is not UTF-8", hint="Save it as UTF-8.") from error
        mark = "\ufeff" if before.startswith("\ufeff") else ""
        after = mark + edit(before.removeprefix(mark))
        temporary = _written(target, after.encode())
        try:
            agreed = agree(_would_be(file.absolute(), after))
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    return agreed


def _would_be(file: Path, text: str) -> Settings:
    """The settings of a text that is not in the file yet: what would be wrong has no line there that a person could look at."""
    try:
        return settings_file.of_text(file, text)
    except ConfigError as error:
        problems = [replace(each, path=file.name, line=0, column=0) for each in error.problems]
        raise ConfigError(f"with that {file.name} would not be valid", problems, error.hint) from error


def _written(target: Path, content: bytes) -> Path:
    """A file beside the settings, so that their relative paths mean the same in it."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=".luotsi-", suffix=".yaml", dir=target.parent)
        with os.fdopen(descriptor, "wb") as made:
            made.write(content)
            made.flush()
            os.fsync(made.fileno())
        Path(name).chmod(target.stat().st_mode & 0o7777 if target.exists() else 0o644)
    except OSError as error:
        raise Stalled(f"{target} cannot be written: {error.strerror}") from error
    return Path(name)


@contextmanager
def _held(parent: Path) -> Iterator[None]:
    """Keep other `luotsi repo` from the settings meanwhile."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _checked(text: str, wanted: Callable[[dict[str, Any]], None], edit: Callable[[], str], shown: str) -> str:
    values = yaml.safe_load(text) or {}
    wanted(values)
    after = edit()
    try:
        good = bool(yaml.safe_load(after) == values)
    except yaml.YAMLError:
        good = False
    if not good:
        raise ConfigError(
            "the settings are written in a way that is not changed here", hint=f"Write it yourself:\n{shown}"
        )
    return after


def _added(text: str, entry: Mapping[str, str]) -> str:
    lines = _newline(text)
    there = _value(text, LIST)
    if there is None:
        return _appended(text, _block(entry).replace("\n", lines))
    if isinstance(there, yaml.SequenceNode) and there.value and not there.flow_style:
        return _insert_lines(text, _end(there), _item(entry, there.start_mark.column), lines)
    if isinstance(there, yaml.SequenceNode) and there.value:
        at = _end(there)
        return f"{text[:at]}, {_flow(entry)}{text[at:]}"
    return _first(text, there, _item(entry, 2), lines)


def _forge_added(text: str, line: str) -> str:
    lines = _newline(text)
    there = _value(text, FORGES)
    if there is None:
        return _appended(text, f"{FORGES}:{lines}  {line}{lines}")
    if isinstance(there, yaml.MappingNode) and there.value and not there.flow_style:
        return _insert_lines(text, _end(there), " " * there.start_mark.column + line, lines)
    if isinstance(there, yaml.MappingNode) and there.value:
        at = _end(there)
        return f"{text[:at]}, {line}{text[at:]}"
    return _first(text, there, f"  {line}", lines)


def _removed(text: str, name: str) -> str:
    there = _value(text, LIST)
    assert isinstance(there, yaml.SequenceNode)
    number = next(n for n, item in enumerate(there.value) if _name_of(item).value == name)
    item = there.value[number]
    if there.flow_style:
        begin = there.value[number - 1].end_mark.index if number else item.start_mark.index
        last = number + 1 == len(there.value)
        end = item.end_mark.index if number or last else there.value[1].start_mark.index
        rest = text[end:]
        return text[:begin] + (re.sub(r"^\s*,", "", rest) if last and not number else rest)
    begin = _dash(text, item, there.start_mark.column)
    end = _line_end(text, _end(item))
    if len(there.value) == 1:
        key_end = text.rindex(":", 0, begin) + 1 if _opens(text, begin) else None
        if key_end is None:
            return text
        return text[:key_end] + " []" + text[key_end:begin] + text[end:]
    return text[:begin] + text[end:]


def _renamed(text: str, old: str, new: str) -> str:
    there = _value(text, LIST)
    assert isinstance(there, yaml.SequenceNode)
    name = next(_name_of(item) for item in there.value if _name_of(item).value == old)
    return text[: name.start_mark.index] + _scalar(new) + text[name.end_mark.index :]


def _opens(text: str, begin: int) -> bool:
    """Whether only the list's key, spaces and comments stand on the lines before."""
    before = re.sub(r"#[^\n]*", "", text[:begin]).rstrip()
    return before.endswith(":")


def _value(text: str, key: str) -> yaml.Node | None:
    """The node of a key at the top; None where the key is missing. Raises `ConfigError` for what is no mapping."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return None
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise ConfigError(
            "the settings are written on one line", hint="Write them as lines of `key: value` first."
        )
    return next((value for name, value in root.value if name.value == key), None)


def _name_of(item: yaml.Node) -> yaml.ScalarNode:
    found = next((v for k, v in getattr(item, "value", ()) if k.value == "name"), None)
    if not isinstance(found, yaml.ScalarNode):
        raise ConfigError(
            "a repository's `name` is not written in its entry", hint="Change the file by hand."
        )
    return found


def _end(node: yaml.Node) -> int:
    """Where the last thing of a node ends: its own mark would stand behind the comments that follow.

    Of a list or mapping on one line: where its last item ends.
    """
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        children = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        children = list(node.value)
    if not children:
        return int(node.end_mark.index)
    last = max(children, key=lambda child: child.start_mark.index)
    if getattr(last, "flow_style", None):
        return int(last.end_mark.index)
    return _end(last)


def _dash(text: str, item: yaml.Node, column: int) -> int:
    """Where the line begins on which the item's own dash stands."""
    at = text.rfind("\n", 0, item.start_mark.index) + 1
    while not text[at + column :].startswith("-"):
        at = text.rfind("\n", 0, at - 1) + 1
    return at


def _line_end(text: str, at: int) -> int:
    """Behind the end of the line, unless a line has just ended there."""
    if at and text[at - 1] == "\n":
        return at
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _insert_lines(text: str, after: int, more: str, lines: str) -> str:
    at = _line_end(text, after)
    gap = "" if text[:at].endswith("\n") else lines
    return text[:at] + gap + more.replace("\n", lines) + lines + text[at:]


def _appended(text: str, block: str) -> str:
    if not text or text.endswith("\n"):
        return text + block
    return text + _newline(text) + block


def _first(text: str, there: yaml.Node, more: str, lines: str) -> str:
    """The first item of what is empty: `[]`, `{}` or nothing at all."""
    before, after = text[: there.start_mark.index].rstrip(" "), text[there.end_mark.index :]
    end = _line_end(after, 0)
    rest = after[:end].rstrip("\r\n")
    return before + rest + lines + more.replace("\n", lines) + lines + after[end:]


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _block(entry: Mapping[str, str]) -> str:
    return f"{LIST}:\n{_item(entry, 2)}\n"


def _item(entry: Mapping[str, str], column: int) -> str:
    keys = [f"{key}: {_scalar(value)}" for key, value in entry.items()]
    return "\n".join(" " * column + ("- " if not number else "  ") + key for number, key in enumerate(keys))


def _flow(entry: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{key}: {_scalar(value)}" for key, value in entry.items()) + " }"


def _scalar(value: str) -> str:
    """A text as YAML has it, in a list or on a line."""
    if _PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    return "'" + value.replace("'", "''") + "'"
