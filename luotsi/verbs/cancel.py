"""`luotsi cancel`: asks that an execution ends. Operator verbs are run on the controller's host and are in the audit."""

import getpass
import json
import uuid
from pathlib import Path

import click
from sqlalchemy import select

from ledger import inbox
from ledger.tables import executions, projects, repositories
from luotsi import installation
from luotsi.options import settings_option
from queues import wake
from queues.connection import connect
from schemas import moments
from schemas.errors import ConfigError


@click.command("cancel")
@click.argument("number")
@click.option("--repository", default=None, help="Needed only when several repositories have that number.")
@settings_option
def command(number: str, repository: str | None, settings: Path | None) -> None:
    """Stop an execution: SIGTERM, ten seconds, SIGKILL. What it had stored by then is kept.

    luotsi cancel 12
    """
    from luotsi import wiring

    opened = installation.opened(settings)
    ledger = wiring.ledger(opened)
    wanted = number.removeprefix("#")
    if not wanted.isdigit():
        raise ConfigError(f"{number} is not the number of an execution", hint="Like this: luotsi cancel 12")
    statement = (
        select(executions.c.id, executions.c.finished_at, executions.c.state, repositories.c.name)
        .join(projects, projects.c.id == executions.c.project_id)
        .join(repositories, repositories.c.id == projects.c.repository_id)
        .where(executions.c.number == int(wanted))
    )
    with ledger.read() as connection:
        found = [row for row in connection.execute(statement) if repository in (None, row.name)]
    if not found:
        raise ConfigError(f"there is no execution #{wanted}" + (f" in {repository}" if repository else ""))
    if len(found) > 1:
        names = ", ".join(row.name for row in found)
        raise ConfigError(
            f"several repositories have an execution #{wanted}", hint=f"Add --repository: {names}."
        )
    if found[0].finished_at is not None:
        click.echo(f"#{wanted} has ended already: {found[0].state}.")
        return
    who = getpass.getuser()
    body = json.dumps({"execution": found[0].id, "who": who}).encode()
    with ledger.write() as connection:
        inbox.receive(connection, "cancel", who, str(uuid.uuid4()), body, moments.now())
    wake.wake(connect(opened.redis_url()))
    click.echo(f"#{wanted} is asked to stop; its agent hears it with the next renewal.")
