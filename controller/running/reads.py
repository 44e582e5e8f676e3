"""What a trigger's `reads` leaves of a commit: the files that are unpacked for its jobs, and the digest of just those.

Paths, modes and object ids come from the commit's trees in the mirror, so nothing is unpacked to know them. The agent picks
by the same patterns (`schemas/reads.py`) from the archive, whose own digest it proves.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from controller.git import snapshot
from controller.ports import Ports
from controller.watching import observe
from ledger.repositories import RepositoryRow
from ledger.verdicts import SnapshotRow
from schemas.errors import Gone
from schemas.messages.job import Archive
from schemas.reads import chooser, no_file
from schemas.values import Sha, short


def archive(
    ports: Ports, repository: RepositoryRow, kept: SnapshotRow, sha: str, patterns: tuple[str, ...]
) -> Archive:
    """The archive as a job with these patterns gets it. Raises `ConfigError` when they name no file of the commit."""
    if not patterns:
        return Archive(kept.key, kept.digest, kept.size)
    path = observe.mirror_of(ports, repository).path
    try:
        named = content(path, Sha(sha), patterns)
    except Gone:
        # The mirror was made anew without this commit. Its archive is there: then the whole of it counts for reuse.
        named = ""
    return Archive(kept.key, kept.digest, kept.size, patterns, named)


@lru_cache(maxsize=256)
def content(mirror: Path, sha: Sha, patterns: tuple[str, ...]) -> str:
    """The digest over path, mode and content of the commit's files that the patterns name."""
    wanted = chooser(patterns)
    found = [entry for entry in snapshot.entries(mirror, sha) if wanted(entry[0])]
    if not found:
        raise no_file(short(sha), patterns)
    digest = hashlib.sha256()
    for path, mode, identity in found:
        digest.update(b"%o %s %s\0" % (mode, identity.encode(), path))
    return f"sha256:{digest.hexdigest()}"
