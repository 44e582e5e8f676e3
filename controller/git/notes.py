"""Statuses of commits in the repository itself, for plain git: `git log --notes=luotsi` shows them.

A commit's note in `refs/notes/luotsi` has one line a context, sorted: a signed status as JSON, what a person wants to
know first and the signature last. What else people write into the note stays below. All that is said in one call is one
notes commit on top of what the repository has; when somebody else was faster, it is made again on top of theirs.
"""

import json
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pygit2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from controller.git import address as addresses
from controller.git import note_tree, remote
from controller.git.mirror import Credentials, Mirror
from schemas import codec, signing
from schemas.errors import Refused, Stalled, Waiting
from schemas.messages.status import CommitStatus
from schemas.signing import SigningKey
from schemas.values import Sha

REF = "refs/notes/luotsi"
_THEIRS = "refs/luotsi/notes-remote"
_OURS = "refs/luotsi/notes-outgoing"
_TRIES = 10
_PAUSE = 0.05
_LARGEST = 1024 * 1024
"""Bytes of a note that are read: a hand-written one may be anything."""

Keys = Mapping[str, Ed25519PublicKey]
"""Key id -> public key."""


class Notes:
    """The notes of the repository at `address`, by way of its mirror. For one thread.

    Statuses signed by one of `keys` (key id -> key) count: ours, and those of others that write here too.
    """

    def __init__(
        self, mirror: Path, address: str, keys: Keys, credentials: Credentials | None = None
    ) -> None:
        self._mirror = Mirror(mirror, address, credentials)
        self._keys = keys

    def write(self, lines: Mapping[Sha, Sequence[str]]) -> bool:
        """Put lines (see `line`) into the repository's notes, in one commit; False when all of it is there already.

        Raises `Waiting` while the repository cannot be reached or others are always faster, and `Stalled` when it does
        not let us push. Saying the same again is harmless, and older words never replace newer ones.
        """
        shown = addresses.shown(self._mirror.address)
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(random.uniform(0, _PAUSE * attempt))  # noqa: S311 - to be out of step, not to be secret
            base = _fetch(self._mirror)
            commit = _commit(self._mirror.repository(), base, lines, self._keys)
            trouble = None if commit is None else _push(self._mirror, base, commit)
            if trouble is None:
                _remember(self._mirror.repository(), commit or base)
                return commit is not None
            if trouble and _fetch(self._mirror) == base:
                raise Stalled(
                    f"{shown} does not take the statuses that belong into its notes: {trouble}",
                    hint=f"Let Luotsi's user push {REF}.",
                )
        raise Waiting(f"others write the notes of {shown} all the time", after=5)

    def read(self, sha: Sha) -> list[CommitStatus]:
        """What stands about a commit, by context, as it was last written or refreshed from here. Signed lines only."""
        repository = self._mirror.repository()
        tip = repository.references.get(REF)
        note = "" if tip is None else _note(repository, tip.peel(pygit2.Tree), sha)
        found = [status for text in _lines(note) if (status := _status(sha, text, self._keys)) is not None]
        return sorted(found, key=lambda status: status.context)

    def refresh(self) -> None:
        """Take over what the repository's notes say now, so that `read` knows it."""
        _remember(self._mirror.repository(), _fetch(self._mirror))


