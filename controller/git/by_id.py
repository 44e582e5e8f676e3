"""Fetches commits by their ids: what a branch left behind before anybody looked at it, what a fork's head once was.

GitHub gives out every commit of a repository and its forks, whether a ref leads to it or not; a plain git server only where
`uploadpack.allowAnySHA1InWant` (or its like for what is reachable) is set. https://git-scm.com/docs/protocol-capabilities
"""

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pygit2
from pygit2.remotes import Remote

from controller.git import address as addresses
from controller.git import remote
from controller.git.mirror import SEEN, Mirror
from schemas.errors import Refused
from schemas.values import Sha

MOST = 50
"""Commits of one call."""
TRIES = 16
"""Connections of one call. A server that lacks one of the commits gives none of that fetch, and does not say which it is."""

_NET = 12
"""libgit2's class of errors for what the other side said, or did not say (`include/git2/errors.h`)."""


def bring(mirror: Mirror, shas: Iterable[Sha]) -> dict[Sha, bool]:
    """Fetch these commits with all their history, the first `MOST` of them. Whether each is in the mirror now, for good.

    False: the server does not give it out. Those that `TRIES` left open are not among them. Raises `Refused` where the
    server gives nothing out by its id, and what `Mirror.fetch` raises.
    """
    wanted = [sha for sha in dict.fromkeys(shas) if not mirror.has(sha)][:MOST]
    parts, found = [wanted] if wanted else [], dict[Sha, bool]()
    for _ in range(TRIES):
        if not parts:
            break
        some = parts.pop()
        if _fetched(mirror, some) or len(some) == 1:
            found |= {sha: mirror.has(sha) for sha in some}
        else:
            half = len(some) // 2
            parts += [some[half:], some[:half]]
    return found


def _fetched(mirror: Mirror, shas: Sequence[Sha]) -> bool:
    """Whether the server gave all of them."""
    with _giving(mirror, shas) as (connection, callbacks, there):
        specs = [f"+{source}:{SEEN}{sha}" for sha, source in there.items()]
        try:
            if specs:
                connection.fetch(specs, callbacks=callbacks, proxy=True)
        except pygit2.GitError as error:
            if "specific object" in str(error):
                raise Refused(f"{addresses.shown(mirror.address)} gives nothing out by its id") from error
            if getattr(error, "error_class", None) != _NET or re.search("timed? ?out", str(error)):
                raise
            return False
    return True


@contextmanager
def _giving(mirror: Mirror, shas: Sequence[Sha]) -> Iterator[tuple[Remote, remote.Callbacks, dict[Sha, str]]]:
    """A connection to what gives the commits out, and by which name each is asked for there."""
    here = addresses.folder(mirror.address)
    if here is None:
        with remote.connected(mirror.repository(), mirror.address, mirror.credentials) as (
            connection,
            callbacks,
        ):
            yield connection, callbacks, {sha: sha for sha in shas}
        return
    with remote.translated(mirror.address), tempfile.TemporaryDirectory(prefix="luotsi-by-id-") as work:
        names = _named(here, Path(work) / "named.git", shas)
        with remote.connected(mirror.repository(), str(Path(work) / "named.git"), None) as (
            connection,
            callbacks,
        ):
            yield connection, callbacks, names


def _named(source: Path, place: Path, shas: Sequence[Sha]) -> dict[Sha, str]:
    """Make a repository whose objects are those of `source`, with a ref on each of the commits that are there.

    libgit2 fetches from a folder by the names of refs only, and nothing is written into a repository of others.
    """
    objects = Path(pygit2.Repository(str(source)).path) / "objects"
    made = pygit2.init_repository(str(place), bare=True)
    (place / "objects/info").mkdir(parents=True, exist_ok=True)
    (place / "objects/info/alternates").write_text(f"{objects}\n")
    made = pygit2.Repository(str(place))
    names = {}
    for sha in shas:
        if isinstance(made.get(sha), pygit2.Commit):
            names[sha] = f"refs/heads/{sha}"
            made.references.create(names[sha], pygit2.Oid(hex=sha))
    return names
