"""What a controller in a test has judged, and what it still owes."""

from sqlalchemy import select

from controller.watching import coverage, observe
from ledger import tables
from tests.builders.pull_mind import PullMind


def judged(mind: PullMind) -> dict[str, str]:
    """Commit -> state of its verdict."""
    with mind.ports.ledger.read() as connection:
        rows = connection.execute(select(tables.verdicts.c.sha, tables.verdicts.c.state)).all()
    return {row.sha: row.state for row in rows}


def covered(mind: PullMind) -> coverage.Coverage:
    """As `luotsi coverage` finds it."""
    repository = mind.repository()
    with mind.ports.ledger.read() as connection:
        mirror = observe.mirror_of(mind.ports, repository)
        return coverage.of_repository(connection, repository, mirror, None)