def line(status: CommitStatus, key: SigningKey) -> str:
    """The note's line of a status."""
    envelope = json.loads(key.sign(codec.write(status)))
    said = codec.to_json(status)
    first = {name: said[name] for name in ("state", "context", "description", "url", "time", "commit")}
    last = {name: envelope[name] for name in ("key", "signature")}
    # Terminals obey some characters that JSON leaves alone.
    text = json.dumps(first | last, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def read_line(text: str, keys: Keys) -> CommitStatus:
    """The status of a line that one of `keys` has signed. Raises `Refused` for any other line."""
    said = _parsed(text)
    if said is None:
        raise Refused("not a status line")
    key, signature = said.pop("key", None), said.pop("signature", None)
    status = codec.from_json(CommitStatus, said)
    try:
        body = codec.write(status)
    except UnicodeEncodeError as error:
        raise Refused("a status line with half a character") from error
    signing.verify(json.dumps({"key": key, "body": body.decode(), "signature": signature}), keys)
    return status


def merge(commit: Sha, note: str, fresh: Iterable[str], keys: Keys) -> str:
    """A note with new lines in it: for each context the newest, by the time that it was signed with.

    A line that none of `keys` has signed for this commit gives way to one that is, whatever time it claims.
    """
    chosen: dict[str, tuple[tuple[bool, str], str]] = {}
    rest: list[str] = []
    for text in (*_lines(note), *fresh):
        context = (_parsed(text) or {}).get("context")
        if not isinstance(context, str):
            rest.append(text)
            continue
        status = _status(commit, text, keys)
        rank = (status is not None, status.time if status is not None else "")
        if context not in chosen or chosen[context][0] <= rank:
            chosen[context] = rank, text
    lines = [text for _, (_, text) in sorted(chosen.items())]
    return "".join(f"{text}\n" for text in (*lines, *rest))


def _fetch(mirror: Mirror) -> pygit2.Oid | None:
    """The tip of the repository's notes, with all that belongs to it now here; None if it has none."""
    repository = mirror.repository()
    with remote.connected(repository, mirror.address, mirror.credentials) as (connection, callbacks):
        tip = next((head.oid for head in connection.list_heads(connect=False) if head.name == REF), None)
        if tip is not None and tip not in repository:
            connection.fetch([f"+{REF}:{_THEIRS}"], callbacks=callbacks, proxy=True)
    return tip


def _commit(
    repository: pygit2.Repository, base: pygit2.Oid | None, lines: Mapping[Sha, Sequence[str]], keys: Keys
) -> pygit2.Oid | None:
    """A notes commit on top of `base`, not yet pushed; None if it would say nothing new."""
    tree = repository[base].peel(pygit2.Tree) if base is not None else None
    notes = {}
    for sha, fresh in lines.items():
        old = _note(repository, tree, sha)
        new = merge(sha, old, fresh, keys)
        if new != old:
            notes[sha] = new.encode()
    if not notes:
        return None
    who = pygit2.Signature("Luotsi", "luotsi@localhost")
    message = f"Statuses of {len(notes)} {'commit' if len(notes) == 1 else 'commits'}\n"
    written = note_tree.put(repository, tree, notes)
    return repository.create_commit(None, who, who, message, written, [] if base is None else [base])


def _push(mirror: Mirror, base: pygit2.Oid | None, commit: pygit2.Oid) -> str | None:
    """None when it is in the repository; else why not, which is empty when somebody else was faster."""
    local = addresses.folder(mirror.address)
    repository = mirror.repository()
    if local is not None:
        with remote.translated(mirror.address):
            return note_tree.hand_over(repository, pygit2.Repository(str(local)), REF, base, commit)
    repository.references.create(_OURS, commit, force=True)
    callbacks = remote.Callbacks(mirror.address, mirror.credentials)
    with remote.translated(mirror.address):
        connection = remote.opened(repository, mirror.address, mirror.credentials)
        try:
            connection.push([f"{_OURS}:{REF}"], callbacks=callbacks, proxy=True)
        except pygit2.GitError as error:
            if remote.is_overtaken(error):
                return ""
            raise
    return callbacks.rejected.get(REF)


def _remember(repository: pygit2.Repository, tip: pygit2.Oid | None) -> None:
    if tip is not None:
        repository.references.create(REF, tip, force=True)


def _note(repository: pygit2.Repository, tree: pygit2.Tree | None, sha: Sha) -> str:
    return "" if tree is None else note_tree.get(repository, tree, sha, _LARGEST).decode(errors="replace")


def _lines(note: str) -> list[str]:
    return note.removesuffix("\n").split("\n") if note else []


def _parsed(text: str) -> dict[str, codec.Json] | None:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _status(commit: Sha, text: str, keys: Keys) -> CommitStatus | None:
    try:
        status = read_line(text, keys)
    except Refused:
        return None
    return status if status.commit == commit else None
