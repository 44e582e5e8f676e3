"""`file://`: files of the agent's own machine, below the folders that the settings name and nowhere else.

An address is percent-encoded once (RFC 8089). Links are followed where they stay inside; whether they do is asked of the
system about the file that is open, so that nobody can change the answer afterwards.
"""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from agent.core.patterns import Pattern
from agent.core.placing import Found
from agent.sources.port import MOST, Access, Opened, too_many
from agent.transfer import CHUNK
from schemas.errors import Gone, Refused, Waiting

SETTING = "inputs.folders"
_F_GETPATH = 50


@dataclass(frozen=True, slots=True)
class _Place:
    """An address taken apart: the folder of the settings, and the path below it as a key or pattern."""

    root: Path
    below: str


class FileSource:
    """See the port."""

    def __init__(self, access: Access, opens: Callable[[Path, int], int] = os.open) -> None:
        self._access = access
        self._opens = opens

    def find(self, uri: str) -> list[Found]:
        """See the port. A link that leads outside, a pipe or a device in a folder is passed over."""
        place = self._place(uri)
        if "*" not in uri and not uri.endswith("/"):
            with self._opened(place, uri) as (_, found):
                return [Found(uri, place.below, place.below.rpartition("/")[2], found.st_size)]
        pattern = Pattern(place.below)
        files = []
        for key in sorted(_walk(place.root, pattern.root, uri)):
            if pattern.matches(key) and (size := _size(place.root, key)) is not None:
                address = place.root.joinpath(key).as_uri()
                files.append(Found(address, key, key.removeprefix(pattern.root), size))
            if len(files) > MOST:
                raise too_many(uri)
        return files

    @contextmanager
    def open(self, found: Found) -> Iterator[Opened]:
        """See the port."""
        place = self._place(found.uri)
        with self._opened(place, found.uri) as (file, status):
            yield Opened(_pieces(file, found.uri), status.st_size, "")

    @contextmanager
    def _opened(self, place: _Place, uri: str) -> Iterator[tuple[BinaryIO, os.stat_result]]:
        root, below = place.root, place.below
        whole = root / below
        status = _looked_up(root, below)
        if status is None and whole.exists():
            raise Refused(f"{uri} is a link that leads out of {root}", f"See the setting {SETTING}.")
        if status is None:
            raise Gone(f"{uri} is not there")
        if not stat.S_ISREG(status.st_mode):
            hint = "A folder's address ends in /, and means all that is below it."
            raise Refused(f"{uri} is no plain file", hint)
        try:
            # O_NONBLOCK: a pipe that took its place must not hold us.
            descriptor = self._opens(whole, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise Refused(f"{uri} cannot be read: {error.strerror}") from error
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not _is_inside(descriptor, root) or not stat.S_ISREG(found.st_mode):
                raise Refused(f"{uri} was replaced by something else while it was opened")
            yield file, found

    def _place(self, uri: str) -> _Place:
        if not self._access.is_trusted:
            raise Refused(f"{uri} is a file of the agent's machine, which an untrusted run does not read")
        host, slash, rest = uri.partition("://")[2].partition("/")
        path = os.fsdecode(unquote_to_bytes(slash + rest))
        if host not in ("", "localhost") or not slash or "\0" in path or ".." in path.split("/"):
            raise Refused(f"{uri} is no address of a file here", "Write file:///folder/file.")
        plain = "/" + "/".join(part for part in path.split("/") if part not in ("", "."))
        end = "/" if path.endswith("/") else ""
        for root in sorted(self._access.folders, key=len, reverse=True):
            folder = "/" + root.strip("/")
            if plain + end == folder + "/" or plain.startswith(folder.rstrip("/") + "/"):
                return _Place(Path(folder), (plain + end)[len(folder.rstrip("/")) + 1 :])
        named = ", ".join(self._access.folders) or "none"
        raise Refused(
            f"{uri} is below no folder that inputs may be read from",
            f"The setting {SETTING} names them: {named}.",
        )


def connect(access: Access) -> FileSource:
    """See the port."""
    return FileSource(access)


def _is_inside(descriptor: int, root: Path) -> bool:
    """Whether the open file lies below the folder, wherever links led on the way."""
    return Path(_real(descriptor)).is_relative_to(Path(root).resolve())


def _real(descriptor: int) -> str:
    try:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    except FileNotFoundError:  # macOS has no /proc, and another question
        said = fcntl.fcntl(descriptor, _F_GETPATH, bytes(1024))
        return os.fsdecode(said.rstrip(b"\0"))


def _looked_up(root: Path, below: str) -> os.stat_result | None:
    """What a path leads to, if that is inside; asked first, so that no device outside is even opened."""
    try:
        whole = (root / below).resolve(strict=True)
        return whole.stat() if whole.is_relative_to(root.resolve()) else None
    except (OSError, RuntimeError):
        return None


def _size(root: Path, below: str) -> int | None:
    found = _looked_up(root, below)
    return found.st_size if found and stat.S_ISREG(found.st_mode) else None


def _walk(root: Path, folder: str, uri: str) -> Iterator[str]:
    """Every path below a folder, as keys. Links to folders are not followed, so that it ends."""

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise Refused(f"{uri} cannot be listed: {error.filename}: {error.strerror}") from error

    top = root / folder
    if _looked_up(root, folder) is None:
        return
    for here, _, files in os.walk(top, onerror=refuse):
        yield from (os.path.relpath(os.path.join(here, file), root) for file in files)  # noqa: PTH118 - millions of them


def _pieces(file: BinaryIO, uri: str) -> Iterator[bytes]:
    while True:
        try:
            piece = file.read(CHUNK)
        except OSError as error:
            raise Waiting(f"{uri} cannot be read: {error.strerror}", after=0) from error
        if not piece:
            return
        yield piece
