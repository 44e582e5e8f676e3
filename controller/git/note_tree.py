"""The tree behind a notes ref (git-notes(1)): a blob for each commit, named by its id, split into folders or not.

git itself splits ids into `ab/cdef...`, `ab/cd/ef...` and so on as notes grow, and reads any mixture. All are read here;
what is written goes to `ab/cdef...`, which serves up to about a million notes, and replaces the commit's other spellings.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from schemas.values import Sha

_DEPTH = 6


def get(repository: pygit2.Repository, tree: pygit2.Tree, sha: Sha, limit: int) -> bytes:
    """The note of a commit, empty if there is none; blobs over `limit` bytes are left out. Several are joined."""
    blobs = [blob for blob in _blobs(tree, sha) if repository.odb.read_header(blob)[1] <= limit]
    return b"".join(repository.odb.read(blob)[1].rstrip(b"\n") + b"\n" for blob in blobs)


def put(repository: pygit2.Repository, tree: pygit2.Tree | None, notes: Mapping[Sha, bytes]) -> pygit2.Oid:
    """Write a tree with these notes in place of what it says about the same commits; all else stays."""
    top = _without(repository, tree, list(notes))
    folders: dict[str, list[Sha]] = {}
    for sha in notes:
        folders.setdefault(sys.intern(sha[:2]), []).append(sha)  # pygit2 never lets go of it
    for name, inside in folders.items():
        old = top.get(name)
        within = repository.TreeBuilder(old.id) if isinstance(old, pygit2.Tree) else repository.TreeBuilder()
        for sha in inside:
            within.insert(sha[2:], repository.create_blob(notes[sha]), FileMode.BLOB)
        top.insert(name, within.write(), FileMode.TREE)
    return top.write()


def hand_over(
    mirror: pygit2.Repository, to: pygit2.Repository, ref: str, base: pygit2.Oid | None, commit: pygit2.Oid
) -> str | None:
    """Push one notes commit, made on `base`, to a repository on this machine. No hook is run.

    libgit2's own push cannot into one with a working tree, and overwrites what came in between. None when it is done;
    else why not, which is empty when the ref is no longer at `base`, or somebody is just writing it.
    """
    current = to.references.get(ref)
    try:
        for oid in (*_missing(mirror[commit].peel(pygit2.Tree), to), commit):
            to.odb.write(*mirror.odb.read(oid))
        if current is None and base is None:
            to.references.create(ref, commit, force=False)
        elif current is not None and current.target == base:
            current.set_target(commit)  # under git's lock, and only if it is still what `current` was
        else:
            return ""
    except (pygit2.GitError, OSError) as error:
        busy = Path(to.path, f"{ref}.lock").exists() or _target(to, ref) != base
        return "" if busy else str(error)
    return None


def _missing(tree: pygit2.Tree, to: pygit2.Repository) -> Iterator[pygit2.Oid]:
    """What a repository lacks of a tree, contents first."""
    if tree.id in to:
        return
    for entry in tree:
        if isinstance(entry, pygit2.Tree):
            yield from _missing(entry, to)
        elif entry.id not in to:
            yield entry.id
    yield tree.id


def _target(repository: pygit2.Repository, ref: str) -> object:
    found = repository.references.get(ref)
    return None if found is None else found.target


def _entry(tree: pygit2.Tree, name: str) -> pygit2.Object | None:
    """By its path: pygit2 never lets go of a text by which a tree is asked."""
    try:
        return tree[Path(name)]  # type: ignore[index]  # takes any path, which its stubs do not say
    except KeyError:
        return None


def _folder(tree: pygit2.Tree, name: str) -> pygit2.Tree | None:
    found = _entry(tree, name)
    return found if isinstance(found, pygit2.Tree) else None


def _blobs(tree: pygit2.Tree, rest: str) -> Iterator[pygit2.Oid]:
    for _ in range(_DEPTH):
        found = _entry(tree, rest)
        if isinstance(found, pygit2.Blob):
            yield found.id
        deeper = _folder(tree, rest[:2])
        if deeper is None:
            return
        tree, rest = deeper, rest[2:]


def _without(
    repository: pygit2.Repository, tree: pygit2.Tree | None, names: Sequence[str], depth: int = 0
) -> pygit2.TreeBuilder:
    """What is made of a tree when all spellings of these names are taken out of it and of its folders."""
    if tree is None:
        return repository.TreeBuilder()
    builder = repository.TreeBuilder(tree)
    folders: dict[str, list[str]] = {}
    for name in names:
        if _entry(tree, name) is not None:
            builder.remove(sys.intern(name))
        folders.setdefault(name[:2], []).append(name[2:])
    for folder, rest in folders.items() if depth < _DEPTH else ():
        deeper = _folder(tree, folder)
        if deeper is None:
            continue
        below = _without(repository, deeper, rest, depth + 1)
        if len(below):
            builder.insert(folder, below.write(), FileMode.TREE)
        else:
            builder.remove(folder)
    return builder
