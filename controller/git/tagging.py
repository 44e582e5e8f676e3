"""Annotated tags that Luotsi makes for people who ask for one, and their way into the repository.

A tag object is a function of its name, its commit, its words and its date, so that the same wish, told again after a crash,
is the same object: whoever finds it in the repository knows that it is there already. An existing tag is never moved.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pygit2
from pygit2.enums import ObjectType

from controller.git import address as addresses
from controller.git import remote
from controller.git.mirror import Mirror
from schemas.values import RefName, Sha

TAGGER = "Luotsi <luotsi@localhost>"
_OURS = "refs/luotsi/tag-outgoing"
_TAGS = "refs/tags/"


@dataclass(frozen=True, slots=True)
class NewTag:
    """An annotated tag of the commit `target`. `when` counts to the second."""

    name: str
    target: Sha
    message: str
    when: datetime

    @property
    def body(self) -> bytes:
        """The object as git stores it (gitformat: `object`, `type`, `tag`, `tagger`, an empty line, the message)."""
        tagger = f"{TAGGER} {int(self.when.timestamp())} +0000"
        head = f"object {self.target}\ntype commit\ntag {self.name}\ntagger {tagger}\n\n"
        return f"{head}{self.message}\n".encode(errors="replace")

    @property
    def id(self) -> Sha:
        """The object's name."""
        stored = b"tag %d\0%b" % (len(self.body), self.body)
        return Sha(hashlib.sha1(stored, usedforsecurity=False).hexdigest())


def push(mirror: Mirror, tag: NewTag) -> str | None:
    """Put a tag into the repository under its name, which must be free there. The mirror gets the object, and no ref to it.

    None when it is there; else why not in the server's words, which are empty when the name is taken. Raises `Waiting` or
    `Stalled` when the repository cannot be reached or does not let us push.
    """
    ref = RefName(_TAGS + tag.name)
    there = mirror.look().get(ref)
    if there is not None:
        return None if there == tag.id else ""
    mirror.repository().odb.write(ObjectType.TAG, tag.body)
    folder = addresses.folder(mirror.address)
    if folder is not None:
        with remote.translated(mirror.address):
            words = _hand_over(mirror.repository(), pygit2.Repository(str(folder)), ref, tag.id)
    else:
        words = _send(mirror, ref, tag.id)
    # Whatever the server said: what counts is what is there now.
    there = mirror.look().get(ref) if words else None
    return words if there is None else None if there == tag.id else ""


def _send(mirror: Mirror, ref: RefName, tag: Sha) -> str | None:
    repository = mirror.repository()
    repository.references.create(_OURS, pygit2.Oid(hex=tag), force=True)
    callbacks = remote.Callbacks(mirror.address, mirror.credentials)
    with remote.translated(mirror.address):
        connection = remote.opened(repository, mirror.address, mirror.credentials)
        try:
            connection.push([f"{_OURS}:{ref}"], callbacks=callbacks, proxy=True)
        except pygit2.GitError as error:
            if remote.is_overtaken(error):
                return str(error)
            raise
    return callbacks.rejected.get(ref)


def _hand_over(mirror: pygit2.Repository, to: pygit2.Repository, ref: RefName, tag: Sha) -> str | None:
    """The same for a repository on this machine: libgit2's own push cannot into one with a working tree. No hook is run."""
    oid = pygit2.Oid(hex=tag)
    try:
        to.odb.write(*mirror.odb.read(oid))
        to.references.create(ref, oid, force=False)
    except (pygit2.GitError, OSError, ValueError) as error:
        busy = Path(to.path, f"{ref}.lock").exists()
        return f"somebody is just writing {ref}" if busy else str(error)
    return None
