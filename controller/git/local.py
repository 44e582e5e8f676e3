"""A repository of a person on this machine, read as it lies there: commits, and the working tree with what is not committed.

Nothing of it is written, fetched or checked out. The working tree's archive is the one that a commit of it would have:
tracked files and new ones, without what is ignored or marked `export-ignore` (the format: `schemas/archive.py`).
"""

import os
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from controller.git import export_ignore
from controller.git.export_ignore import Rules
from controller.git.mirror import Mirror
from controller.git.snapshot import SnapshotInfo, Writer
from schemas import archive
from schemas.archive import Entry, Kind, Limits
from schemas.errors import ConfigError, Stalled
from schemas.values import RefName, Sha

CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Found:
    """A path of the working tree; `at` is where it lies."""

    path: bytes
    at: bytes
    kind: Kind
    mode: int = 0


class LocalRepository(Mirror):
    """The repository that `place` (a folder of its working tree, or a bare one) belongs to. Raises `ConfigError`.

    Looking and fetching are not for it: it is the person's own.
    """

    def __init__(self, place: Path) -> None:
        try:
            opened = pygit2.Repository(str(place.absolute()))
        except pygit2.GitError as error:
            if "owned" in str(error):
                hint = f"Trust it: git config --global --add safe.directory {place.absolute()}"
                raise ConfigError(
                    f"{place} belongs to somebody else, so git does not open it", hint=hint
                ) from error
            raise ConfigError(
                f"{place} is not in a git repository",
                hint="Go into the repository's folder, or make one: git init",
            ) from error
        super().__init__(Path(opened.path), str(Path(opened.path)))
        self._own = opened

    @property
    def top(self) -> Path | None:
        """The top of the working tree; None for a bare repository."""
        return Path(self._own.workdir) if self._own.workdir else None

    def repository(self) -> pygit2.Repository:
        """See the mirror. Opened, never made."""
        return self._own

    def resolve(self, name: str) -> Sha:
        """The commit that a person names: a branch, a tag, `HEAD~2`, a short id. Raises `ConfigError`."""
        try:
            found = self._own.revparse_single(name)
            return Sha(str(found.peel(pygit2.Commit).id))
        except (KeyError, ValueError, pygit2.GitError) as error:
            hint = "Make the first commit." if self._own.is_empty else "See `git log` and `git branch --all`."
            raise ConfigError(f"there is no commit called {name}", hint=hint) from error

    def branch(self) -> str | None:
        """The branch that is checked out; None for a detached HEAD."""
        if self._own.head_is_unborn:
            head = self._own.lookup_reference("HEAD").target
            return str(head).removeprefix("refs/heads/")
        return None if self._own.head_is_detached else self._own.head.shorthand

    def main_branch(self) -> str | None:
        """The default branch as far as a clone knows it: where `origin/HEAD` points, else `main`, else `master`."""
        refs = set(self._own.listall_references())
        if "refs/remotes/origin/HEAD" in refs:
            target = str(self._own.lookup_reference("refs/remotes/origin/HEAD").target)
            return target.removeprefix("refs/remotes/origin/")
        return next((name for name in ("main", "master") if f"refs/heads/{name}" in refs), None)

    def ref(self, *names: str) -> Sha | None:
        """The commit of the first of these refs that there is."""
        for name in names:
            if name in self._own.references:
                return self.resolve(name)
        return None

    def look(self) -> dict[RefName, Sha]:
        """Branches and tags as they are here."""
        return self.refs()

    def uncommitted(self) -> set[str]:
        """Paths of the working tree that differ from HEAD, new files among them."""
        return {_text(path) for path in self._own.status(untracked_files="all", ignored=False)}

    def tracked(self) -> set[bytes]:
        """Paths in the index."""
        return {os.fsencode(entry.path) for entry in self._own.index}

    def ignores(self, path: bytes, folder: bool) -> bool:
        """Whether git ignores this path of the working tree, if it is not tracked."""
        try:
            return bool(self._own.path_is_ignored(os.fsdecode(path) + ("/" if folder else "")))
        except (UnicodeEncodeError, pygit2.GitError):
            return False

    def files(self) -> list[_Found]:
        """What a commit of all would hold, in the archive's order. Raises `ConfigError` for a bare repository."""
        top = self.top
        if top is None:
            raise ConfigError(f"{self.path} is a bare repository: it has no working tree")
        modules = {os.fsencode(entry.path) for entry in self._own.index if entry.mode == FileMode.COMMIT}
        tracked = self.tracked()
        folders = {
            b"/".join(path.split(b"/")[:n]) for path in tracked for n in range(1, path.count(b"/") + 1)
        }

        def taken(path: bytes, is_folder: bool) -> bool:
            return path in tracked or path in folders or not self.ignores(path, is_folder)

        return sorted(_walk(os.fsencode(top), b"", Rules(), modules, taken), key=_order)


