"""What pages show of git: repositories, commits, the verdicts on them, their snapshots and tags."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, func, literal, select, tuple_

from ledger import pages
from ledger.pages import Page
from ledger.tables import (
    commits,
    projects,
    ref_observations,
    repositories,
    snapshots,
    tag_observations,
    verdicts,
)


@dataclass(frozen=True, slots=True)
class RepositoryLine:
    """A watched repository. `trouble` says why the last look failed; None when it was answered."""

    id: str
    name: str
    address: str
    forge: str
    default_branch: str
    added_at: datetime
    looked_at: datetime | None
    trouble: str | None
    trouble_since: datetime | None


@dataclass(frozen=True, slots=True)
class ProjectLine:
    """One valohai.yaml of a repository; `root` is its folder."""

    id: str
    root: str
    name: str


@dataclass(frozen=True, slots=True)
class CommitLine:
    """A commit as a list shows it. `judged_at` is None until every project has its verdict."""

    repository_id: str
    repository: str
    sha: str
    ref: str
    author: str
    subject: str
    seen_at: datetime
    committed_at: datetime | None
    judged_at: datetime | None


@dataclass(frozen=True, slots=True)
class VerdictMark:
    """The word on one project's config at a commit."""

    repository_id: str
    root: str
    sha: str
    state: str
    summary: str
    judged_at: datetime


@dataclass(frozen=True, slots=True)
class VerdictFull:
    """A verdict with every problem, and the file as it was judged."""

    root: str
    state: str
    summary: str
    problems: list[dict[str, Any]]
    text: str | None
    judged_at: datetime


@dataclass(frozen=True, slots=True)
class RefusedConfig:
    """A config that does not hold where people work now: at a repository's newest commit, or at its default branch."""

    repository: str
    root: str
    sha: str
    ref: str
    state: str
    summary: str
    judged_at: datetime


@dataclass(frozen=True, slots=True)
class SnapshotLine:
    """The archive of a commit. `digest` is over the uncompressed tar, `size` counts the stored bytes."""

    digest: str
    size: int
    files: int
    made_at: datetime


@dataclass(frozen=True, slots=True)
class TagLine:
    """A tag as it was observed, and what the registry made of it."""

    name: str
    tagger: str
    annotated: bool
    decision: str | None
    reason: str | None
    first_seen: datetime
    vanished_at: datetime | None


_WATCHED = 500
"""Repositories at whose newest commits is looked at once."""


def all_repositories(
    connection: Connection, after: str = "", size: int = pages.SIZE
) -> tuple[RepositoryLine, ...]:
    """Watched repositories by name, those behind `after`."""
    statement = select(repositories).where(repositories.c.removed_at.is_(None), repositories.c.name > after)
    return pages.rows(connection, statement.order_by(repositories.c.name).limit(size), RepositoryLine)


def repository(connection: Connection, name: str) -> RepositoryLine | None:
    """A repository by its name; also one that is no longer watched, whose history stays."""
    return pages.first(connection, select(repositories).where(repositories.c.name == name), RepositoryLine)


def troubled(connection: Connection, size: int = 20) -> tuple[RepositoryLine, ...]:
    """Repositories whose last look failed, the longest in trouble first."""
    statement = select(repositories).where(
        repositories.c.trouble.is_not(None), repositories.c.removed_at.is_(None)
    )
    return pages.rows(
        connection, statement.order_by(repositories.c.trouble_since).limit(size), RepositoryLine
    )


def all_projects(connection: Connection, repository_id: str) -> tuple[ProjectLine, ...]:
    """The projects of a repository; the one at the top comes first."""
    statement = select(projects).where(projects.c.repository_id == repository_id)
    return pages.rows(connection, statement.order_by(projects.c.root), ProjectLine)


@cache
def _commits() -> Select[Any]:
    return select(
        commits.c.repository_id,
        repositories.c.name.label("repository"),
        commits.c.sha,
        commits.c.ref,
        commits.c.author,
        commits.c.subject,
        commits.c.seen_at,
        commits.c.committed_at,
        commits.c.judged_at,
    ).join(repositories, repositories.c.id == commits.c.repository_id)


def latest_commits(
    connection: Connection,
    repository_id: str | None = None,
    before: str | None = None,
    size: int = pages.SIZE,
    author: str | None = None,
) -> Page[CommitLine]:
    """Commits (of an author), last seen first; those seen together by their own dates."""
    statement = _commits()
    if author is not None:
        statement = statement.where(commits.c.author == author)
    if repository_id is not None:
        statement = statement.where(commits.c.repository_id == repository_id)
    dated = func.coalesce(commits.c.committed_at, commits.c.seen_at, type_=commits.c.seen_at.type)
    keys = (commits.c.seen_at, dated, commits.c.sha, commits.c.repository_id)
    return pages.turn(connection, statement, keys, CommitLine, before, size)


def commit(connection: Connection, repository_id: str, sha: str) -> CommitLine | None:
    """One commit by its whole id."""
    where = (commits.c.repository_id == repository_id) & (commits.c.sha == sha)
    return pages.first(connection, _commits().where(where), CommitLine)


