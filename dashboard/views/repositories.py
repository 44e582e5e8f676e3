"""The watched repositories, and one of them at a glance."""

from flask import request

from dashboard.answers import Answer
from dashboard.parts import DashboardParts
from dashboard.views import commits, places
from ledger import pages
from ledger.pages import deployments as pages_deployments
from ledger.pages import git as pages_git
from ledger.pages import registry as pages_registry
from ledger.pages import work as pages_work


def listing(parts: DashboardParts) -> Answer:
    """Every watched repository by name."""
    after = request.args.get("after", "")
    with parts.ledger.read() as connection:
        found = pages_git.all_repositories(connection, after)
    more = found[-1].name if len(found) == pages.SIZE else None
    return Answer("repositories.html", {"repositories": found, "more": more})


def one(parts: DashboardParts, repository: str) -> Answer:
    """One repository: whether it can be reached, its last runs, and what it serves."""
    with parts.ledger.read() as connection:
        of = places.repository(connection, repository)
        data = {
            "repository": of,
            "projects": pages_git.all_projects(connection, of.id),
            "runs": pages_work.latest_runs(connection, of.id, size=12).rows,
            "commits": commits.rows_of(connection, pages_git.latest_commits(connection, of.id, size=12).rows),
            "serving": pages_registry.current(connection, of.id),
            "deployments": pages_deployments.current(connection, of.id, size=12),
        }
    return Answer("repository.html", data)
