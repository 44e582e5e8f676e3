"""Observations of refs and tags, and the commits that came into view with them. Never changed, only added."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, insert, select, update

from ledger.tables import baseline_tips, commits, ref_observations, repositories, tag_observations


@dataclass(frozen=True, slots=True)
class ObservationRow:
    """One step of a ref."""

    id: int
    repository_id: str
    ref: str
    sha: str | None
    before: str | None
    baseline: bool


@dataclass(frozen=True, slots=True)
class SeenCommit:
    """A commit as it came into view. `ref` is where it was seen first."""

    sha: str
    ref: str
    author: str
    subject: str
    message: str
    committed_at: datetime | None


@dataclass(frozen=True, slots=True)
class SeenTag:
    """A tag as a look found it."""

    name: str
    tag_object: str
    target: str
    annotated: bool
    tagged_at: datetime | None
    tagger: str
    message: str


def heads(connection: Connection, repository_id: str) -> dict[str, str]:
    """Ref -> commit, as the last observation of each ref left them; refs that are gone are left out."""
    last = (
        select(ref_observations.c.ref, func.max(ref_observations.c.sequence).label("sequence"))
        .where(ref_observations.c.repository_id == repository_id)
        .group_by(ref_observations.c.ref)
        .subquery()
    )
    rows = connection.execute(
        select(ref_observations.c.ref, ref_observations.c.sha).join(
            last,
            and_(
                last.c.ref == ref_observations.c.ref,
                last.c.sequence == ref_observations.c.sequence,
                ref_observations.c.repository_id == repository_id,
            ),
        )
    )
    return {row.ref: row.sha for row in rows if row.sha is not None}


def observe(
    connection: Connection,
    repository_id: str,
    changes: Mapping[str, str | None],
    fresh: Sequence[SeenCommit],
    now: datetime,
    baseline: bool = False,
) -> None:
    """Record what a look found: each changed ref (None: gone) and each commit that came into view, in one transaction."""
    before = heads(connection, repository_id)
    for ref, sha in changes.items():
        sequence = connection.execute(
            select(func.max(ref_observations.c.sequence)).where(
                ref_observations.c.repository_id == repository_id, ref_observations.c.ref == ref
            )
        ).scalar()
        connection.execute(
            insert(ref_observations).values(
                repository_id=repository_id,
                ref=ref,
                sequence=(sequence or 0) + 1,
                sha=sha,
                before=before.get(ref),
                baseline=baseline,
                observed_at=now,
            )
        )
        if baseline:
            connection.execute(insert(baseline_tips).values(repository_id=repository_id, ref=ref, sha=sha))
    see(connection, repository_id, fresh, now)
    if baseline:
        connection.execute(
            update(repositories).where(repositories.c.id == repository_id).values(baseline_at=now)
        )


def see(connection: Connection, repository_id: str, fresh: Sequence[SeenCommit], now: datetime) -> None:
    """Record commits that are owed a verdict. Those that are known stay as they are."""
    known = seen(connection, repository_id, [commit.sha for commit in fresh])
    rows = [
        {
            "repository_id": repository_id,
            "sha": commit.sha,
            "ref": commit.ref,
            "seen_at": now,
            "author": commit.author,
            "subject": commit.subject,
            "message": commit.message,
            "committed_at": commit.committed_at,
        }
        for commit in fresh
        if commit.sha not in known
    ]
    if rows:
        connection.execute(insert(commits), rows)


def seen(connection: Connection, repository_id: str, shas: Sequence[str]) -> set[str]:
    """Which of these commits are recorded already."""
    found: set[str] = set()
    for start in range(0, len(shas), 500):
        rows = connection.execute(
            select(commits.c.sha).where(
                commits.c.repository_id == repository_id, commits.c.sha.in_(list(shas[start : start + 500]))
            )
        )
        found.update(row.sha for row in rows)
    return found


def all_seen(connection: Connection, repository_id: str) -> list[str]:
    """Every commit that is recorded, and every baseline tip: what a walk for fresh commits hides."""
    tips = select(baseline_tips.c.sha).where(baseline_tips.c.repository_id == repository_id)
    known = select(commits.c.sha).where(commits.c.repository_id == repository_id)
    return [row.sha for row in connection.execute(tips.union(known))]


def unhandled(connection: Connection, repository_id: str) -> list[ObservationRow]:
    """Observations whose events have not become runs yet, oldest first."""
    rows = connection.execute(
        select(
            ref_observations.c.id,
            ref_observations.c.repository_id,
            ref_observations.c.ref,
            ref_observations.c.sha,
            ref_observations.c.before,
            ref_observations.c.baseline,
        )
        .where(ref_observations.c.repository_id == repository_id, ref_observations.c.handled_at.is_(None))
        .order_by(ref_observations.c.id)
    )
    return [ObservationRow(*row) for row in rows]


def fresh_of(connection: Connection, observation_id: int) -> list[str]:
    """The commits that came into view with an observation, oldest first."""
    seen_with = select(
        ref_observations.c.repository_id, ref_observations.c.ref, ref_observations.c.observed_at
    ).where(ref_observations.c.id == observation_id)
    repository_id, ref, observed_at = connection.execute(seen_with).one()
    rows = connection.execute(
        select(commits.c.sha)
        .where(
            commits.c.repository_id == repository_id, commits.c.ref == ref, commits.c.seen_at == observed_at
        )
        .order_by(commits.c.committed_at, commits.c.sha)
    )
    return [row.sha for row in rows]


def repositories_with_unhandled(connection: Connection) -> list[str]:
    """Repositories that have observations to act upon."""
    rows = connection.execute(
        select(ref_observations.c.repository_id).where(ref_observations.c.handled_at.is_(None)).distinct()
    )
    return [row.repository_id for row in rows]


def handled(connection: Connection, ids: Iterable[int], now: datetime) -> None:
    """The events of these observations have become runs."""
    connection.execute(
        update(ref_observations).where(ref_observations.c.id.in_(list(ids))).values(handled_at=now)
    )


def observe_tags(connection: Connection, repository_id: str, tags: Sequence[SeenTag], now: datetime) -> int:
    """Record tags that are new or moved, and mark those that vanished; how many of either."""
    table = tag_observations
    rows = connection.execute(
        select(table.c.id, table.c.name, table.c.tag_object, table.c.vanished_at).where(
            table.c.repository_id == repository_id
        )
    ).all()
    known = {(row.name, row.tag_object): row for row in rows}
    present = {(tag.name, tag.tag_object) for tag in tags}
    changes = 0
    for tag in tags:
        row = known.get((tag.name, tag.tag_object))
        if row is None:
            changes += 1
            connection.execute(
                insert(table).values(
                    repository_id=repository_id,
                    name=tag.name,
                    tag_object=tag.tag_object,
                    target=tag.target,
                    annotated=tag.annotated,
                    tagged_at=tag.tagged_at,
                    tagger=tag.tagger,
                    message=tag.message,
                    first_seen=now,
                )
            )
        elif row.vanished_at is not None:
            changes += 1
            connection.execute(update(table).where(table.c.id == row.id).values(vanished_at=None))
    gone = [row.id for key, row in known.items() if key not in present and row.vanished_at is None]
    if gone:
        connection.execute(update(table).where(table.c.id.in_(gone)).values(vanished_at=now))
    return changes + len(gone)
