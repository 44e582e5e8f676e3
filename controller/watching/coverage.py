"""Whether every commit is accounted for: walks the mirror anew, and compares what it finds with the ledger's verdicts.

The controller's own list of commits is not trusted to be whole: what is owed follows from the refs that were observed,
from git's history, and from what the forge named, of which some may not have been fetched yet. Only reads, and needs no network.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from controller.core import naming
from controller.core.events import BRANCHES
from controller.git.mirror import Mirror
from forges.port import Delivery
from ledger import events, inbox, repositories
from ledger.repositories import ProjectRow, RepositoryRow
from ledger.tables import baseline_tips, commits, ref_observations, verdicts
from schemas import codec
from schemas.errors import Refused
from schemas.values import Sha


@dataclass(frozen=True, slots=True)
class Missing:
    """A commit without its verdict. `ref` brought it, and it waits since `since`; `roots` are the projects that owe it."""

    sha: str
    ref: str
    since: datetime
    roots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of one repository: how many commits are owed verdicts, and which wait for one, longest first.

    Without a mirror (`walked` False) only what the ledger itself knows could be counted.
    """

    repository: str
    commits: int
    missing: tuple[Missing, ...]
    walked: bool
    looked_at: bool

    @property
    def judged(self) -> int:
        """How many of the commits have every verdict."""
        return self.commits - len(self.missing)


@dataclass(frozen=True, slots=True)
class Head:
    """Where a ref once stood."""

    ref: str
    sha: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class _Recorded:
    ref: str
    seen_at: datetime
    judged_at: datetime | None


def ratio(covered: Iterable[Coverage]) -> float:
    """Commits with a verdict over commits that are owed one, of all these repositories; 1.0 where none is owed."""
    found = list(covered)
    owed = sum(one.commits for one in found)
    return sum(one.judged for one in found) / owed if owed else 1.0


def of_repository(
    connection: Connection, repository: RepositoryRow, mirror: Mirror | None, roots: Collection[str] | None
) -> Coverage:
    """The coverage of a repository. `roots` are the watched ones (None: all); `mirror` is None where there is none.

    Raises what walking a damaged mirror raises.
    """
    heads, tips = _heads(connection, repository.id), _tips(connection, repository.id)
    recorded, named = _recorded(connection, repository.id), _named(connection, repository)
    owed = {head.sha for head in (*heads, *named)} | recorded.keys()
    there = [head for head in heads if mirror is not None and mirror.has(Sha(head.sha))]
    if mirror is not None:
        owed |= reachable(mirror, there, tips)
    found = [
        project
        for project in repositories.projects_of(connection, repository.id)
        if roots is None or project.root in roots
    ]
    lacking = _lacking(owed, recorded, found, _verdicts(connection, repository.id))
    unknown = lacking.keys() - recorded.keys()
    brought = {} if mirror is None else bringers(mirror, there, tips, unknown)
    brought |= {
        head.sha: head
        for head in reversed([*heads, *named])
        if head.sha in unknown and head.sha not in brought
    }
    missing = []
    for sha, names in lacking.items():
        if sha in recorded:
            missing.append(Missing(sha, recorded[sha].ref, recorded[sha].seen_at, names))
        else:
            missing.append(Missing(sha, brought[sha].ref, brought[sha].observed_at, names))
    missing.sort(key=lambda one: (one.since, one.sha))
    looked_at = repository.baseline_at is not None
    return Coverage(repository.name, len(owed), tuple(missing), mirror is not None, looked_at)


def reachable(mirror: Mirror, heads: Iterable[Head], tips: Iterable[str]) -> set[str]:
    """Every commit that the heads lead to, through any parent, and that is not behind a tip of the baseline."""
    walked = mirror.new_commits([Sha(head.sha) for head in heads], [Sha(tip) for tip in tips])
    return {info.sha for info in walked}


