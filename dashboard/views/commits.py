"""Commits with their verdicts and runs, and one commit with everything that was made of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import request
from sqlalchemy import Connection

from dashboard import missing
from dashboard.answers import Answer
from dashboard.missing import Missing
from dashboard.parts import DashboardParts
from dashboard.views import places
from ledger.pages import git as pages_git
from ledger.pages import registry as pages_registry
from ledger.pages import tags as pages_tags
from ledger.pages import work as pages_work
from ledger.pages.git import CommitLine, VerdictMark
from ledger.pages.work import RunLine
from schemas.excerpts import excerpts


@dataclass(frozen=True, slots=True)
class CommitRow:
    """A commit with the word on each of its projects, and its runs."""

    commit: CommitLine
    verdicts: tuple[VerdictMark, ...]
    runs: tuple[RunLine, ...]


def listing(parts: DashboardParts, repository: str | None = None) -> Answer:
    """Commits, last seen first: everywhere, or of one repository; `?author=` names who wrote them."""
    author = request.args.get("author")
    with parts.ledger.read() as connection:
        of = places.repository(connection, repository) if repository is not None else None
        page = pages_git.latest_commits(
            connection, of.id if of else None, request.args.get("before"), author=author
        )
        rows = rows_of(connection, page.rows)
    data = {"repository": of, "author": author, "commits": rows, "older": page.older}
    return Answer("commits.html", data)


def rows_of(connection: Connection, commits: Sequence[CommitLine]) -> list[CommitRow]:
    """Commits with their verdicts and runs."""
    shas = [commit.sha for commit in commits]
    owners = [commit.repository_id for commit in commits]
    verdicts = pages_git.verdict_marks(connection, shas, owners) if shas else ()
    runs = pages_work.runs_at(connection, shas, owners) if shas else ()
    return [
        CommitRow(
            commit,
            tuple(v for v in verdicts if (v.repository_id, v.sha) == (commit.repository_id, commit.sha)),
            _newest([r for r in runs if (r.repository_id, r.sha) == (commit.repository_id, commit.sha)]),
        )
        for commit in commits
    ]


def _newest(runs: Sequence[RunLine]) -> tuple[RunLine, ...]:
    """The newest run of each trigger, by name: the one that owns the check."""
    first: dict[tuple[str, str], RunLine] = {}
    for run in runs:
        first.setdefault((run.project_id, run.trigger), run)
    return tuple(sorted(first.values(), key=lambda run: (run.root, run.trigger)))


def one(parts: DashboardParts, repository: str, sha: str) -> Answer:
    """One commit: the verdict first, then what ran, then what is kept of it."""
    with parts.ledger.read() as connection:
        of = places.repository(connection, repository)
        commit = pages_git.commit(connection, of.id, sha)
        if commit is None:
            raise Missing(f"The commit {sha} has not been seen in {of.name}.", missing.of(of, "commits"))
        verdicts = pages_git.verdicts_of(connection, of.id, sha)
        tags = pages_git.tags_at(connection, of.id, sha)
        open_tags = pages_tags.open_at(connection, of.name, sha)
        data = {
            "repository": of,
            "commit": commit,
            "message": pages_git.message(connection, of.id, sha),
            "verdicts": verdicts,
            "runs": pages_work.runs_at(connection, [sha], [of.id]),
            "snapshot": pages_git.snapshot(connection, of.id, sha),
            "tags": tags,
            "open_tags": open_tags,
            "promotions": pages_registry.promotions_at(connection, of.id, sha),
        }
    names = {tag.name for tag in open_tags}
    drawn = {
        "excerpts": [excerpts(each.problems, each.text) for each in verdicts],
        "settled": [tag for tag in tags if tag.vanished_at or tag.name not in names],
    }
    return Answer("commit.html", data, drawn)
