"""Files of inputs that an agent keeps for later attempts: contents by their sha-256, and which address had which content.

<folder>/contents/<sha256>   the bytes      <folder>/index/<sha256 of address and version>   the sha-256 they had
A content is read again through its digest at every use, so that a bad disk or a curious root cannot slip anything in.
What was not used for the longest goes first. A cache that cannot be written is only slower: nothing is raised.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from agent.transfer import CHUNK, Digests, Meter

ENTRY = 16 * 1024
"""Bytes that a file counts for besides its own: even a million empty files must end."""

STALE = 86_400.0
"""Seconds after which what a killed writer left is removed."""


class DataCache:
    """Safe to share between threads, and a folder between objects. `limit`: bytes in all; 0 keeps nothing.

    `disk` tells total and free bytes of the disk that a folder is on.
    """

    def __init__(
        self, folder: Path, limit: int, disk: Callable[[Path], tuple[int, int]] | None = None
    ) -> None:
        self._contents = folder / "contents"
        self._index = folder / "index"
        self._limit = limit
        self._disk = disk or _disk
        self._added = 0

    def take(self, sha256: str, target: Path) -> Digests | None:
        """Copy a content to a file. None: it is not here (any more), or it is not what it was, and then it goes."""
        content = self._contents / sha256.removeprefix("sha256:")
        meter = Meter()
        try:
            with content.open("rb") as source, target.open("wb") as file:
                while piece := source.read(CHUNK):
                    meter.add(piece)
                    file.write(piece)
        except OSError:
            return None
        if meter.digests().sha256 != sha256:
            content.unlink(missing_ok=True)
            return None
        _touch(content)
        return meter.digests()

    def known(self, uri: str, version: str) -> str | None:
        """The sha-256 that an address had in a version; None when it was not seen."""
        entry = self._entry(uri, version)
        try:
            digest = entry.read_text("ascii")
        except (OSError, UnicodeDecodeError):
            return None
        _touch(entry)
        return digest if len(digest) == 71 and digest.startswith("sha256:") else None

    def keep(self, path: Path, digests: Digests, uri: str = "", version: str = "") -> None:
        """Copy a file's bytes here, and what its address was, if it has one that keeps its word."""
        if not 0 < digests.size + ENTRY <= self._limit:
            return
        try:
            content = self._contents / digests.sha256.removeprefix("sha256:")
            if not content.exists():
                self._write(content, path)
            if uri and version:
                self._write(self._entry(uri, version), digests.sha256.encode())
        except OSError:
            return
        self._added += digests.size + ENTRY
        if self._added > self._limit // 10:
            self.tidy()

    def tidy(self) -> None:
        """Remove what is too much: more than the limit, or more than leaves a tenth of the disk free."""
        self._added = 0
        with suppress(OSError):
            self._prune()
            for entry in self._index.iterdir():
                with suppress(OSError):
                    if not (self._contents / entry.read_text("ascii").removeprefix("sha256:")).exists():
                        entry.unlink()

    def _prune(self) -> None:
        files: list[tuple[float, int, Path]] = []
        for path in self._contents.iterdir():
            with suppress(OSError):
                found = path.stat()
                if not path.name.startswith("+"):
                    files.append((found.st_mtime, found.st_size + ENTRY, path))
                elif found.st_mtime < time.time() - STALE:
                    path.unlink()
        held = sum(size for _, size, _ in files)
        total, free = self._disk(self._contents)
        allowed = min(self._limit, held + free - total // 10)
        for _, size, path in sorted(files):
            if held <= allowed:
                return
            path.unlink(missing_ok=True)
            held -= size

    def _entry(self, uri: str, version: str) -> Path:
        return (
            self._index / hashlib.sha256(f"{version}\0{uri}".encode("utf-8", "surrogateescape")).hexdigest()
        )

    def _write(self, target: Path, data: Path | bytes) -> None:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = target.parent / f"+{uuid4().hex}"
        try:
            if isinstance(data, bytes):
                part.write_bytes(data)
            else:
                shutil.copyfile(data, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def _disk(folder: Path) -> tuple[int, int]:
    found = shutil.disk_usage(folder)
    return found.total, found.free


def _touch(path: Path) -> None:
    with suppress(OSError):
        os.utime(path)
