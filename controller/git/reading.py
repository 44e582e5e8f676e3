"""What it means when the objects of a commit cannot be read: for that commit, or for the whole mirror."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pygit2

from schemas.errors import ConfigError, Gone, LuotsiError, Stalled
from schemas.values import Sha, short


@contextmanager
def contents(mirror: Path, sha: Sha) -> Iterator[None]:
    """Reading what a commit holds: objects that are not there are `Gone`, a tree that is none is a `ConfigError`.

    Both are that commit's alone, and final. What its own disk did to the mirror is `Stalled`.
    """
    try:
        yield
    except KeyError as error:
        raise Gone(f"the mirror has not all of the commit {short(sha)}: {_words(error)}") from error
    except pygit2.GitError as error:
        if "failed to parse" in str(error):
            raise ConfigError(f"the commit {short(sha)} is malformed: {_words(error)}") from error
        raise damaged(mirror, _words(error)) from error


@contextmanager
def history(mirror: Path, address: str) -> Iterator[None]:
    """Walking from commit to commit: where one is not there, nothing that is said about the repository would be true."""
    try:
        yield
    except (KeyError, pygit2.GitError) as error:
        raise Stalled(
            f"the history of {address} has gaps: {_words(error)}",
            hint=f"If it is a shallow clone, watch the whole one. Else remove {mirror}: it is made again.",
        ) from error


def damaged(mirror: Path, why: str) -> LuotsiError:
    """The mirror is not what git wrote."""
    return Stalled(f"the mirror at {mirror} is damaged: {why}", hint="Remove it: it is made again.")


def _words(error: Exception) -> str:
    return str(error).strip("'\"")
