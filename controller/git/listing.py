"""What stands in a repository: its branches and tags, and what HEAD names. Read from its own files where it is on this machine.

Reading files is for the usual case only, and answers nothing (None) wherever git itself might see something else.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pygit2

from schemas.values import RefName, Sha

MIRRORED = (b"refs/heads/", b"refs/tags/")
_SHA = re.compile(rb"[0-9a-f]{40}")
_DEPTH = 50
"""Folders below refs/heads that are followed: a name has not more in it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """`refs`: branches and tags as `Mirror.look` spells them. `default`: the branch that HEAD names, if it is there."""

    refs: Mapping[RefName, Sha]
    default: RefName | None

    def fingerprint(self) -> bytes:
        """16 bytes that two listings share only if they say the same."""
        said = hashlib.blake2b(repr(self.default).encode(errors="surrogatepass"), digest_size=16)
        for ref, sha in sorted(self.refs.items()):
            said.update(f"\n{ref} {sha}".encode(errors="surrogatepass"))
        return said.digest()


def spelled(raw: bytes) -> RefName:
    """A ref's name. Bytes that are no UTF-8 are written as `\\xNN`, which no other ref can be called."""
    return RefName(raw.decode(errors="backslashreplace"))


def is_mirrored(raw: bytes) -> bool:
    """Whether it is a branch or tag that libgit2 would fetch."""
    # It checks no encoding, but pygit2 cannot ask about what is no UTF-8.
    return raw.startswith(MIRRORED) and pygit2.reference_is_valid_name(raw.decode(errors="replace"))


def of(refs: Iterable[tuple[bytes, bytes]], head: bytes | None) -> Listing:
    """Of raw names and ids, whatever else is among them; `head` is the name of the ref that HEAD points at."""
    found = {spelled(name): Sha(sha.decode()) for name, sha in refs if is_mirrored(name)}
    named = spelled(head) if head is not None and head.startswith(MIRRORED[0]) else None
    return Listing(found, named if named in found else None)


def of_folder(repository: Path) -> Listing | None:
    """What stands in a repository on this machine; None where only git can tell: links among refs, or another format."""
    folder = git_folder(repository)
    if folder is None or folder != _own(repository, folder) or (folder / "reftable").exists():
        return None
    try:
        head = (folder / "HEAD").read_bytes().strip()
        # Packing writes the packed file first and then removes the loose ones: read in this order, no ref is missed.
        loose: dict[bytes, bytes] = {}
        for name in (b"heads", b"tags"):
            _loose(os.fsencode(folder) + b"/refs/" + name, b"refs/" + name, loose, _DEPTH)
        packed = _packed(folder / "packed-refs")
    except (OSError, _UnusualError):
        return None
    symbolic = head.removeprefix(b"ref:").strip() if head.startswith(b"ref:") else None
    return of((packed | loose).items(), symbolic)


def git_folder(repository: Path) -> Path | None:
    """Where a repository's refs are: the folder itself if it is bare, its `.git`, or where a `.git` file points."""
    inside = repository / ".git"
    try:
        if inside.is_file():
            inside = repository / inside.read_text().removeprefix("gitdir:").strip()
            common = inside / "commondir"
            inside = inside / common.read_text().strip() if common.is_file() else inside
        folders = [folder.resolve() for folder in (inside, repository) if (folder / "refs").is_dir()]
    except (OSError, ValueError):
        return None
    return folders[0] if folders else None


class _UnusualError(Exception):
    """Files of refs that are not as git usually writes them."""


def _own(repository: Path, folder: Path) -> Path | None:
    """The folder again if it is the repository's own; of a linked worktree, HEAD stands elsewhere."""
    return None if (repository / ".git").is_file() else folder


def _loose(place: bytes, prefix: bytes, found: dict[bytes, bytes], depth: int) -> None:
    try:
        entries = list(os.scandir(place))
    except FileNotFoundError:
        return
    for entry in entries:
        name = prefix + b"/" + entry.name
        if entry.is_symlink() or depth == 0:
            raise _UnusualError
        if entry.is_dir():
            _loose(entry.path, name, found, depth - 1)
        elif not name.endswith(b".lock"):
            try:
                descriptor = os.open(entry.path, os.O_RDONLY)
            except FileNotFoundError:
                continue
            try:
                content = os.read(descriptor, 100).rstrip(b"\n")
            finally:
                os.close(descriptor)
            found[name] = _checked(content)


def _packed(file: Path) -> dict[bytes, bytes]:
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.split(b" ", 1) for line in lines if line and line[:1] not in b"#^")
    try:
        return {name: _checked(sha) for sha, name in pairs}
    except ValueError as error:
        raise _UnusualError from error


def _checked(sha: bytes) -> bytes:
    if not _SHA.fullmatch(sha):
        raise _UnusualError
    return sha
