"""Wishes of a person on the controller's host that are answered: written to the inbox, and waited for a while."""

import getpass
import json
import time
import uuid
from collections.abc import Mapping

from sqlalchemy import Connection, select

from ledger import inbox, repositories
from ledger.database import Ledger
from ledger.repositories import RepositoryRow
from ledger.rows import AnyRow
from ledger.tables import inbox as table
from luotsi import terminal
from luotsi.installation import Installation
from queues import wake
from queues.connection import connect
from schemas import moments
from schemas.errors import ConfigError, LuotsiError

_PAUSE = 0.1


def ask(opened: Installation, ledger: Ledger, kind: str, body: Mapping[str, str], seconds: float) -> None:
    """Write a wish with the person's name, wake the controller, and print its answer if it comes in time."""
    who, delivery = getpass.getuser(), str(uuid.uuid4())
    with ledger.write() as connection:
        text = json.dumps({**body, "who": who, "at": moments.to_text(moments.now())})
        inbox.receive(connection, kind, who, delivery, text.encode(), moments.now())
    wake.wake(connect(opened.redis_url()))
    end = time.monotonic() + seconds
    while (row := _row(ledger, kind, who, delivery)).handled_at is None:
        if time.monotonic() >= end:
            terminal.say("The wish is kept; the controller has not answered yet.")
            return
        time.sleep(_PAUSE)
    words = str(row.outcome or "done")
    if words.startswith(inbox.REFUSED):
        raise LuotsiError(words)
    terminal.say(words)


def _row(ledger: Ledger, kind: str, who: str, delivery: str) -> AnyRow:
    with ledger.read() as connection:
        return connection.execute(
            select(table.c.handled_at, table.c.outcome).where(
                table.c.kind == kind, table.c.source == who, table.c.delivery == delivery
            )
        ).one()


def repository(connection: Connection, name: str | None) -> RepositoryRow:
    """The repository that a person means: the named one, or the only one."""
    watched = repositories.watched(connection)
    found = [row for row in watched if name in (None, row.name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(row.name for row in watched) or "none"
    what = f"there is no repository {name}" if name else "it is not said of which repository"
    raise ConfigError(what, hint=f"Add --repository, one of: {names}.")
