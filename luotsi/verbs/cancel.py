"""`luotsi cancel`: asks that an execution, a task or a pipeline ends. Operator verbs are run on the controller's host and are in the audit."""

import getpass
import json
import uuid
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection, Row, select

from ledger import inbox
from ledger.tables import executions, pipelines, projects, repositories, tasks
from luotsi import in_use, terminal
from luotsi.options import settings_option
from queues import wake
from queues.connection import connect
from schemas import moments
from schemas.errors import ConfigError

_KINDS: dict[str, tuple[str, Any]] = {
    "#": ("execution", executions),
    "!": ("task", tasks),
    "=": ("pipeline", pipelines),
}


@click.command("cancel")
@click.argument("number")
@click.option("--repository", default=None, help="Needed only when several repositories have that number.")
@settings_option
def command(number: str, repository: str | None, settings: Path | None) -> None:
    """Stop an execution, or a task or pipeline with all of its executions: SIGTERM, ten seconds, SIGKILL.

    What they had stored by then is kept. In a shell the mark of a task or a pipeline is quoted.

    luotsi cancel 12

    luotsi cancel '!2'

    luotsi cancel '=3'
    """
    from luotsi import wiring

    mark = number[:1] if number[:1] in _KINDS else "#"
    kind, _ = _KINDS[mark]
    wanted = number.removeprefix(mark)
    if not (wanted.isascii() and wanted.isdigit()):
        raise ConfigError(
            f"{number} is not the number of an execution, a task or a pipeline",
            hint="Like this: luotsi cancel 12",
        )
    opened = in_use.opened(settings)
    ledger = wiring.ledger_in_use(opened)
    with ledger.read() as connection:
        found = _find(connection, mark, int(wanted), repository)
    if found.finished_at is not None:
        terminal.say(f"{mark}{wanted} has ended already: {found.state}.")
        return
    who = getpass.getuser()
    body = json.dumps({kind: found.id, "who": who}).encode()
    with ledger.write() as connection:
        inbox.receive(connection, "cancel", who, str(uuid.uuid4()), body, moments.now())
    wake.wake(connect(opened.redis_url()))
    hears = "its agent hears" if mark == "#" else "its executions' agents hear"
    terminal.say(f"{mark}{wanted} is asked to stop; {hears} it with the next renewal.")


def _find(connection: Connection, mark: str, number: int, repository: str | None) -> Row[Any]:
    """The one row that the number means."""
    kind, table = _KINDS[mark]
    statement = (
        select(table.c.id, table.c.finished_at, table.c.state, repositories.c.name)
        .join(projects, projects.c.id == table.c.project_id)
        .join(repositories, repositories.c.id == projects.c.repository_id)
        .where(table.c.number == number)
    )
    if repository is None:
        statement = statement.where(repositories.c.removed_at.is_(None))
    rows = [row for row in connection.execute(statement) if repository in (None, row.name)]
    if not rows:
        raise ConfigError(f"there is no {kind} {mark}{number}" + (f" in {repository}" if repository else ""))
    if len(rows) > 1:
        names = ", ".join(row.name for row in rows)
        raise ConfigError(
            f"several repositories have {'an' if kind == 'execution' else 'a'} {kind} {mark}{number}",
            hint=f"Add --repository: {names}.",
        )
    return rows[0]
