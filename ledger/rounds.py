"""Rounds of runs: a person's retry opens the next one. What earlier rounds made stays as it is, in rows and in records."""

from datetime import datetime

from sqlalchemy import Connection, select, update

from ledger.runs import COLUMNS, RunRow, by_id, row_of
from ledger.tables import projects, runs
from schemas.states import RunState


def of_commit(connection: Connection, repository_id: str, sha: str) -> list[RunRow]:
    """Every run at a commit of a repository, oldest first."""
    mine = select(projects.c.id).where(projects.c.repository_id == repository_id)
    rows = connection.execute(
        select(*COLUMNS)
        .where(runs.c.project_id.in_(mine), runs.c.sha == sha)
        .order_by(runs.c.created_at, runs.c.id)
    )
    return [row_of(row) for row in rows]


def open_next(
    connection: Connection,
    run: RunRow,
    reason: str,
    now: datetime,
    group: str | None = None,
    approval_id: str | None = None,
) -> RunRow | None:
    """Open the next round of a final run; the run as it then is. None when it goes on, or has begun another round already.

    In its concurrency group it takes its place among the runs that are created now. `group`, `approval_id`: what it has
    from now on.
    """
    changed = connection.execute(
        update(runs)
        .where(runs.c.id == run.id, runs.c.round == run.round, runs.c.finished_at.is_not(None))
        .values(
            state=RunState.WAITING,
            reason=reason,
            round=run.round + 1,
            gate=None,
            concurrency_group=group,
            approval_id=approval_id,
            created_at=now,
            finished_at=None,
        )
    )
    return by_id(connection, run.id) if changed.rowcount else None
