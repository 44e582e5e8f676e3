"""Schedules: up to where the fire times of each have been decided, so that each time is decided once."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, literal, select

from ledger.tables import projects, ref_observations, repositories, schedule_fires

Known = dict[str, tuple[str, datetime]]
"""Trigger -> its rule, and up to where it was considered."""


@dataclass(frozen=True, slots=True)
class Standing:
    """All that says whether a project has to do with the clock. `main`: the head of the default branch, None without one."""

    repository_id: str
    main: str | None
    branch: str
    known: Known

    @property
    def basis(self) -> tuple[object, ...]:
        """The same as one value that can be compared."""
        return self.main, self.branch, tuple(sorted(self.known.items()))


def standing(connection: Connection, branches: str) -> dict[str, Standing]:
    """Project -> how it stands, of every watched repository. `branches` is how refs of branches begin."""
    seen = ref_observations
    main = (
        select(seen.c.sha)
        .where(
            seen.c.repository_id == repositories.c.id,
            seen.c.ref == literal(branches) + repositories.c.default_branch,
        )
        .order_by(seen.c.sequence.desc())
        .limit(1)
        .correlate(repositories)
        .scalar_subquery()
    )
    known: dict[str, Known] = {}
    for row in connection.execute(select(schedule_fires)):
        known.setdefault(row.project_id, {})[row.trigger] = (row.rule, row.considered_at)
    rows = connection.execute(
        select(projects.c.id, projects.c.repository_id, main.label("main"), repositories.c.default_branch)
        .join(repositories, repositories.c.id == projects.c.repository_id)
        .where(repositories.c.removed_at.is_(None))
    )
    return {
        row.id: Standing(row.repository_id, row.main, row.default_branch, known.get(row.id, {}))
        for row in rows
    }


def of_project(connection: Connection, project_id: str) -> Known:
    """Trigger -> its rule, and up to where it was considered."""
    rows = connection.execute(
        select(schedule_fires.c.trigger, schedule_fires.c.rule, schedule_fires.c.considered_at).where(
            schedule_fires.c.project_id == project_id
        )
    )
    return {row.trigger: (row.rule, row.considered_at) for row in rows}


def consider(connection: Connection, project_id: str, trigger: str, rule: str, until: datetime) -> None:
    """The rule's fire times are decided up to here."""
    forget(connection, project_id, trigger)
    connection.execute(
        insert(schedule_fires).values(project_id=project_id, trigger=trigger, rule=rule, considered_at=until)
    )


def forget(connection: Connection, project_id: str, trigger: str) -> None:
    """The trigger has no schedule any more: should it come back, it begins anew."""
    connection.execute(
        delete(schedule_fires).where(
            schedule_fires.c.project_id == project_id, schedule_fires.c.trigger == trigger
        )
    )
