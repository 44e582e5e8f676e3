"""The files that `luotsi lint` is to look at: named, found in a folder, or read from a pipe."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import ConfigError
from schemas.parse_config import FILE_NAME
from schemas.yaml_limits import DEFAULT_LIMITS

STDIN = "-"
SKIPPED = frozenset(("node_modules", "__pycache__", "venv"))
"""Folders of others' files, besides those that begin with a dot."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file's name for people, and its bytes: one more than is ever read, if it has so many.

    `top`: the repository that it lies in; None where there is none to be seen.
    """

    name: str
    text: bytes
    top: Path | None = None


def gather(paths: Sequence[str], deep: bool) -> list[Source]:
    """All files, each once, in the order given. Raises `ConfigError` for a place that has none."""
    found: dict[str, Source] = {}
    for path in paths or (".",):
        for source in _sources(path, deep):
            found.setdefault(source.name, source)
    return list(found.values())


def _sources(path: str, deep: bool) -> Iterator[Source]:
    if path == STDIN:
        yield Source("stdin", sys.stdin.buffer.read(DEFAULT_LIMITS.bytes + 1))
        return
    place = Path(path)
    if not place.is_dir():
        yield _read(place)
        return
    files = list(_below(place)) if deep else _at_top(place)
    if not files:
        hint = (
            "Name the file or its folder." if deep else "Name the file, or look in the folders below: --all"
        )
        raise ConfigError(f"there is no {FILE_NAME} in {_shown(place)}", hint=hint)
    yield from map(_read, files)


def _at_top(place: Path) -> list[Path]:
    """The folder's own file, else the nearest above it in the repository that the folder lies in."""
    if (place / FILE_NAME).is_file():
        return [place / FILE_NAME]
    here = place.resolve()
    folders = [here, *here.parents]
    top = _top(here / FILE_NAME)
    above = next(
        (up for up in folders[: folders.index(top) + 1 if top else 1] if (up / FILE_NAME).is_file()), None
    )
    return [Path(os.path.relpath(above / FILE_NAME))] if above else []


def _top(file: Path) -> Path | None:
    here = file.parent.resolve()
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), None)


def _below(place: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(place):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in SKIPPED)
        if FILE_NAME in files:
            yield Path(folder, FILE_NAME)


def _read(path: Path) -> Source:
    try:
        with path.open("rb") as file:
            return Source(str(path), file.read(DEFAULT_LIMITS.bytes + 1), _top(path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error


def _shown(place: Path) -> str:
    return "this folder" if str(place) == "." else str(place)
