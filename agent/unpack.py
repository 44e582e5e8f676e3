"""Opens a snapshot on the agent: nothing of it is seen before the whole of it has proved to be what was ordered.

It is unpacked into a folder beside the destination, which takes the destination's name only when the digest over every
byte of the tar is right. A symbolic link is made as it stands in git, wherever it points, for the job to use or not;
here none is ever followed: links are made last, and an entry below one is refused. Files get the modes 0644 and 0755
whatever the umask, and the time of unpacking, since some tools cannot write a file from 1980 into a zip.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, cast

import zstandard

from schemas import archive
from schemas.archive import Entry, Kind, Limits
from schemas.errors import Refused, Stalled
from schemas.reads import chooser

_CHUNK = 1024 * 1024
_WINDOW = 128 * 1024 * 1024


def unpack(
    stream: Iterator[bytes],
    digest: str,
    destination: Path,
    limits: Limits | None = None,
    reads: Sequence[str] = (),
) -> int:
    """Unpack the stored bytes of a snapshot into `destination`, which must not exist or be an empty folder.

    `digest` is `sha256:` and hex over the uncompressed tar. With `reads` only what its patterns name is written; the whole
    is proved all the same. Gives the number of files and links written. Raises `Refused`, and leaves nothing, when the
    digest or anything in the archive is not right; `Stalled` when the disk does not take it. What reading `stream` raises
    goes through. Not for two threads with one destination.
    """
    staging: Path | None = None
    try:
        if destination.is_symlink() or (destination.exists() and any(destination.iterdir())):
            raise Refused(f"{destination} is already there: a snapshot is unpacked into a new folder")
        destination.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{destination.name}-", dir=destination.parent))
        files = _unpack(_Tar(stream), digest, _Place(staging, chooser(reads)), limits or Limits())
        staging.chmod(0o755)
        staging.rename(destination)
    except _StreamError as broken:
        raise broken.error from None
    except OSError as error:
        raise Stalled(
            f"the snapshot cannot be written to {destination}: {error.strerror or error}",
            hint="See that the disk has room and that the agent may write there.",
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return files


def _unpack(tar: "_Tar", digest: str, place: "_Place", limits: Limits) -> int:
    entries = size = 0
    while (entry := archive.read_entry(tar.exactly)) is not None:
        entries += 1
        size += entry.size
        if entries > limits.entries or size > limits.size:
            raise Refused(f"the archive holds more than {limits.entries} entries or {limits.size} bytes")
        place.take(entry, tar)
    tar.end()
    if tar.digest() != digest:
        raise Refused(f"the archive is not what was ordered: its digest is {tar.digest()}, not {digest}")
    return place.finish()


class _Place:
    """The folder as it fills. Knows every path that it made, so that no path is ever looked up through a link."""

    def __init__(self, root: Path, wanted: Callable[[bytes], bool]) -> None:
        self._root = root
        self._wanted = wanted
        self._folders = {b""}
        self._leaves: set[bytes] = set()
        self._links: list[Entry] = []

    def take(self, entry: Entry, tar: "_Tar") -> None:
        if not self._wanted(entry.path):
            tar.skip(entry)
            return
        if entry.path in self._leaves or entry.path in self._folders:
            raise Refused(f"the archive holds {archive.show(entry.path)} twice")
        self._make_folder(entry.path.rpartition(b"/")[0])
        match entry.kind:
            case Kind.FOLDER:
                self._make_folder(entry.path)
            case Kind.LINK:
                self._leaves.add(entry.path)
                self._links.append(entry)
            case Kind.FILE:
                self._leaves.add(entry.path)
                self._write(entry, tar)

    def finish(self) -> int:
        """Make the links, which nothing is written after; the number of files and links."""
        for link in self._links:
            self._at(link.path).symlink_to(os.fsdecode(link.target))
        return len(self._leaves)

    def _at(self, path: bytes) -> Path:
        return self._root / os.fsdecode(path)

    def _make_folder(self, path: bytes) -> None:
        if path in self._folders:
            return
        missing = [path]
        while (parent := missing[-1].rpartition(b"/")[0]) not in self._folders:
            missing.append(parent)
        for folder in reversed(missing):
            if folder in self._leaves:
                raise Refused(
                    f"the archive places something below {archive.show(folder)}, which is no folder"
                )
            self._at(folder).mkdir()
            self._at(folder).chmod(0o755)
            self._folders.add(folder)

    def _write(self, entry: Entry, tar: "_Tar") -> None:
        with self._at(entry.path).open("xb", buffering=0) as file:
            left = entry.size
            while left:
                chunk = memoryview(tar.exactly(min(left, _CHUNK)))
                left -= len(chunk)
                while chunk:
                    chunk = chunk[file.write(chunk) :]
            os.fchmod(file.fileno(), 0o755 if entry.executable else 0o644)
        tar.padding(entry)


class _Tar:
    """The uncompressed bytes: read in bounded pieces, every one of them counted into the digest."""

    def __init__(self, stream: Iterator[bytes]) -> None:
        decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        self._reader = decompressor.stream_reader(cast(IO[bytes], _Chunks(stream)), read_across_frames=True)
        self._sha256 = hashlib.sha256()

    def exactly(self, size: int) -> bytes:
        """The next `size` bytes; `Refused` when there are fewer."""
        found = self._some(size)
        while len(found) < size:
            more = self._some(size - len(found))
            if not more:
                raise Refused("the archive ends too early")
            found += more
        return found

    def skip(self, entry: Entry) -> None:
        """Read past an entry's content, which counts into the digest."""
        left = entry.size
        while left:
            left -= len(self.exactly(min(left, _CHUNK)))
        self.padding(entry)

    def padding(self, entry: Entry) -> None:
        """See that zeros fill the last block of an entry."""
        if any(self.exactly(-entry.size % archive.BLOCK)):
            raise Refused(f"the archive has something behind the end of {archive.show(entry.path)}")

    def end(self) -> None:
        """See that the second zero block is all that is left."""
        if any(self.exactly(archive.BLOCK)) or self._some(1):
            raise Refused("the archive goes on behind its end")

    def digest(self) -> str:
        """Of what has been read so far."""
        return f"sha256:{self._sha256.hexdigest()}"

    def _some(self, size: int) -> bytes:
        if not size:
            return b""
        try:
            found: bytes = self._reader.read(size)
        except zstandard.ZstdError as error:
            raise Refused(f"the archive cannot be decompressed: {error}") from error
        self._sha256.update(found)
        return found


class _StreamError(Exception):
    """Carries what the stream raised past the place where an `OSError` means the disk."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class _Chunks:
    """An iterator of bytes as what zstandard needs of a file: `read`."""

    def __init__(self, stream: Iterator[bytes]) -> None:
        self._stream = stream
        self._left = memoryview(b"")

    def read(self, size: int) -> bytes:
        while not self._left:
            try:
                self._left = memoryview(next(self._stream))
            except StopIteration:
                return b""
            except OSError as error:
                raise _StreamError(error) from error
        found, self._left = self._left[:size], self._left[size:]
        return bytes(found)
