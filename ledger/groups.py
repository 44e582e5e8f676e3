"""Which runs stand beside each other: those of one concurrency group, and those that share a check."""

from sqlalchemy import Connection, and_, not_, or_, select

from ledger.runs import COLUMNS, RunRow, row_of
from ledger.tables import executions, runs

OWN_CHECK = ("tag", "schedule")
"""Events whose runs have a check of their own beside the trigger's (see controller/core/status)."""


def members(connection: Connection) -> list[tuple[RunRow, bool]]:
    """Runs of concurrency groups that are open or whose executions have not all ended; whether any execution goes on.

    Oldest first. A group is its repository's own.
    """
    going_on = select(executions.c.run_id).where(
        executions.c.finished_at.is_(None), executions.c.run_id.is_not(None)
    )
    busy = {row.run_id for row in connection.execute(going_on.distinct())}
    rows = connection.execute(
        select(*COLUMNS)
        .where(
            runs.c.concurrency_group.is_not(None),
            or_(runs.c.finished_at.is_(None), runs.c.id.in_(going_on)),
        )
        .order_by(runs.c.created_at, runs.c.id)
    )
    return [(row_of(row), row.id in busy) for row in rows]


def owns_check(connection: Connection, run: RunRow) -> bool:
    """Whether the check is this run's to speak for: the newest trusted run of its trigger, commit and kind of check."""
    own = and_(runs.c.event.in_(OWN_CHECK), runs.c.occurrence != "")
    beside = and_(own, runs.c.event == run.event) if run.event in OWN_CHECK and run.occurrence else not_(own)
    newest = connection.execute(
        select(runs.c.id)
        .where(
            runs.c.project_id == run.project_id,
            runs.c.trigger == run.trigger,
            runs.c.sha == run.sha,
            beside,
        )
        .order_by(runs.c.trust, runs.c.created_at.desc(), runs.c.id.desc())
        .limit(1)
    ).scalar()
    return bool(newest == run.id)
