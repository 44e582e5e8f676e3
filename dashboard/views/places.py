"""From the names in an address to rows of the ledger, or to a 404 that says what is missing."""

from collections.abc import Sequence

from flask import request, url_for
from sqlalchemy import Connection

from dashboard import missing
from dashboard.missing import Missing, Way
from dashboard.words import in_root
from ledger.pages import execution as pages_execution
from ledger.pages import git as pages_git
from ledger.pages.execution import ExecutionFull
from ledger.pages.git import ProjectLine, RepositoryLine


def repository(connection: Connection, name: str) -> RepositoryLine:
    """The repository of this name."""
    found = pages_git.repository(connection, name)
    if found is None:
        raise missing.repository(connection, name)
    return found


def project(connection: Connection, of: RepositoryLine) -> ProjectLine:
    """The project that `?root=` names; without it the one at the top, else the first."""
    projects: Sequence[ProjectLine] = pages_git.all_projects(connection, of.id)
    root = request.args.get("root")
    found = next((each for each in projects if root is None or each.root == root), None)
    if found is None:
        where = f" in {root}" if root else ""
        here = Way(of.name, url_for("dashboard.repository", repository=of.name))
        raise Missing(f"The repository {of.name} has no project{where} yet.", here)
    return found


def execution(
    connection: Connection, name: str, number: int
) -> tuple[RepositoryLine, ProjectLine, ExecutionFull]:
    """The execution with this number in the project that the address names."""
    of = repository(connection, name)
    inside = project(connection, of)
    found = pages_execution.execution(connection, inside.id, number) if number < 2**31 else None
    if found is None:
        lists = missing.of(of, "executions", inside.root)
        raise Missing(f"There is no execution #{number} in {in_root(of.name, inside.root)}.", lists)
    return of, inside, found
