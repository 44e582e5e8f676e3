"""The files of one commit as one archive, the same bytes on every machine (the format: `schemas/archive.py`).

What is in git is what is in the snapshot: no line endings converted, no `$Id$` or `export-subst` filled in, no LFS
pointer resolved. Symbolic links stay links, whatever they point at; a submodule is an empty folder; what a
`.gitattributes` marks `export-ignore` is left out. Everything a repository can do wrong is a `ConfigError`.
"""

import hashlib
import secrets
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import pygit2
import zstandard
from pygit2.enums import FileMode, ObjectType

from controller.git import export_ignore, reading
from controller.git.export_ignore import Rules
from schemas import archive
from schemas.archive import Entry, Kind, Limits
from schemas.errors import ConfigError, Gone, Stalled
from schemas.values import Digest, Sha, short

_LEVEL = 1
_BATCH = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """What was made: the digest of the uncompressed tar, the stored bytes, the number of files and links."""

    digest: Digest
    size: int
    files: int


@dataclass(frozen=True, slots=True)
class _Item:
    """A path of the commit, and the object that it names."""

    path: bytes
    mode: int
    id: pygit2.Oid


def make(mirror: Path, sha: Sha, destination: Path, limits: Limits | None = None) -> SnapshotInfo:
    """Write the snapshot of a commit to the file `destination`, which appears only when it is whole.

    Raises `Gone` for a commit that is not in the mirror, `ConfigError` for one that cannot be archived, and `Stalled`
    when the disk does not take it. One file of the commit is in memory at a time.
    """
    draft = destination.with_name(f".{destination.name}.{secrets.token_hex(6)}")
    try:
        with draft.open("xb") as file, Writer(file) as writer, reading.contents(mirror, sha):
            repository = _opened(mirror)
            files = _write(repository, _root(repository, sha), writer, limits or Limits())
            digest = writer.finish()
        size = draft.stat().st_size
        draft.replace(destination)
    except OSError as error:
        raise Stalled(
            f"the snapshot of {short(sha)} cannot be written to {destination}: {error.strerror or error}",
            hint="See that the disk has room and that Luotsi may write there.",
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return SnapshotInfo(digest, size, files)


def entries(mirror: Path, sha: Sha, limits: Limits | None = None) -> Iterator[tuple[bytes, int, str]]:
    """Path, git's mode and object id of all that the snapshot of a commit holds, sorted by path; no content is read.

    Raises `Gone` and `ConfigError` as `make` does.
    """
    with reading.contents(mirror, sha):
        repository = _opened(mirror)
        for item in _items(repository, _root(repository, sha), limits or Limits()):
            yield item.path, int(item.mode), str(item.id)


def _opened(mirror: Path) -> pygit2.Repository:
    # libgit2's own check takes half as long as the reading: _read does it instead.
    pygit2.settings.enable_strict_hash_verification(False)
    return pygit2.Repository(str(mirror))


def _root(repository: pygit2.Repository, sha: Sha) -> pygit2.Tree:
    commit = repository.get(sha)
    if not isinstance(commit, pygit2.Commit):
        raise Gone(f"the commit {short(sha)} is not in the mirror")
    return commit.tree


def _write(repository: pygit2.Repository, root: pygit2.Tree, writer: "Writer", limits: Limits) -> int:
    files = size = 0
    for item in _items(repository, root, limits):
        entry, content = _entry(repository, item, limits.size - size, limits.file)
        size += entry.size
        files += entry.kind is not Kind.FOLDER
        writer.write(archive.header(entry))
        if entry.size:
            writer.write(content)
            writer.write(archive.padding(entry.size))
    writer.write(archive.END)
    return files


def _entry(repository: pygit2.Repository, item: _Item, room: int, longest: int) -> tuple[Entry, bytes]:
    """The entry of an item, and a file's content."""
    if item.mode == FileMode.COMMIT:
        return _checked(Entry(item.path, Kind.FOLDER)), b""
    kind, size = repository.odb.read_header(item.id)
    if kind != ObjectType.BLOB:
        raise ConfigError(
            f"the commit cannot be archived: {archive.show(item.path)} is no file, as its folder says"
        )
    if item.mode == FileMode.LINK:
        target = _read(repository, item.id) if size <= archive.BLOCK * 8 else bytes(1)
        return _checked(Entry(item.path, Kind.LINK, target=target)), b""
    entry = _checked(Entry(item.path, Kind.FILE, bool(item.mode & 0o100), size))
    if size > longest:
        raise ConfigError(
            f"the commit cannot be archived: {archive.show(item.path)} has {size:,} bytes; the limit is {longest:,}",
            hint="Large data belongs into a store, as an input.",
        )
    if size > room:
        raise ConfigError(
            f"the commit's files are too large for a snapshot, {archive.show(item.path)} is one too many",
            hint="Large data belongs into a store, as an input.",
        )
    return entry, _read(repository, item.id)


def _checked(entry: Entry) -> Entry:
    trouble = archive.trouble(entry)
    if trouble:
        raise ConfigError(f"the commit cannot be archived: {trouble}")
    return entry


def _items(repository: pygit2.Repository, root: pygit2.Tree, limits: Limits) -> Iterator[_Item]:
    """All files, links and submodules, sorted by path. A hand-made tree may be endless: every step is counted."""
    stack = [_folder(repository, root, b"", Rules())]
    seen = 0
    while stack:
        item, rules = next(stack[-1], (None, Rules()))
        if item is None:
            stack.pop()
            continue
        seen += 1
        if seen > limits.entries:
            raise ConfigError(
                f"the commit has more than {limits.entries} files and folders, too many for a snapshot"
            )
        if item.mode == FileMode.TREE:
            _checked(Entry(item.path, Kind.FOLDER))
            tree = repository[item.id]
            if not isinstance(tree, pygit2.Tree):
                raise ConfigError(f"the commit cannot be archived: {archive.show(item.path)} is no folder")
            stack.append(_folder(repository, tree, item.path + b"/", rules))
        else:
            yield item


def _folder(
    repository: pygit2.Repository, tree: pygit2.Tree, prefix: bytes, rules: Rules
) -> Iterator[tuple[_Item, Rules]]:
    """What is directly in a folder and not kept out, in the order of the archive, with the rules in force there."""
    found: dict[bytes, _Item] = {}
    for child in tree:
        name = child.raw_name or b""
        if name in found:
            raise ConfigError(f"the commit cannot be archived: it has {archive.show(prefix + name)} twice")
        found[name] = _Item(prefix + name, child.filemode, child.id)
    attributes = found.get(export_ignore.FILE)
    if attributes is not None and attributes.mode in (FileMode.BLOB, FileMode.BLOB_EXECUTABLE):
        rules = rules.below(prefix, _attributes(repository, attributes))
    for item in sorted(found.values(), key=_order):
        if not rules.ignored(item.path, item.mode in (FileMode.TREE, FileMode.COMMIT)):
            yield item, rules


def _order(item: _Item) -> bytes:
    return item.path + b"/" if item.mode in (FileMode.TREE, FileMode.COMMIT) else item.path


def _attributes(repository: pygit2.Repository, item: _Item) -> bytes:
    size = repository.odb.read_header(item.id)[1]
    if size > export_ignore.LARGEST:
        raise ConfigError(
            f"{archive.show(item.path)} has {size} bytes; at most {export_ignore.LARGEST} are read"
        )
    return _read(repository, item.id)


def _read(repository: pygit2.Repository, id: pygit2.Oid) -> bytes:
    """A blob, which is what its name says: a flipped bit in the mirror is not to become a snapshot."""
    content = repository.odb.read(id)[1]
    sha1 = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
    sha1.update(content)
    if sha1.digest() != id.raw:
        raise reading.damaged(Path(repository.path), f"its object {id} is not what its name says")
    return content


class Writer:
    """Digests and compresses beside the reading: both leave Python's lock to others while they work.

    In large batches, since the reading takes the lock back for milliseconds each time.
    """

    def __init__(self, file: IO[bytes]) -> None:
        # No threads inside zstd, whose number would show in the bytes.
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True, threads=0)
        self._frame = compressor.stream_writer(file, closefd=False)
        self._sha256 = hashlib.sha256()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="snapshot")
        self._batch: list[bytes] = []
        self._gathered = 0
        self._under_way: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def write(self, data: bytes) -> None:
        self._batch.append(data)
        self._gathered += len(data)
        if self._gathered >= _BATCH:
            self._hand_over()

    def finish(self) -> Digest:
        self._hand_over()
        while self._under_way:
            self._under_way.popleft().result()
        self._frame.flush(zstandard.FLUSH_FRAME)
        return Digest(f"sha256:{self._sha256.hexdigest()}")

    def _hand_over(self) -> None:
        if len(self._under_way) > 1:
            self._under_way.popleft().result()
        self._under_way.append(self._thread.submit(self._take, b"".join(self._batch)))
        self._batch, self._gathered = [], 0

    def _take(self, data: bytes) -> None:
        self._sha256.update(data)
        self._frame.write(data)
