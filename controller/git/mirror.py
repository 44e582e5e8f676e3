"""A bare mirror of one repository's branches and tags, on this machine. Whatever it once held, it keeps.

Branches and tags stand under their own names. Before one of them moves or goes, its commit gets a ref of its own under
`refs/luotsi/seen/`, so that it stays reachable whatever happens upstream, and even if somebody collects garbage here.
What is brought by name (a pull request's head) stands under `refs/luotsi/brought/`, and is kept in the same way.
Notes are never mirrored: `refs/notes/luotsi` belongs to `notes.py`.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, ObjectType, RepositoryOpenFlag, SortMode
from pygit2.remotes import RemoteHead

from controller.git import address as addresses
from controller.git import listing, ls_refs, reading, remote
from controller.git.commits import CommitInfo, TagInfo, commit_info, tag_info
from controller.git.credentials import Credentials
from controller.git.listing import Listing
from schemas.errors import ConfigError, Gone, Stalled
from schemas.values import RefName, Sha, short

__all__ = ["CommitInfo", "Credentials", "Mirror", "TagInfo"]

SEEN = "refs/luotsi/seen/"
"""Before a commit's id: what keeps it, whatever becomes of the refs that led to it."""
_BROUGHT = "refs/luotsi/brought/"
_MANY = 100
_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"


