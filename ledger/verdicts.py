"""Commits, their snapshots and their verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from ledger.pieces import pieces
from ledger.tables import commits, projects, snapshots, verdicts


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """Where a commit's archive lies, and what it is."""

    key: str
    digest: str
    size: int
    files: int


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """The final word on a commit's config. `text` is the file as it was judged; None where there is none."""

    project_id: str
    sha: str
    state: str
    summary: str
    problems: tuple[dict[str, Any], ...]
    text: str | None


def unjudged(connection: Connection, limit: int) -> list[tuple[str, str]]:
    """(repository, commit) that are owed a verdict: the first of each repository, then the second of each, and so on.

    Within a repository, and between those in turn, in the order in which they were seen.
    """
    order = (commits.c.seen_at, commits.c.committed_at, commits.c.sha)
    turn = func.row_number().over(partition_by=commits.c.repository_id, order_by=order).label("turn")
    rows = connection.execute(
        select(commits.c.repository_id, commits.c.sha, turn)
        .where(commits.c.judged_at.is_(None))
        .order_by(turn, *order)
        .limit(limit)
    )
    return [(row.repository_id, row.sha) for row in rows]


def is_judged(connection: Connection, repository_id: str, sha: str) -> bool:
    """Whether the commit has its verdicts."""
    where = (
        (commits.c.repository_id == repository_id) & (commits.c.sha == sha) & commits.c.judged_at.is_not(None)
    )
    return connection.execute(select(commits.c.sha).where(where)).first() is not None


def message_of(connection: Connection, repository_id: str, sha: str) -> str:
    """The commit's message; empty for one that was never seen."""
    where = (commits.c.repository_id == repository_id) & (commits.c.sha == sha)
    return connection.execute(select(commits.c.message).where(where)).scalar() or ""


def author_of(connection: Connection, repository_id: str, sha: str) -> tuple[str, str]:
    """Name and e-mail address of a commit's author; empty for one that was never seen."""
    where = (commits.c.repository_id == repository_id) & (commits.c.sha == sha)
    author = connection.execute(select(commits.c.author).where(where)).scalar() or ""
    name, _, rest = author.rpartition(" <")
    return (name, rest.removesuffix(">")) if rest.endswith(">") else (author, "")


def judged_projects(connection: Connection, repository_id: str, sha: str) -> set[str]:
    """The projects of a repository that have their verdict on a commit."""
    rows = connection.execute(
        select(verdicts.c.project_id)
        .join(projects, projects.c.id == verdicts.c.project_id)
        .where(projects.c.repository_id == repository_id, verdicts.c.sha == sha)
    )
    return {row.project_id for row in rows}


def owe(connection: Connection, repository_id: str, project_id: str, shas: Sequence[str]) -> None:
    """Judge those of these commits again on which a project has no verdict: its root was added after they came."""
    for some in pieces(shas):
        judged = select(verdicts.c.sha).where(verdicts.c.project_id == project_id, verdicts.c.sha.in_(some))
        connection.execute(
            update(commits)
            .where(
                commits.c.repository_id == repository_id,
                commits.c.sha.in_(some),
                commits.c.sha.not_in(judged),
            )
            .values(judged_at=None)
        )


def keep(
    connection: Connection,
    repository_id: str,
    sha: str,
    snapshot: SnapshotRow | None,
    found: Sequence[VerdictRow],
    now: datetime,
) -> None:
    """Record a commit's snapshot (None: it could not be made) and one verdict a project. Each is final: what is there stays."""
    if snapshot is not None and _no_snapshot(connection, repository_id, sha):
        connection.execute(
            insert(snapshots).values(
                repository_id=repository_id,
                sha=sha,
                key=snapshot.key,
                digest=snapshot.digest,
                size=snapshot.size,
                files=snapshot.files,
                made_at=now,
            )
        )
    there = judged_projects(connection, repository_id, sha)
    for verdict in (one for one in found if one.project_id not in there):
        connection.execute(
            insert(verdicts).values(
                project_id=verdict.project_id,
                sha=sha,
                state=verdict.state,
                summary=verdict.summary,
                problems=list(verdict.problems),
                text=verdict.text,
                judged_at=now,
            )
        )
    connection.execute(
        update(commits)
        .where(commits.c.repository_id == repository_id, commits.c.sha == sha)
        .values(judged_at=now)
    )


def _no_snapshot(connection: Connection, repository_id: str, sha: str) -> bool:
    where = (snapshots.c.repository_id == repository_id) & (snapshots.c.sha == sha)
    return connection.execute(select(snapshots.c.key).where(where)).first() is None


def snapshot(connection: Connection, repository_id: str, sha: str) -> SnapshotRow | None:
    """A commit's archive."""
    where = (snapshots.c.repository_id == repository_id) & (snapshots.c.sha == sha)
    row = connection.execute(
        select(snapshots.c.key, snapshots.c.digest, snapshots.c.size, snapshots.c.files).where(where)
    ).first()
    return None if row is None else SnapshotRow(*row)


def of_project(connection: Connection, project_id: str, sha: str) -> VerdictRow | None:
    """A project's verdict on a commit."""
    row = connection.execute(
        select(verdicts).where(verdicts.c.project_id == project_id, verdicts.c.sha == sha)
    ).first()
    if row is None:
        return None
    return VerdictRow(row.project_id, row.sha, row.state, row.summary, tuple(row.problems), row.text)


def repository_of(connection: Connection, project_id: str) -> str:
    """The repository that a project belongs to."""
    found: str = connection.execute(
        select(projects.c.repository_id).where(projects.c.id == project_id)
    ).scalar_one()
    return found
