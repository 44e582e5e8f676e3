"""Looks at repositories: what moved, which commits came into view, which tags are there. Only looks; decides nothing.

A look that fails says so on the repository and leaves everything as it was: "unknown" is never "gone".
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

import structlog

from controller.git import watch
from controller.git.mirror import CommitInfo, Mirror, TagInfo
from controller.ports import Ports
from ledger import observations, repositories
from ledger.observations import SeenCommit, SeenTag
from ledger.repositories import RepositoryRow
from schemas.errors import LuotsiError
from schemas.values import RefName, Sha

log = structlog.get_logger()


def mirror_of(ports: Ports, repository: RepositoryRow) -> Mirror:
    """The local mirror of a repository."""
    path = ports.settings.mirrors / f"{repository.id}.git"
    return Mirror(path, repository.address, ports.credentials(repository.name))


def look(ports: Ports, hinted: set[str]) -> int:
    """Look at every repository that is due or hinted at (by name); how many of them had moved."""
    with ports.ledger.read() as connection:
        watched = repositories.watched(connection)
    interval = timedelta(seconds=ports.settings.poll_interval)
    due = hinted.union(watch.due({row.name: row.tried_at for row in watched}, ports.clock(), interval))
    return sum(_look(ports, repository) for repository in watched if repository.name in due)


def _look(ports: Ports, repository: RepositoryRow) -> bool:
    try:
        moved = _observe(ports, repository)
    except LuotsiError as error:
        with ports.ledger.write() as connection:
            news = repositories.looked(connection, repository.id, str(error), ports.clock())
        if news:
            log.warning("the repository cannot be looked at", repository=repository.name, reason=str(error))
        return False
    with ports.ledger.write() as connection:
        if repositories.looked(connection, repository.id, None, ports.clock()) and repository.trouble:
            log.info("the repository can be looked at again", repository=repository.name)
    return moved


def _observe(ports: Ports, repository: RepositoryRow) -> bool:
    mirror = mirror_of(ports, repository)
    present = mirror.look()
    branches = {ref: sha for ref, sha in present.items() if ref.startswith("refs/heads/")}
    with ports.ledger.read() as connection:
        known = observations.heads(connection, repository.id)
    changes: dict[str, str | None] = {ref: sha for ref, sha in branches.items() if known.get(ref) != sha}
    changes |= {ref: None for ref in known if ref not in branches}
    tags_moved = _tags(present) != _tags(mirror.refs())
    if not changes and not tags_moved and repository.baseline_at is not None:
        return False
    mirror.fetch()
    # What the fetch brought counts, not what the look saw: a ref may have moved between the two.
    branches = {ref: sha for ref, sha in mirror.refs().items() if ref.startswith("refs/heads/")}
    changes = {ref: sha for ref, sha in branches.items() if known.get(ref) != sha}
    changes |= {ref: None for ref in known if ref not in branches}
    return _record(ports, repository, mirror, changes)


def _record(ports: Ports, repository: RepositoryRow, mirror: Mirror, changes: dict[str, str | None]) -> bool:
    tags = [_tag(tag) for tag in mirror.tags()]
    baseline = repository.baseline_at is None
    fresh = _fresh(ports, repository, mirror, changes, baseline)
    branch = (mirror.default_branch() or "").removeprefix("refs/heads/")
    now = ports.clock()
    with ports.ledger.write() as connection:
        observations.observe(connection, repository.id, changes, fresh, now, baseline=baseline)
        moved = observations.observe_tags(connection, repository.id, tags, now)
        if branch and branch != repository.default_branch:
            repositories.default_branch(connection, repository.id, branch)
    if changes or moved:
        log.info("observed", repository=repository.name, refs=len(changes), commits=len(fresh), tags=moved)
    return bool(changes or moved)


def _fresh(
    ports: Ports, repository: RepositoryRow, mirror: Mirror, changes: dict[str, str | None], baseline: bool
) -> list[SeenCommit]:
    """Commits that are owed a verdict: at the baseline its tips only, later all that is reachable and new."""
    heads = {ref: Sha(sha) for ref, sha in changes.items() if sha is not None}
    if baseline:
        return _distinct(_seen(mirror.commit(sha), ref) for ref, sha in heads.items())
    with ports.ledger.read() as connection:
        hide = {Sha(sha) for sha in observations.all_seen(connection, repository.id)}
    found: list[SeenCommit] = []
    for ref, sha in heads.items():
        walked = mirror.new_commits([sha], hide)
        found.extend(_seen(info, ref) for info in walked)
        hide.update(info.sha for info in walked)
    return found


def _distinct(commits: Iterable[SeenCommit]) -> list[SeenCommit]:
    return list({commit.sha: commit for commit in commits}.values())


def _seen(info: CommitInfo, ref: str) -> SeenCommit:
    return SeenCommit(info.sha, RefName(ref), info.author, info.subject, info.message, info.committed_at)


def _tags(refs: Mapping[RefName, Sha]) -> dict[RefName, Sha]:
    return {ref: sha for ref, sha in refs.items() if ref.startswith("refs/tags/")}


def _tag(tag: TagInfo) -> SeenTag:
    return SeenTag(
        name=tag.name,
        tag_object=tag.tag_object,
        target=tag.target,
        annotated=tag.annotated,
        tagged_at=tag.tagged_at,
        tagger=tag.tagger,
        message=tag.message,
    )