class Mirror:
    """The mirror at `path` of the repository at `address`. Made at first use.

    For one thread; several mirrors, and other processes that read this one, may work at the same time. Raises
    `ConfigError` for an address that is not taken. Looking and fetching raise `Waiting` while the repository cannot be
    reached, and `Stalled` when a person has to act. The rest works without a network, and raises `Gone` for a commit
    that is not in the mirror. `credentials` are asked for only when the server asks.
    """

    def __init__(self, path: Path, address: str, credentials: Credentials | None = None) -> None:
        self.path = path
        self.address = addresses.check(address)
        self.credentials = credentials
        self._opened: pygit2.Repository | None = None
        self._seen: Listing | None = None

    def look(self) -> dict[RefName, Sha]:
        """Branches and tags as they are in the repository now, without fetching anything.

        An annotated tag's value is its tag object. In a name that is no UTF-8, the bytes in question are written as
        `\\xNN`, which no other ref can be called, since git allows no backslash.
        """
        with remote.connected(self.repository(), self.address, self.credentials) as (connection, _):
            return dict(self._listed(connection.list_heads(connect=False)).refs)

    def default_branch(self) -> RefName | None:
        """The branch that HEAD names, as the last look saw it; None if it is detached, or the server does not say."""
        if self._seen is None:
            self.look()
        return self._seen.default if self._seen else None

    def fetch(self, unless: bytes | None = None) -> bool:
        """Bring the mirror's branches and tags to what they are in the repository now, with all their history.

        False, and nothing else, when the fingerprint of what stands there is `unless`.
        """
        glance = self._glance() if unless is not None else None
        if glance is not None and glance.fingerprint() == unless:
            return False
        repository = self.repository()
        with remote.connected(repository, self.address, self.credentials) as (connection, callbacks):
            seen = self._listed(connection.list_heads(connect=False))
            if unless is not None and seen.fingerprint() == unless:
                return False
            wanted, held = seen.refs, self.refs()
            if wanted == held:
                return True
            moved = {ref: sha for ref, sha in held.items() if wanted.get(ref) != sha}
            kept = self._keep(moved.values())
            # First, since a branch `a` has to go before there can be a branch `a/b`.
            self._drop(moved.keys() - wanted.keys())
            connection.fetch(
                [f"+{prefix}*:{prefix}*" for prefix in map(bytes.decode, listing.MIRRORED)],
                callbacks=callbacks,
                proxy=True,
            )
            self._forget(kept, {sha: wanted[ref] for ref, sha in moved.items() if ref in wanted})
            if len(moved) > _MANY or len(wanted) > len(moved) + _MANY:
                repository.compress_references()
        return True

    def held(self) -> Listing:
        """What the mirror holds, with the default branch that the last look saw."""
        return Listing(self.refs(), self.default_branch())

    def bring(self, refs: Iterable[RefName]) -> None:
        """Fetch exactly these refs of the repository, whatever they are called, with all their history.

        What they lead to now stays in the mirror for good; `look` and `refs` do not know of it. Raises `Gone` when the
        repository lacks some of them, after the others came: what was brought of those before is still here.
        """
        repository = self.repository()
        wanted = dict.fromkeys(refs)
        with remote.connected(repository, self.address, self.credentials) as (connection, callbacks):
            there = {
                listing.spelled((head.name or "").encode(errors="surrogateescape")): (
                    head.name,
                    Sha(str(head.oid)),
                )
                for head in connection.list_heads(connect=False)
            }
            moves = {}
            for name, sha in (there[ref] for ref in wanted if ref in there):
                place = _BROUGHT + hashlib.sha256((name or "").encode(errors="surrogateescape")).hexdigest()
                old = repository.references.get(place)
                if old is None or str(old.target) != sha:
                    moves[f"+{name}:{place}"] = (Sha(str(old.target)) if old is not None else None, sha)
            forced = {old: sha for old, sha in moves.values() if old is not None}
            kept = self._keep(forced)
            if moves:
                connection.fetch(list(moves), callbacks=callbacks, proxy=True)
            self._forget(kept, forced)
        if missing := [ref for ref in wanted if ref not in there]:
            raise Gone(f"{addresses.shown(self.address)} has no {', '.join(missing)}")

    def refs(self) -> dict[RefName, Sha]:
        """The mirror's branches and tags, spelled as `look` spells them."""
        return {
            listing.spelled(ref.raw_name): Sha(str(ref.target))
            for ref in self.repository().references.iterator()
            if ref.raw_name.startswith(listing.MIRRORED)
        }

    def has(self, sha: Sha) -> bool:
        """Whether the mirror holds this commit."""
        return _is_commit(self.repository(), sha)

    def commit(self, sha: Sha) -> CommitInfo:
        """One commit."""
        return commit_info(self._commit(sha))

    def new_commits(self, heads: Iterable[Sha], hide: Iterable[Sha] = ()) -> list[CommitInfo]:
        """Commits that can be reached from `heads` and not from `hide`, parents before children, else oldest first.

        What is not in the mirror, or is no commit, hides nothing; as a head it is `Gone`.
        """
        repository = self.repository()
        order = SortMode.TOPOLOGICAL | SortMode.TIME | SortMode.REVERSE
        walker = repository.walk(None, order)
        for sha in dict.fromkeys(heads):
            walker.push(self._commit(sha).id)
        for sha in dict.fromkeys(hide):
            if _is_commit(repository, sha):
                walker.hide(pygit2.Oid(hex=sha))
        with self._walking():
            return [commit_info(commit) for commit in walker]

    def ancestors(self, sha: Sha, limit: int) -> list[Sha]:
        """The commit itself and what came before it through any parent, newest first, `limit` at most."""
        walker = self.repository().walk(self._commit(sha).id, SortMode.TIME)
        with self._walking():
            return [Sha(str(commit.id)) for _, commit in zip(range(limit), walker, strict=False)]

    def merge_base(self, one: Sha, other: Sha) -> Sha | None:
        """The best common ancestor; None for histories that have none."""
        with self._walking():
            base: pygit2.Oid | None = self.repository().merge_base(
                self._commit(one).id, self._commit(other).id
            )
        return None if base is None else Sha(str(base))

    def merged_by(self, sha: Sha, head: Sha) -> Sha | None:
        """The oldest commit on the first-parent line of `head` that contains `sha`; None where none does."""
        found = None
        with self._walking():
            repository, commit = self.repository(), self._commit(head)
            while commit.id == pygit2.Oid(hex=sha) or repository.descendant_of(
                commit.id, pygit2.Oid(hex=sha)
            ):
                found = Sha(str(commit.id))
                if not commit.parents:
                    break
                commit = commit.parents[0]
        return found

    def changed_paths(self, old: Sha | None, new: Sha) -> set[str] | None:
        """Paths whose content, mode or existence differs: of a rename, both. None when `old` is not there to compare.

        Bytes of a path that are no UTF-8 are replaced.
        """
        repository = self.repository()
        if old is None or not _is_commit(repository, old):
            return None
        with reading.contents(self.path, new):
            difference = self._commit(old).tree.diff_to_tree(self._commit(new).tree)
        sides = (file for delta in difference.deltas for file in (delta.old_file, delta.new_file))
        return {file.raw_path.decode(errors="replace") for file in sides}

    def read_blob(self, sha: Sha, path: str, limit: int) -> bytes | None:
        """The content of a file at a commit, which is at most `limit` bytes; None if there is no such path.

        Names are compared byte by byte, and nothing is followed: a link, folder or submodule on the way or in the
        place is a `ConfigError`, as is a longer file.
        """
        repository = self.repository()
        parts = path.encode(errors="surrogateescape").split(b"/")
        if any(part in (b"", b".", b"..") for part in parts):
            raise ConfigError(f"{path!r} is not a path inside the repository")
        with reading.contents(self.path, sha):
            found: pygit2.Object | None = self._commit(sha).tree
            for number, part in enumerate(parts):
                if not isinstance(found, pygit2.Tree):
                    return None
                found = next((entry for entry in found if entry.raw_name == part), None)
                if found is not None:
                    _refuse_link(found, b"/".join(parts[: number + 1]).decode(errors="replace"), sha)
            return None if found is None else _content(repository, found, path, limit)

    def tags(self, others: bool = False) -> list[TagInfo]:
        """The mirror's tags by name. Those that lead to no commit are left out, or come too with `others`."""
        repository = self.repository()
        found = []
        for ref, sha in sorted(self.refs().items()):
            if not ref.startswith("refs/tags/"):
                continue
            try:
                tag = tag_info(ref.removeprefix("refs/tags/"), repository[sha])
            except (KeyError, pygit2.GitError):
                continue
            if tag.commit or others:
                found.append(tag)
        return found

    def repository(self) -> pygit2.Repository:
        """The mirror itself, for the other parts of this package."""
        if self._opened is None:
            try:
                self._opened = _open(self.path)
            except (pygit2.GitError, OSError) as error:
                raise Stalled(
                    f"the mirror at {self.path} cannot be opened: {error}",
                    hint="See that the disk has room and is writable. If it is damaged, remove it: it is made again.",
                ) from error
        return self._opened

    def _walking(self) -> AbstractContextManager[None]:
        return reading.history(self.path, addresses.shown(self.address))

    def _commit(self, sha: Sha) -> pygit2.Commit:
        found = _object(self.repository(), sha)
        while isinstance(found, pygit2.Tag):
            found = _object(self.repository(), Sha(str(found.target)))
        if not isinstance(found, pygit2.Commit):
            raise Gone(f"the commit {short(sha)} is not in the mirror of {addresses.shown(self.address)}")
        return found

    def _glance(self) -> Listing | None:
        """What stands in the repository, where that can be seen quickly."""
        here = addresses.folder(self.address)
        if here is not None:
            return listing.of_folder(here)
        return ls_refs.shared.listing(self.address, self.credentials)

    def _listed(self, heads: Iterable[RemoteHead]) -> Listing:
        found: list[tuple[bytes, bytes]] = []
        default = None
        for head in heads:
            name = (head.name or "").encode(errors="surrogateescape")
            if name == b"HEAD" and head.symref_target:
                default = head.symref_target.encode(errors="surrogateescape")
            found.append((name, str(head.oid).encode()))
        self._seen = listing.of(found, default)
        return self._seen

    # pygit2 never lets go of a text by which a ref is looked up: refs are taken from its iterator, or kept from their making.

    def _keep(self, shas: Iterable[Sha]) -> dict[Sha, pygit2.Reference]:
        create = self.repository().references.create
        return {sha: create(SEEN + sha, pygit2.Oid(hex=sha), force=True) for sha in shas}

    def _drop(self, refs: Collection[RefName]) -> None:
        for ref in list(self.repository().references.iterator()) if refs else ():
            if listing.spelled(ref.raw_name) in refs:
                ref.delete()

    def _forget(self, kept: Mapping[Sha, pygit2.Reference], moved: Mapping[Sha, Sha]) -> None:
        """Take back the refs of commits that their branch's new head still leads to: most pushes move forward."""
        repository = self.repository()
        for old, new in moved.items():
            both = _is_commit(repository, old) and _is_commit(repository, new)
            if both and repository.descendant_of(pygit2.Oid(hex=new), pygit2.Oid(hex=old)):
                kept[old].delete()


