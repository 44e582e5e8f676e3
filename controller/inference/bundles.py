"""Opens an endpoint's bundle: the archive that a build makes where there is no engine (format: `schemas/archive.py`).

At its top lie `luotsi-bundle.json` (command and port), `valohai-metadata.json` and the folder `repository`. Nothing is seen
of it before its digest has proved right; no link is followed while it is unpacked, since links are made last.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any

import zstandard

from schemas import archive
from schemas.archive import Entry, Kind, Limits
from schemas.errors import Refused, Stalled

DESCRIPTION = "luotsi-bundle.json"
CODE = "repository"
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Description:
    """What a bundle says of itself: the command for a shell, and the port that it was written for."""

    command: str
    port: int


def unpack(stream: Iterable[bytes], digest: str, folder: Path, limits: Limits | None = None) -> Description:
    """Unpack a stored bundle into `folder`, which must not exist. `digest` is over the uncompressed tar.

    Raises `Refused` when it is not that bundle, `Stalled` when the disk does not take it; then nothing is left of it.
    """
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise Stalled(f"{folder} cannot be made: {error.strerror or error}") from error
    try:
        _unpack(stream, digest, folder, limits or Limits())
        return _description(folder)
    except (FileExistsError, NotADirectoryError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise Refused(f"the bundle holds two things in one place: {error.filename}") from error
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise Stalled(
            f"the bundle cannot be unpacked into {folder}: {error.strerror or error}", "Is the disk full?"
        ) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _unpack(stream: Iterable[bytes], digest: str, folder: Path, limits: Limits) -> None:
    tar = _Tar(stream)
    links: list[Entry] = []
    places: set[bytes] = set()
    entries = size = 0
    while (entry := archive.read_entry(tar.exactly)) is not None:
        entries, size = entries + 1, size + entry.size
        if entries > limits.entries or size > limits.size:
            raise Refused(f"the bundle holds more than {limits.entries} entries or {limits.size} bytes")
        if entry.path in places:
            raise Refused(f"the bundle holds {archive.show(entry.path)} twice")
        places.add(entry.path)
        if entry.kind is Kind.LINK:
            links.append(entry)
        else:
            _place(entry, tar, folder)
    tar.end(digest)
    for link in links:
        place = folder / os.fsdecode(link.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(os.fsdecode(link.target))


def _place(entry: Entry, tar: "_Tar", folder: Path) -> None:
    place = folder / os.fsdecode(entry.path)
    if entry.kind is Kind.FOLDER:
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("xb") as file:
        left = entry.size
        while left:
            left -= file.write(tar.exactly(min(left, _CHUNK)))
        os.fchmod(file.fileno(), 0o755 if entry.executable else 0o644)
    tar.exactly(-entry.size % archive.BLOCK)


def _description(folder: Path) -> Description:
    try:
        said: Any = json.loads((folder / DESCRIPTION).read_bytes())
        return Description(str(said["command"]), int(said["port"]))
    except (FileNotFoundError, KeyError, TypeError, ValueError) as error:
        raise Refused(f"the bundle's {DESCRIPTION} cannot be read: {error!r}") from error


class _Tar:
    """The uncompressed bytes, each counted into the digest."""

    def __init__(self, stream: Iterable[bytes]) -> None:
        self._reader = zstandard.ZstdDecompressor().stream_reader(
            BufferedReader(_Pieces(stream), _CHUNK), read_across_frames=True
        )
        self._sha256 = hashlib.sha256()

    def exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            more = self._read(size - len(found))
            if not more:
                raise Refused("the bundle ends too early")
            found += more
        return found

    def end(self, digest: str) -> None:
        if any(self.exactly(archive.BLOCK)) or self._read(1):
            raise Refused("the bundle goes on behind its end")
        if (found := f"sha256:{self._sha256.hexdigest()}") != digest:
            raise Refused(f"the bundle is not what was built: its digest is {found}, not {digest}")

    def _read(self, size: int) -> bytes:
        try:
            found: bytes = self._reader.read(size)
        except zstandard.ZstdError as error:
            raise Refused(f"the bundle cannot be decompressed: {error}") from error
        self._sha256.update(found)
        return found


class _Pieces(RawIOBase):
    """Pieces of a stream as the file that zstandard reads."""

    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = iter(stream)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._left:
            piece = next(self._stream, None)
            if piece is None:
                return 0
            self._left = piece
        count = min(len(target), len(self._left))
        target[:count], self._left = self._left[:count], self._left[count:]
        return count