def commits_named(
    connection: Connection, prefix: str, repository_ids: Sequence[str], size: int = 20
) -> tuple[CommitLine, ...]:
    """Commits of these repositories whose id begins with `prefix` (lower-case hex)."""
    end = prefix + "g"  # sorts behind every hex digit
    where = (commits.c.repository_id.in_(repository_ids), commits.c.sha >= prefix, commits.c.sha < end)
    return pages.rows(connection, _commits().where(*where).limit(size), CommitLine)


def verdict_marks(
    connection: Connection, shas: Sequence[str], repository_ids: Sequence[str]
) -> tuple[VerdictMark, ...]:
    """The verdicts on some commits of some repositories."""
    statement = (
        select(
            projects.c.repository_id,
            projects.c.root,
            verdicts.c.sha,
            verdicts.c.state,
            verdicts.c.summary,
            verdicts.c.judged_at,
        )
        .join(projects, projects.c.id == verdicts.c.project_id)
        .where(projects.c.repository_id.in_(set(repository_ids)), verdicts.c.sha.in_(set(shas)))
        .order_by(projects.c.root)
    )
    return pages.rows(connection, statement, VerdictMark)


def verdicts_of(connection: Connection, repository_id: str, sha: str) -> tuple[VerdictFull, ...]:
    """Every verdict on one commit, with its problems."""
    columns = (
        projects.c.root,
        verdicts.c.state,
        verdicts.c.summary,
        verdicts.c.problems,
        verdicts.c.text,
        verdicts.c.judged_at,
    )
    statement = (
        select(*columns)
        .join(projects, projects.c.id == verdicts.c.project_id)
        .where(projects.c.repository_id == repository_id, verdicts.c.sha == sha)
        .order_by(projects.c.root)
    )
    return pages.rows(connection, statement, VerdictFull)


def refused_configs(connection: Connection, size: int = 20) -> tuple[RefusedConfig, ...]:
    """Verdicts of failure or error on the newest commits of watched repositories and on the heads of default branches."""
    tips = {(row.id, sha) for row in connection.execute(_tips()) for sha in (row.newest, row.head) if sha}
    if not tips:
        return ()
    statement = (
        select(
            repositories.c.name.label("repository"),
            projects.c.root,
            verdicts.c.sha,
            commits.c.ref,
            verdicts.c.state,
            verdicts.c.summary,
            verdicts.c.judged_at,
        )
        .join(projects, projects.c.repository_id == repositories.c.id)
        .join(verdicts, verdicts.c.project_id == projects.c.id)
        .join(commits, (commits.c.repository_id == repositories.c.id) & (commits.c.sha == verdicts.c.sha))
        .where(
            repositories.c.id.in_({id for id, _ in tips}),
            verdicts.c.sha.in_({sha for _, sha in tips}),
            tuple_(repositories.c.id, verdicts.c.sha).in_(
                tips
            ),  # the same commit may be an old one elsewhere
            verdicts.c.state.in_(("failure", "error")),
        )
        .order_by(repositories.c.name, projects.c.root, verdicts.c.judged_at.desc())
    )
    return pages.rows(connection, statement.limit(size), RefusedConfig)


def _tips() -> Select[Any]:
    """(id, newest, head) of watched repositories: the commit seen last, and the default branch's."""
    dated = func.coalesce(commits.c.committed_at, commits.c.seen_at)
    newest = select(commits.c.sha).where(commits.c.repository_id == repositories.c.id)
    newest = newest.order_by(commits.c.seen_at.desc(), dated.desc(), commits.c.sha.desc()).limit(1)
    head = select(ref_observations.c.sha).where(
        ref_observations.c.repository_id == repositories.c.id,
        ref_observations.c.ref == literal("refs/heads/").concat(repositories.c.default_branch),
    )
    head = head.order_by(ref_observations.c.sequence.desc()).limit(1)
    return (
        select(
            repositories.c.id,
            newest.scalar_subquery().label("newest"),
            head.scalar_subquery().label("head"),
        )
        .where(repositories.c.removed_at.is_(None))
        .order_by(repositories.c.name)
        .limit(_WATCHED)
    )


def message(connection: Connection, repository_id: str, sha: str) -> str:
    """The whole message of a commit."""
    statement = select(commits.c.message).where(
        commits.c.repository_id == repository_id, commits.c.sha == sha
    )
    return str(connection.execute(statement).scalar() or "")


def snapshot(connection: Connection, repository_id: str, sha: str) -> SnapshotLine | None:
    """The archive of a commit, None until it is made."""
    where = (snapshots.c.repository_id == repository_id) & (snapshots.c.sha == sha)
    return pages.first(connection, select(snapshots).where(where), SnapshotLine)


def tags_at(connection: Connection, repository_id: str, sha: str, size: int = 20) -> tuple[TagLine, ...]:
    """Tags that were seen at a commit, the newest first."""
    statement = (
        select(tag_observations)
        .where(tag_observations.c.repository_id == repository_id, tag_observations.c.target == sha)
        .order_by(tag_observations.c.id.desc())
        .limit(size)
    )
    return pages.rows(connection, statement, TagLine)
