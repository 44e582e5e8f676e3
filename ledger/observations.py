"""Observations of refs and tags, and the commits that came into view with them. Never changed, only added."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, and_, delete, func, insert, select, update

from ledger.pieces import pieces
from ledger.tables import (
    baseline_tips,
    commits,
    events,
    projects,
    ref_observations,
    repositories,
    tag_observations,
    verdicts,
)

VANISHED = "vanished: "
"""How the sentence of a verdict begins on a commit that could not be had. It is taken back when the commit comes."""


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
    return {ref: sha for ref, (sha, _) in _last(connection, repository_id).items() if sha is not None}


def _last(connection: Connection, repository_id: str) -> dict[str, tuple[str | None, int]]:
    """Ref -> commit and number of its last observation; refs that are gone too."""
    last = (
        select(ref_observations.c.ref, func.max(ref_observations.c.sequence).label("sequence"))
        .where(ref_observations.c.repository_id == repository_id)
        .group_by(ref_observations.c.ref)
        .subquery()
    )
    rows = connection.execute(
        select(ref_observations.c.ref, ref_observations.c.sha, ref_observations.c.sequence).join(
            last,
            and_(
                last.c.ref == ref_observations.c.ref,
                last.c.sequence == ref_observations.c.sequence,
                ref_observations.c.repository_id == repository_id,
            ),
        )
    )
    return {row.ref: (row.sha, row.sequence) for row in rows}


def head(connection: Connection, repository_id: str, ref: str) -> str | None:
    """The commit of one ref, as its last observation left it; None when it is gone, or was never seen."""
    sha: str | None = connection.execute(
        select(ref_observations.c.sha)
        .where(ref_observations.c.repository_id == repository_id, ref_observations.c.ref == ref)
        .order_by(ref_observations.c.sequence.desc())
        .limit(1)
    ).scalar()
    return sha


def observe(
    connection: Connection,
    repository_id: str,
    changes: Mapping[str, str | None],
    fresh: Sequence[SeenCommit],
    now: datetime,
    baseline: bool = False,
    known: Collection[str] = (),
) -> None:
    """Record what a look found: each changed ref (None: gone) and each commit that came into view, in one transaction.

    `known` refs were seen before they were observed: they start nothing, as those of a baseline.
    """
    last = _last(connection, repository_id) if changes else {}
    rows = [
        {
            "repository_id": repository_id,
            "ref": ref,
            "sequence": last.get(ref, (None, 0))[1] + 1,
            "sha": sha,
            "before": last.get(ref, (None, 0))[0],
            "baseline": baseline or ref in known,
            "observed_at": now,
        }
        for ref, sha in changes.items()
    ]
    if rows:
        connection.execute(insert(ref_observations), rows)
    if rows and baseline:
        tips = [{"repository_id": repository_id, "ref": ref, "sha": sha} for ref, sha in changes.items()]
        connection.execute(insert(baseline_tips), tips)
    see(connection, repository_id, fresh, now)
    if baseline:
        connection.execute(
            update(repositories).where(repositories.c.id == repository_id).values(baseline_at=now)
        )


def see(connection: Connection, repository_id: str, fresh: Sequence[SeenCommit], now: datetime) -> None:
    """Record commits that are owed a verdict. Those that are known stay as they are, but what had vanished is judged after all."""
    known = seen(connection, repository_id, [commit.sha for commit in fresh])
    back = vanished(connection, repository_id, [commit.sha for commit in fresh if commit.sha in known])
    for commit in fresh:
        if commit.sha in back and commit.committed_at is not None:
            _take_back(connection, repository_id, commit)
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
    for some in pieces(shas):
        mine = (commits.c.repository_id == repository_id, commits.c.sha.in_(some))
        found.update(connection.scalars(select(commits.c.sha).where(*mine)))
    return found


def vanished(connection: Connection, repository_id: str, shas: Sequence[str]) -> set[str]:
    """Which of these commits have the one verdict that is not for ever: that they could not be had."""
    found: set[str] = set()
    for some in pieces(shas):
        found |= set(connection.scalars(_vanished(repository_id).where(verdicts.c.sha.in_(some))))
    return found


def _vanished(repository_id: str) -> Select[tuple[str]]:
    return (
        select(verdicts.c.sha)
        .join(projects, projects.c.id == verdicts.c.project_id)
        .where(
            projects.c.repository_id == repository_id,
            verdicts.c.state == "error",
            verdicts.c.summary.startswith(VANISHED, autoescape=True),
        )
    )


def _take_back(connection: Connection, repository_id: str, commit: SeenCommit) -> None:
    """A commit that could not be had is here: it is judged, and the pull requests at it are decided again."""
    mine = select(projects.c.id).where(projects.c.repository_id == repository_id)
    connection.execute(
        delete(verdicts).where(
            verdicts.c.project_id.in_(mine),
            verdicts.c.sha == commit.sha,
            verdicts.c.summary.startswith(VANISHED, autoescape=True),
        )
    )
    connection.execute(
        update(commits)
        .where(commits.c.repository_id == repository_id, commits.c.sha == commit.sha)
        .values(
            judged_at=None,
            ref=commit.ref,
            author=commit.author,
            subject=commit.subject,
            message=commit.message,
            committed_at=commit.committed_at,
        )
    )
    connection.execute(
        update(events)
        .where(
            events.c.repository_id == repository_id,
            events.c.kind == "pull-request",
            events.c.key.like(f"%:{commit.sha}:%"),
        )
        .values(handled_at=None)
    )


def heads_ever(connection: Connection, repository_id: str) -> list[str]:
    """What every ref ever led to at a look: what a walk for fresh commits hides.

    Not what events named: the head of a fork's pull request is known alone, and what lies before it comes with the merge.
    """
    tips = select(baseline_tips.c.sha).where(baseline_tips.c.repository_id == repository_id)
    heads = select(ref_observations.c.sha).where(
        ref_observations.c.repository_id == repository_id, ref_observations.c.sha.is_not(None)
    )
    return [row.sha for row in connection.execute(tips.union(heads))]


def unhandled(connection: Connection, repository_id: str, limit: int = 1000) -> list[ObservationRow]:
    """Observations whose events have not become runs yet, oldest first, `limit` at most."""
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
        .limit(limit)
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


def tags_seen(connection: Connection, repository_id: str) -> dict[str, str]:
    """Name -> commit of the tags that are there, as the last look recorded them."""
    rows = connection.execute(
        select(tag_observations.c.name, tag_observations.c.target)
        .where(tag_observations.c.repository_id == repository_id, tag_observations.c.vanished_at.is_(None))
        .order_by(tag_observations.c.id)
    )
    return {row.name: row.target for row in rows}


def ref_of(connection: Connection, repository_id: str, sha: str) -> str | None:
    """Where a commit was first seen; None for one that was not."""
    ref: str | None = connection.execute(
        select(commits.c.ref).where(commits.c.repository_id == repository_id, commits.c.sha == sha)
    ).scalar()
    return ref


def observe_tags(connection: Connection, repository_id: str, tags: Sequence[SeenTag], now: datetime) -> int:
    """Record tags that are new or moved, and mark those that vanished; how many of either."""
    table = tag_observations
    rows = connection.execute(
        select(table.c.id, table.c.name, table.c.tag_object, table.c.vanished_at).where(
            table.c.repository_id == repository_id
        )
    ).all()
    known = {(row.name, row.tag_object): row for row in rows}
    present = {(tag.name, tag.tag_object): tag for tag in tags}
    new = [
        {
            "repository_id": repository_id,
            "name": tag.name,
            "tag_object": tag.tag_object,
            "target": tag.target,
            "annotated": tag.annotated,
            "tagged_at": tag.tagged_at,
            "tagger": tag.tagger,
            "message": tag.message,
            "first_seen": now,
        }
        for key, tag in present.items()
        if key not in known
    ]
    if new:
        connection.execute(insert(table), new)
    back = [row.id for key, row in known.items() if key in present and row.vanished_at is not None]
    gone = [row.id for key, row in known.items() if key not in present and row.vanished_at is None]
    for ids, vanished_at in ((back, None), (gone, now)):
        for some in pieces(ids):
            connection.execute(update(table).where(table.c.id.in_(some)).values(vanished_at=vanished_at))
    return len(new) + len(back) + len(gone)
