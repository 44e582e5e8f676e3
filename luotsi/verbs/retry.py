"""`luotsi retry`: lets a run begin again, in a round of its own. It is in the audit."""

from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection, or_, select

from ledger.rows import AnyRow
from ledger.tables import executions, pipelines, projects, repositories, runs, tasks
from luotsi import in_use, wishes
from luotsi.options import settings_option, wait_option
from schemas.errors import ConfigError
from schemas.values import short

_TABLES: dict[str, Any] = {"#": executions, "!": tasks, "=": pipelines}


@click.command("retry")
@click.argument("what")
@click.option(
    "--commit", default="", help="For a trigger: the commit, or how its id begins. Default: its newest run."
)
@click.option("--repository", default=None, help="Needed only when several repositories have it.")
@wait_option
@settings_option
def command(what: str, commit: str, repository: str | None, wait: float, settings: Path | None) -> None:
    """Let the run of a trigger, an execution (12), a task ('!2') or a pipeline ('=3') begin again, all of it.

    Everything is made anew: nothing of an earlier round is taken, and what it recorded stays. What is still running is
    left alone.

    luotsi retry train --commit 4f3a2b1

    luotsi retry 12

    luotsi retry '=3'
    """
    from luotsi import wiring

    opened = in_use.opened(settings)
    ledger = wiring.ledger_in_use(opened)
    with ledger.read() as connection:
        found = _numbered(connection, what) if _is_number(what) else _of_trigger(connection, what, commit)
    run = _one([row for row in found if repository in (None, row.repository)], what, commit)
    wishes.ask(opened, ledger, "retry", {"run": run.id}, wait)


def _is_number(what: str) -> bool:
    rest = what[1:] if what[:1] in _TABLES else what
    return rest.isascii() and rest.isdigit()


def _numbered(connection: Connection, what: str) -> list[AnyRow]:
    """The runs that an execution, a task or a pipeline of this number belongs to, one a repository and folder."""
    mark = what[:1] if what[:1] in _TABLES else "#"
    table = _TABLES[mark]
    number = int(what.removeprefix(mark))
    rows = connection.execute(
        select(runs.c.id, runs.c.sha, table.c.run_id, repositories.c.name.label("repository"))
        .select_from(table)
        .outerjoin(runs, runs.c.id == table.c.run_id)
        .join(projects, projects.c.id == table.c.project_id)
        .join(repositories, repositories.c.id == projects.c.repository_id)
        .where(table.c.number == number, repositories.c.removed_at.is_(None))
    ).all()
    if rows and all(row.run_id is None for row in rows):
        raise ConfigError(
            f"{mark}{number} belongs to no run: it builds what a stage serves",
            hint="A promotion makes it again: luotsi promote MODEL STAGE",
        )
    return [row for row in rows if row.run_id is not None]


def _of_trigger(connection: Connection, trigger: str, commit: str) -> list[AnyRow]:
    """The newest run of a trigger, at a commit if one is named, of each repository and folder that has it."""
    statement = (
        select(runs.c.id, runs.c.sha, runs.c.project_id, repositories.c.name.label("repository"))
        .join(repositories, repositories.c.id == runs.c.repository_id)
        .join(projects, projects.c.id == runs.c.project_id)
        .where(
            or_(runs.c.trigger == trigger, projects.c.root + ":" + runs.c.trigger == trigger),
            repositories.c.removed_at.is_(None),
        )
        .order_by(runs.c.created_at.desc(), runs.c.id)
    )
    if commit:
        statement = statement.where(runs.c.sha.startswith(commit, autoescape=True))
    newest: dict[tuple[str, str], AnyRow] = {}
    for row in connection.execute(statement.limit(1000)):
        newest.setdefault((row.project_id, row.sha if commit else ""), row)
    return list(newest.values())


def _one(found: list[AnyRow], what: str, commit: str) -> AnyRow:
    if not found:
        where = f" at {commit}" if commit else ""
        raise ConfigError(f"there is no run of {what}{where}", hint="luotsi status shows what there is.")
    if len(found) > 1:
        several = ", ".join(dict.fromkeys(f"{row.repository} at {short(row.sha)}" for row in found[:10]))
        raise ConfigError(
            f"several runs of {what} are meant: {several}",
            hint="Add --repository, more of the commit's id, or the folder: FOLDER:TRIGGER.",
        )
    return found[0]
