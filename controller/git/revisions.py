"""A commit as people name it in a file: its id or the beginning of it, a branch, a tag."""

import re

import pygit2

from controller.git.mirror import Mirror
from schemas.errors import ConfigError, Gone
from schemas.values import RefName, Sha

SHORTEST = 7
"""Characters of an abbreviated id: fewer name too much."""
_ABBREVIATED = re.compile(rf"[0-9a-f]{{{SHORTEST},39}}")
_FULL = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def commit_named(mirror: Mirror, text: str) -> Sha:
    """The commit that a full id, a branch, a tag, a full ref name or the beginning of an id means now, in this order.

    Needs no network. Raises `ConfigError` when it is not in the mirror, or when several commits begin so.
    """
    lower = text.lower()
    try:
        if _FULL.fullmatch(lower) and mirror.has(Sha(lower)):
            return Sha(lower)
        refs = mirror.refs()
        for name in (f"refs/heads/{text}", f"refs/tags/{text}", text):
            if name in refs:
                return mirror.commit(refs[RefName(name)]).sha
        if _ABBREVIATED.fullmatch(lower):
            return mirror.commit(Sha(str(mirror.repository()[lower].id))).sha
    except ValueError as error:
        raise ConfigError(f"several commits begin with {text}", hint="Write more of its id.") from error
    except (KeyError, Gone, pygit2.GitError):
        pass
    raise ConfigError(
        f"there is no commit {text[:80]} in this repository",
        hint=f"Name a branch, a tag, or an id with at least {SHORTEST} characters.",
    )