def _open(path: Path) -> pygit2.Repository:
    """The repository, made if there is none."""
    flags = RepositoryOpenFlag.NO_SEARCH | RepositoryOpenFlag.BARE
    try:
        return pygit2.Repository(str(path), flags)
    except pygit2.GitError:
        _make(path)
        return pygit2.Repository(str(path), flags)


def _make(path: Path) -> None:
    """Whatever is missing of an empty bare repository (gitrepository-layout(5)); HEAD comes last, without it there is none.

    Not by pygit2, which keeps 13 KiB of memory for ever with each repository that it makes.
    """
    for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (path / name).mkdir(parents=True, exist_ok=True)
    for name, text in (("config", _CONFIG), ("HEAD", "ref: refs/heads/main\n")):
        if not (path / name).exists():
            draft = path / f".{name}.{secrets.token_hex(6)}"
            draft.write_text(text)
            draft.replace(path / name)


def _object(repository: pygit2.Repository, sha: Sha) -> pygit2.Object | None:
    try:
        return repository.get(sha)
    except (ValueError, pygit2.GitError):
        return None


def _is_commit(repository: pygit2.Repository, sha: Sha) -> bool:
    return isinstance(_object(repository, sha), pygit2.Commit)


def _refuse_link(entry: pygit2.Object, path: str, sha: Sha) -> None:
    what = {FileMode.LINK: "a symbolic link", FileMode.COMMIT: "a submodule"}.get(entry.filemode)
    if what:
        raise ConfigError(
            f"{path} is {what} at {short(sha)}, and none is followed",
            hint="Put the file itself into the repository.",
        )


def _content(repository: pygit2.Repository, entry: pygit2.Object, path: str, limit: int) -> bytes:
    kind, size = repository.odb.read_header(entry.id)
    if kind != ObjectType.BLOB:
        raise ConfigError(f"{path} is a folder, not a file")
    if size > limit:
        raise ConfigError(f"{path} has {size} bytes; at most {limit} are read")
    return repository.odb.read(entry.id)[1]
