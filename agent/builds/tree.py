"""The files of an endpoint, whatever they are packed into: the commit's, the model's, and what it is told of itself."""

import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from uuid import UUID, uuid5

from schemas import archive
from schemas.archive import Entry, Kind
from schemas.errors import ConfigError, Refused
from schemas.messages.job import Build, DatumFile, Job

METADATA = "valohai-metadata.json"
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to pack: a file of this machine, bytes of ours, a link's text, or (None) an empty folder."""

    source: Path | bytes | None
    kind: Kind = Kind.FILE
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """By path below the code directory. `files` go over `code`; `metadata` also lies one folder above."""

    code: Mapping[bytes, Item]
    files: Mapping[bytes, Item]
    metadata: bytes

    def together(self) -> dict[bytes, Item]:
        """Code and files as they lie in the code directory."""
        return {**self.code, **self.files}


def collect(
    job: Job, build: Build, folder: Path, fetch: Callable[[DatumFile, Path], None], say: Callable[[str], None]
) -> Items:
    """Find and fetch all that the endpoint needs. Raises `ConfigError` and `Refused` as `perform` says."""
    code = _walk(folder / "repository")
    metadata = json.dumps(_metadata(job, build), indent=2, sort_keys=True).encode() + b"\n"
    files = {METADATA.encode(): Item(metadata)}
    places = folder / "files"
    places.mkdir(parents=True, exist_ok=True)
    for number, (path, datum) in enumerate(sorted(build.files.items())):
        place = places / str(number)
        name = _checked(path, code)
        say(f"Placing {datum.name} ({datum.size} bytes) at {path}.")
        fetch(datum, place)
        _verify(datum, place)
        files[name] = Item(place)
    return Items(code, files, metadata)


def _walk(top: Path) -> dict[bytes, Item]:
    """Every file and link below, links not followed; folders only where they are empty."""
    found: dict[bytes, Item] = {}
    for base, folders, names in os.walk(os.fsencode(top)):
        inside = os.path.relpath(base, os.fsencode(top))
        for name in (*folders, *names):
            path = Path(os.fsdecode(os.path.join(base, name)))  # noqa: PTH118 - names are bytes here
            item = _item(path)
            if item is not None:
                found[name if inside == b"." else inside + b"/" + name] = item
    return found


def _item(path: Path) -> Item | None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return Item(os.fsencode(path.readlink()), Kind.LINK)
    if stat.S_ISDIR(mode):
        return None if any(path.iterdir()) else Item(None, Kind.FOLDER)
    if stat.S_ISREG(mode):
        return Item(path, executable=bool(mode & 0o111))
    return None


def _checked(path: str, code: Mapping[bytes, Item]) -> bytes:
    """The path as bytes. It must lie in the code directory and below nothing that is a file or a link there."""
    name = path.encode()
    pure = PurePosixPath(path)
    reason = archive.trouble(Entry(name))
    if reason is not None:
        raise ConfigError(f"The endpoint's file cannot be placed at {path!r}: {reason}.")
    for parent in list(pure.parents)[:-1]:
        if os.fsencode(parent) in code:
            raise ConfigError(
                f"The endpoint's file cannot be placed at {path}: {parent} is a file or a link in the repository."
            )
    if any(known.startswith(name + b"/") for known in code):
        raise ConfigError(
            f"The endpoint's file cannot be placed at {path}, which is a folder in the repository."
        )
    return name


def _verify(datum: DatumFile, place: Path) -> None:
    with place.open("rb") as file:
        found = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    if found != datum.sha256:
        raise Refused(f"{datum.name} is not what was ordered: its digest is {found}, not {datum.sha256}")


def _metadata(job: Job, build: Build) -> dict[str, object]:
    """What an endpoint finds in valohai-metadata.json (contract, section 4). Ids of ours are derived, hence stable."""
    deployment = str(uuid5(UUID(job.project), build.model))
    version = str(uuid5(UUID(job.project), f"{build.model}@{build.version}"))
    files = [
        {
            "path": path,
            "datum": {"id": datum.datum, "name": datum.name, "sha256": datum.sha256, "size": datum.size},
        }
        for path, datum in sorted(build.files.items())
    ]
    return {
        "deployment": {"id": deployment, "name": build.model},
        "endpoint": {"name": build.endpoint},
        "project": {"id": job.project, "name": job.project_name},
        "version": {
            "id": version,
            "name": build.version,
            "ctime": job.created,
            "commit": {"identifier": job.commit},
            "endpoints": [{"name": build.endpoint, "files": files}],
        },
        "meta": {"ctime": job.created},
    }


def write_tar(items: Mapping[bytes, Item], write: Callable[[bytes], object]) -> None:
    """The items as a tar of the one form of `schemas/archive.py`: the same items give the same bytes everywhere."""
    for path in sorted(items):
        item = items[path]
        if isinstance(item.source, Path):
            with item.source.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                write(_header(Entry(path, item.kind, item.executable, size)))
                _copy(file, size, write)
        elif item.kind is Kind.FILE:
            content = item.source or b""
            write(_header(Entry(path, item.kind, item.executable, len(content))))
            write(content + archive.padding(len(content)))
        else:
            write(_header(Entry(path, item.kind, target=item.source or b"")))
    write(archive.END)


def _header(entry: Entry) -> bytes:
    reason = archive.trouble(entry)
    if reason is not None:
        raise ConfigError(f"The endpoint cannot be packed: {reason}.")
    return archive.header(entry)


def _copy(file: BinaryIO, size: int, write: Callable[[bytes], object]) -> None:
    left = size
    while left and (piece := file.read(min(_CHUNK, left))):
        left -= len(piece)
        write(piece)
    if left:
        raise Refused("a file became shorter while it was packed")
    write(archive.padding(size))
