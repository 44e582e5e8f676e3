"""Files of a folder store: written whole or not at all, read without following a link.

A file is first written under `+parts` at the top of its store (`+` is in no key, so nothing there is an object), synced,
and then takes its place in one step. Agents that share the folder write with the same function.
"""

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from schemas.errors import Gone, Refused, Stalled, Waiting

PARTS = "+parts"
CHUNK = 1024 * 1024

_A_PERSON_ACTS = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO, errno.ENODEV,
}  # fmt: skip
_NO_SUCH_PLACE = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV}


def write_whole(target: Path, data: bytes | Path | Iterable[bytes], absent: bool = False) -> bool:
    """Write a file durably, in one step: a reader sees the old bytes, the new ones, or nothing, never a part.

    `data` are bytes, a file to copy, or pieces. False when `absent` and the file was there. Raises `Stalled` with the
    system's message (full disk, no permission), `Waiting`, `Refused` (a folder is in the way), and `Gone` when the file
    to copy is not there. After an error nothing of the new bytes is left.
    """
    with translated(target):
        part = _parts(target) / f"+{uuid4().hex}"
        make_folder(target.parent)
    try:
        _fill(part, data)
        with translated(target):
            if not _settle(part, target, absent):
                return False
            _sync_folder(target.parent)
    finally:
        with suppress(OSError):  # the disk may just have become read-only: a later start sweeps it
            part.unlink()
    return True


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file for reading. A symlink, folder, pipe or socket in its place is as if nothing were there.

    Raises `FileNotFoundError` and other `OSError`s, for `translated`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NO_SUCH_PLACE or error.errno == errno.ENXIO:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return os.fdopen(descriptor, "rb")


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """The rest of an open file, a MiB at a time."""
    while piece := file.read(CHUNK):
        yield piece


def path_of(url: str) -> Path:
    """The path of a `file://` address. Decoded once. Raises `Refused` for any other URL."""
    parsed = urlsplit(url)
    if parsed.scheme != "file" or parsed.netloc not in ("", "localhost"):
        raise Refused(f"not an address of a file: {url[:200]}")
    return Path(unquote(parsed.path))


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that they are still there after a power cut. Raises `OSError`."""
    missing = [folder, *folder.parents]
    missing = missing[: next((index for index, path in enumerate(missing) if path.is_dir()), len(missing))]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        _sync_folder(path.parent)


def sweep(parts: Path, older: float = 86_400) -> None:
    """Remove what writers that were killed left behind, once it is `older` than so many seconds."""
    before = time.time() - older
    for path in parts.iterdir():
        try:
            if path.lstat().st_mtime < before:
                path.unlink()
        except OSError:
            continue  # another process sweeps too, or still writes: the next start sees to it


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the system's errors into ours: whatever a person must see has the system's own words."""
    try:
        yield
    except FileNotFoundError as error:
        raise Gone(f"nothing is stored at {error.filename or path}") from error
    except OSError as error:
        words = error.strerror or str(error)
        if error.errno in _A_PERSON_ACTS:
            raise Stalled(
                f"the disk refuses {path}: {words}", "Free space or grant access; it is tried again."
            ) from error
        if error.errno in _NO_SUCH_PLACE:
            raise Refused(f"nothing can be stored at {path}: {words}") from error
        raise Waiting(f"the disk does not answer for {path}: {words}", after=30) from error


def _parts(target: Path) -> Path:
    return next((top / PARTS for top in target.parents if (top / PARTS).is_dir()), target.parent)


def _fill(part: Path, data: bytes | Path | Iterable[bytes]) -> None:
    if isinstance(data, Path):
        with translated(data), data.open("rb") as source:
            return _fill(part, pieces(source))
    with translated(part):
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        # Only what the disk says is translated: an error of whoever sends the pieces stays what it is.
        for piece in [data] if isinstance(data, bytes) else data:
            with translated(part):
                _write(file, piece)
        with translated(part):
            os.fsync(file.fileno())
    return None


def _write(file: RawIOBase, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[file.write(left) or 0 :]


def _settle(part: Path, target: Path, absent: bool) -> bool:
    if not absent:
        part.replace(target)
        return True
    try:
        target.hardlink_to(part)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in _NO_LINKS:
            hint = "Put the store on a local file system such as ext4, xfs, btrfs or apfs."
            raise Stalled(
                f"the file system of {target.parent} has no hard links: {error.strerror}", hint
            ) from error
        raise
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
