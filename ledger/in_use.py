"""What the controller holds of luotsi.yaml, for all who speak of it: they read the file, and it may be another by now."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from ledger.tables import settings_in_use

CONTROLLER, FILE_EVENTS = "controller", "file events"


@dataclass(frozen=True, slots=True)
class InUse:
    """`trouble`: why the file as it stands is not in use, empty: it is. `maintenance`: why nothing new starts, empty: it does.
    `deaf`: why no file events are heard of some repositories, empty: they are.
    """

    trouble: str
    maintenance: str
    written_at: datetime
    deaf: str = ""


def hold(connection: Connection, trouble: str, maintenance: str, now: datetime) -> None:
    """The controller goes on with this."""
    _put(connection, CONTROLLER, {"trouble": trouble, "maintenance": maintenance, "written_at": now})


def hold_deaf(connection: Connection, words: str, now: datetime) -> None:
    """Why no file events are heard of some repositories; empty: they are, of all of this machine."""
    _put(connection, FILE_EVENTS, {"trouble": words, "written_at": now})


def _put(connection: Connection, process: str, values: dict[str, object]) -> None:
    here = settings_in_use.c.process == process
    if not connection.execute(update(settings_in_use).where(here).values(**values)).rowcount:
        connection.execute(insert(settings_in_use).values(process=process, **values))


def held(connection: Connection) -> InUse | None:
    """What the controller that runs, or ran last, goes on with; None: none ever did."""
    table = settings_in_use
    columns = (table.c.process, table.c.trouble, table.c.maintenance, table.c.written_at)
    rows = {row.process: row for row in connection.execute(select(*columns))}
    if CONTROLLER not in rows:
        return None
    row, deaf = rows[CONTROLLER], rows.get(FILE_EVENTS)
    return InUse(row.trouble, row.maintenance, row.written_at, deaf.trouble if deaf else "")