def bringers(
    mirror: Mirror, heads: Sequence[Head], tips: Collection[str], shas: Collection[str]
) -> dict[str, Head]:
    """The first of the heads, which come oldest first, that led to each of these commits."""
    found: dict[str, Head] = {}
    hidden = set(tips)
    for head in heads:
        if len(found) == len(shas):
            break
        new = reachable(mirror, [head], hidden) | {head.sha}
        found |= {sha: head for sha in new.intersection(shas) if sha not in found}
        hidden.add(head.sha)
    return found


def _lacking(
    owed: Iterable[str],
    recorded: Mapping[str, _Recorded],
    projects: Sequence[ProjectRow],
    given: Mapping[str, Mapping[str, datetime]],
) -> dict[str, tuple[str, ...]]:
    """Commit -> roots of the watched projects whose verdict it lacks.

    A root that was named later owes none on what was judged before its own first verdict, as long as another project
    gave one there. What the controller has not finished waits whatever verdicts are there.
    """
    first = {id: min(judged.values()) for id, judged in given.items()}
    anybody = {sha for judged in given.values() for sha in judged}
    lacking: dict[str, tuple[str, ...]] = {}
    for sha in owed:
        row = recorded.get(sha)
        done = row.judged_at if row is not None else None
        roots = tuple(
            project.root
            for project in projects
            if sha not in given.get(project.id, {})
            and not (done and sha in anybody and project.id in first and done < first[project.id])
        )
        if roots or (projects and done is None):
            lacking[sha] = roots
    return lacking


def _heads(connection: Connection, repository_id: str) -> list[Head]:
    """Every commit that a ref was seen at and that is owed a verdict, oldest observation first.

    Tags that were there before the first look start nothing and are owed nothing; branches' tips are.
    """
    table = ref_observations
    rows = connection.execute(
        select(table.c.ref, table.c.sha, table.c.observed_at, table.c.baseline)
        .where(table.c.repository_id == repository_id, table.c.sha.is_not(None))
        .order_by(table.c.id)
    )
    found: dict[str, Head] = {}
    for row in rows:
        if not row.baseline or row.ref.startswith(BRANCHES):
            found.setdefault(row.sha, Head(row.ref, row.sha, row.observed_at))
    return list(found.values())


def _named(connection: Connection, repository: RepositoryRow) -> list[Head]:
    """Every commit that the forge named, in events and in deliveries that wait to become some, oldest first."""
    found = [
        Head(str(row.body.get("ref") or f"{row.kind} {row.key}"), str(row.body["head"]), row.received_at)
        for row in events.told(connection, repository.id)
        if row.body.get("head")
    ]
    for row in inbox.waiting(connection, repository.forge) if repository.forge_id else ():
        try:
            delivery = codec.read(Delivery, row.body)
        except Refused:
            continue
        if delivery.repository_id == repository.forge_id:
            found += [Head(ref, sha, row.received_at) for ref, sha in naming.named(delivery)]
    return found


def _tips(connection: Connection, repository_id: str) -> set[str]:
    query = select(baseline_tips.c.sha).where(baseline_tips.c.repository_id == repository_id)
    return set(connection.scalars(query))


def _recorded(connection: Connection, repository_id: str) -> dict[str, _Recorded]:
    query = select(commits.c.sha, commits.c.ref, commits.c.seen_at, commits.c.judged_at).where(
        commits.c.repository_id == repository_id
    )
    return {row.sha: _Recorded(row.ref, row.seen_at, row.judged_at) for row in connection.execute(query)}


def _verdicts(connection: Connection, repository_id: str) -> dict[str, dict[str, datetime]]:
    """Project -> commit -> when it was judged; whatever the verdict says, `vanished` too, it is one."""
    ids = [project.id for project in repositories.projects_of(connection, repository_id)]
    query = select(verdicts.c.project_id, verdicts.c.sha, verdicts.c.judged_at).where(
        verdicts.c.project_id.in_(ids)
    )
    found: dict[str, dict[str, datetime]] = {}
    for row in connection.execute(query):
        found.setdefault(row.project_id, {})[row.sha] = row.judged_at
    return found
