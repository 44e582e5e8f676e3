"""Names for data in a repository: versions of datasets, candidates of models, and files that go by a name."""

from flask import request

from dashboard.answers import Answer
from dashboard.parts import DashboardParts
from dashboard.views import places
from ledger.pages import data as pages_data


def listing(parts: DashboardParts, repository: str) -> Answer:
    """What executions of the repository have named, and which of them did."""
    before = request.args.get("before")
    with parts.ledger.read() as connection:
        of = places.repository(connection, repository)
        datasets = pages_data.latest_datasets(connection, of.id, before)
        data = {
            "repository": of,
            "datasets": datasets.rows,
            "candidates": () if before else pages_data.latest_candidates(connection, of.id),
            "aliases": () if before else pages_data.all_aliases(connection, of.id),
            "older": datasets.older,
        }
    return Answer("data.html", data, {"first_page": before is None})
