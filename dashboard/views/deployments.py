"""What a repository's pipelines deploy: what serves, where and by which names, and what was before."""

from collections.abc import Sequence

from flask import request

from dashboard.answers import Answer
from dashboard.parts import DashboardParts
from dashboard.views import places
from ledger.pages import deployments as pages_deployments
from ledger.pages.deployments import DeploymentLine


def listing(parts: DashboardParts, repository: str) -> Answer:
    """Every deployment of a repository with its versions that serve or are on their way, and those that are over."""
    before = request.args.get("before")
    with parts.ledger.read() as connection:
        of = places.repository(connection, repository)
        live = () if before else pages_deployments.current(connection, of.id)
        over = pages_deployments.over(connection, of.id, before)
    data = {"repository": of, "deployments": live, "over": over.rows, "older": over.older}
    drawn = {
        "groups": grouped(live),
        "addresses": {each.id: aliased(each) for each in live},
        "first_page": not before,
    }
    return Answer("deployments.html", data, drawn)


def grouped(lines: Sequence[DeploymentLine]) -> list[tuple[str, str, list[DeploymentLine]]]:
    """(folder, deployment, versions): versions of one deployment together, in their order."""
    found: dict[tuple[str, str], list[DeploymentLine]] = {}
    for line in lines:
        found.setdefault((line.root, line.deployment), []).append(line)
    return [(root, name, versions) for (root, name), versions in found.items()]


def aliased(line: DeploymentLine) -> dict[str, list[tuple[str, str]]]:
    """Endpoint -> (alias, address): where it is called by a name that moves on with later versions."""
    own = f"/{line.deployment}/{line.name}/"
    return {
        endpoint.name: [
            (alias, endpoint.address.replace(own, f"/{line.deployment}/{alias}/")) for alias in line.aliases
        ]
        for endpoint in line.endpoints
        if endpoint.address.count(own) == 1
    }