def snapshot(repository: LocalRepository, destination: Path, limits: Limits | None = None) -> SnapshotInfo:
    """Write the working tree's archive to the file `destination`, which appears only when it is whole.

    Raises `ConfigError` for what cannot be archived, `Stalled` when the disk does not take it.
    """
    draft = destination.with_name(f".{destination.name}.{secrets.token_hex(6)}")
    limits = limits or Limits()
    files = size = 0
    try:
        with draft.open("xb") as file, Writer(file) as writer:
            found = repository.files()
            if len(found) > limits.entries:
                raise ConfigError(
                    f"the working tree has more than {limits.entries} files: too many for a snapshot"
                )
            for item in found:
                size += _write(item, writer, limits.size - size)
                files += item.kind is not Kind.FOLDER
            writer.write(archive.END)
            digest = writer.finish()
        stored = draft.stat().st_size
        draft.replace(destination)
    except OSError as error:
        raise Stalled(
            f"the working tree cannot be archived: {error.strerror or error} ({error.filename})"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return SnapshotInfo(digest, stored, files)


def _write(item: _Found, writer: Writer, room: int) -> int:
    if item.kind is not Kind.FILE:
        target = os.readlink(item.at) if item.kind is Kind.LINK else b""  # noqa: PTH115 - a path of bytes
        writer.write(archive.header(_checked(Entry(item.path, item.kind, target=target))))
        return 0
    with open(item.at, "rb") as source:  # noqa: PTH123 - a path of bytes, as git has it
        size = os.fstat(source.fileno()).st_size
        if size > room:
            raise ConfigError(
                f"the working tree is too large for a snapshot, {archive.show(item.path)} is one too many",
                hint="Put large data into .gitignore, and give it as an input.",
            )
        writer.write(archive.header(_checked(Entry(item.path, Kind.FILE, bool(item.mode & 0o100), size))))
        left = size
        while left:
            piece = source.read(min(left, CHUNK))
            if not piece:
                raise ConfigError(f"{archive.show(item.path)} became shorter while it was read: try again")
            writer.write(piece)
            left -= len(piece)
        writer.write(archive.padding(size))
    return size


def _walk(
    top: bytes, prefix: bytes, rules: Rules, modules: set[bytes], taken: Callable[[bytes, bool], bool]
) -> Iterator[_Found]:
    """Files, links and submodules below a folder, with the rules of its `.gitattributes`."""
    folder = os.path.join(top, prefix) if prefix else top  # noqa: PTH118 - paths of bytes
    rules = rules.below(prefix, _attributes(folder))
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        path = prefix + entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name == b".git" or not taken(path, is_folder) or rules.ignored(path, is_folder):
            continue
        if path in modules:
            yield _Found(path, entry.path, Kind.FOLDER)
        elif is_folder:
            yield from _walk(top, path + b"/", rules, modules, taken)
        elif entry.is_symlink():
            yield _Found(path, entry.path, Kind.LINK)
        elif stat.S_ISREG(mode := entry.stat(follow_symlinks=False).st_mode):
            yield _Found(path, entry.path, Kind.FILE, mode)


def _attributes(folder: bytes) -> bytes:
    path = os.path.join(folder, export_ignore.FILE)  # noqa: PTH118 - a path of bytes
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return b""
        with open(path, "rb") as file:  # noqa: PTH123 - a path of bytes
            text = file.read(export_ignore.LARGEST + 1)
    except FileNotFoundError:
        return b""
    if len(text) > export_ignore.LARGEST:
        raise ConfigError(f"{os.fsdecode(path)} has more than {export_ignore.LARGEST} bytes")
    return text


def _checked(entry: Entry) -> Entry:
    trouble = archive.trouble(entry)
    if trouble:
        raise ConfigError(f"the working tree cannot be archived: {trouble}")
    return entry


def _order(item: _Found) -> bytes:
    return item.path + b"/" if item.kind is Kind.FOLDER else item.path


def _text(path: str) -> str:
    return os.fsencode(path).decode(errors="replace")
