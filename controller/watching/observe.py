"""Looks at repositories: what moved, which commits came into view, which tags are there. Only looks; decides nothing.

A look that fails says so on the repository and leaves everything as it was: "unknown" is never "gone".
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import structlog

from controller import isolate
from controller.core.events import BRANCHES, TAGS
from controller.git import sight
from controller.git.looks import Answer
from controller.git.mirror import CommitInfo, Mirror, TagInfo
from controller.git.sight import Seen
from controller.ports import Ports
from ledger import observations, repositories
from ledger.observations import SeenCommit, SeenTag
from ledger.repositories import RepositoryRow
from queues import wake
from schemas.errors import LuotsiError
from schemas.values import RefName, Sha

log = structlog.get_logger()


def mirror_of(ports: Ports, repository: RepositoryRow) -> Mirror:
    """The local mirror of a repository."""
    path = ports.settings.mirrors / f"{repository.id}.git"
    return Mirror(path, repository.address, ports.credentials(repository.name))


def look(ports: Ports, hinted: set[str]) -> int:
    """Look at every repository that is due or hinted at (by name); how many of them had moved.

    Looks go on side by side, in threads; what they saw is recorded here. One that hangs is recorded in a later turn.
    """
    interval = timedelta(seconds=ports.settings.poll_interval)
    with ports.ledger.read() as connection:
        rows = repositories.to_look_at(connection, ports.clock(), interval, hinted, ports.forges)
    ports.looks.on_late = lambda: wake.wake(ports.redis)
    moved = isolate.each(
        rows,
        lambda row: _ask(ports, row, again=row.name in hinted),
        lambda row, bug: _in_trouble(ports, row, f"internal: {bug}"),
    )
    asked = {row.id: row for row in rows}
    quiet: list[str] = []
    for answers in ports.looks.answers():
        moved += isolate.each(
            _of(ports, answers, asked),
            lambda item: _take(ports, *item, quiet),
            lambda item, bug: _in_trouble(ports, item[0], f"internal: {bug}"),
        )
    if quiet:
        with ports.ledger.write() as connection:
            repositories.all_well(connection, quiet, ports.clock())
    return moved


def _of(
    ports: Ports, answers: Sequence[Answer[Seen | None]], asked: Mapping[str, RepositoryRow]
) -> list[tuple[RepositoryRow, Answer[Seen | None]]]:
    """Each answer with its repository, as long as that is watched. Late ones were asked for in an earlier turn."""
    late = [answer.name for answer in answers if answer.name not in asked]
    known = dict(asked)
    if late:
        with ports.ledger.read() as connection:
            known |= {row.id: row for row in repositories.watched_of(connection, late, ports.forges)}
    return [(known[answer.name], answer) for answer in answers if answer.name in known]


def _ask(ports: Ports, repository: RepositoryRow, again: bool) -> bool:
    def see() -> Seen | None:
        last = ports.sights.get(repository.id) if repository.baseline_at is not None else None
        return sight.see(mirror_of(ports, repository), last)

    ports.looks.ask(repository.id, *sight.lane(repository.address), see, again)
    return False


def _take(ports: Ports, repository: RepositoryRow, answer: Answer[Seen | None], quiet: list[str]) -> bool:
    """Record a look. One that brought nothing new joins the `quiet`, which are recorded together."""
    try:
        if answer.error is not None:
            raise answer.error
        moved = answer.value is not None and _observe(ports, repository, answer.value)
    except LuotsiError as error:
        _in_trouble(ports, repository, str(error))
        return False
    if repository.trouble is None:
        quiet.append(repository.id)
        return moved
    with ports.ledger.write() as connection:
        repositories.looked(connection, repository.id, None, ports.clock())
    log.info("the repository can be looked at again", repository=repository.name)
    return moved


def _in_trouble(ports: Ports, repository: RepositoryRow, reason: str) -> None:
    with ports.ledger.write() as connection:
        news = repositories.looked(connection, repository.id, reason, ports.clock())
    if news:
        log.warning("the repository cannot be looked at", repository=repository.name, reason=reason)


def _observe(ports: Ports, repository: RepositoryRow, seen: Seen) -> bool:
    # The mirror says what tags lead to: a look sees tag objects, the ledger holds commits.
    tags = {f"{TAGS}{tag.name}": tag.target for tag in seen.tags}
    now = {ref: sha for ref, sha in seen.listing.refs.items() if ref.startswith(BRANCHES)} | tags
    with ports.ledger.read() as connection:
        known = observations.heads(connection, repository.id)
    changes: dict[str, str | None] = {ref: sha for ref, sha in now.items() if known.get(ref) != sha}
    changes |= {ref: None for ref in known if ref not in now}
    moved = _record(ports, repository, seen, changes, known)
    ports.sights[repository.id] = seen.sight
    return moved


def _record(
    ports: Ports,
    repository: RepositoryRow,
    seen: Seen,
    changes: Mapping[str, str | None],
    observed: Mapping[str, str],
) -> bool:
    tags = [_tag(tag) for tag in seen.tags]
    baseline = repository.baseline_at is None
    known = _known(ports, repository, changes, observed)
    owing = {r: s for r, s in changes.items() if r not in known}
    fresh = _fresh(ports, repository, owing, baseline)
    branch = (seen.listing.default or "").removeprefix(BRANCHES)
    now = ports.clock()
    with ports.ledger.write() as connection:
        observations.observe(connection, repository.id, changes, fresh, now, baseline=baseline, known=known)
        moved = observations.observe_tags(connection, repository.id, tags, now)
        if branch and branch != repository.default_branch:
            repositories.default_branch(connection, repository.id, branch)
    if changes or moved:
        log.info("observed", repository=repository.name, refs=len(changes), commits=len(fresh), tags=moved)
    return bool(changes or moved)


def _known(
    ports: Ports, repository: RepositoryRow, changes: Mapping[str, str | None], observed: Mapping[str, str]
) -> set[str]:
    """Tags that the registry saw before tags were events here: they start nothing."""
    asked = [ref for ref in changes if ref.startswith(TAGS) and ref not in observed]
    if not asked:
        return set()
    with ports.ledger.read() as connection:
        seen = observations.tags_seen(connection, repository.id)
    return {
        f"{TAGS}{name}"
        for name, target in seen.items()
        if f"{TAGS}{name}" not in observed and changes.get(f"{TAGS}{name}") == target
    }


def _fresh(
    ports: Ports, repository: RepositoryRow, changes: Mapping[str, str | None], baseline: bool
) -> list[SeenCommit]:
    """Commits that are owed a verdict: at the baseline the branches' tips only, later all that is reachable and new.

    A ref's own commit is owed one wherever it lies: a branch or tag that is put on an old commit asks for runs there.
    """
    heads = {ref: Sha(sha) for ref, sha in changes.items() if sha is not None}
    if not heads:
        return []
    mirror = mirror_of(ports, repository)
    if baseline:
        return _first(
            _seen(mirror.commit(sha), ref) for ref, sha in heads.items() if ref.startswith(BRANCHES)
        )
    with ports.ledger.read() as connection:
        hide = [Sha(sha) for sha in observations.heads_ever(connection, repository.id)]
    walked = {info.sha: info for info in mirror.new_commits(heads.values(), hide)}
    brought: dict[Sha, str] = {}
    for ref, sha in heads.items():
        reached = [sha]
        while reached:
            one = reached.pop()
            if one in walked and one not in brought:
                brought[one] = ref
                reached.extend(walked[one].parents)
    found = [_seen(info, brought[sha]) for sha, info in walked.items()]
    return _first([*found, *(_seen(mirror.commit(sha), ref) for ref, sha in heads.items())])


def seen_commit(mirror: Mirror, sha: Sha, ref: RefName) -> SeenCommit:
    """A commit as an event names it. Raises `Gone` when the mirror does not have it."""
    return _seen(mirror.commit(sha), ref)


def _first(commits: Iterable[SeenCommit]) -> list[SeenCommit]:
    """Each commit once, with the ref that brought it first."""
    found: dict[str, SeenCommit] = {}
    for commit in commits:
        found.setdefault(commit.sha, commit)
    return list(found.values())


def _seen(info: CommitInfo, ref: str) -> SeenCommit:
    return SeenCommit(info.sha, RefName(ref), info.author, info.subject, info.message, info.committed_at)


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
