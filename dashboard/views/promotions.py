"""What is served, what is on its way, which tags have no effect yet and why, and what was before."""

from flask import request

from dashboard.answers import Answer
from dashboard.parts import DashboardParts
from ledger.pages import git as pages_git
from ledger.pages import registry as pages_registry
from ledger.pages import tags as pages_tags


def listing(parts: DashboardParts) -> Answer:
    """Every stage with the version it serves, the versions registered last, and the history."""
    before = request.args.get("before")
    with parts.ledger.read() as connection:
        history = pages_registry.history(connection, before)
        data = {
            "serving": () if before else pages_registry.current(connection),
            "open_tags": () if before else pages_tags.open_tags(connection),
            "versions": () if before else pages_registry.latest_versions(connection),
            "history": history.rows,
            "older": history.older,
        }
        repositories = pages_git.all_repositories(connection, size=1)
    return Answer(
        "promotions.html", data, {"any_repository": bool(repositories), "first_page": before is None}
    )
