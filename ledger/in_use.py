"""What the controller holds of luotsi.yaml, for all who speak of it: they read the file, and it may be another by now."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from ledger.tables import settings_in_use

CONTROLLER = "controller"


@dataclass(frozen=True, slots=True)
class InUse:
    """`trouble`: why the file as it stands is not in use, empty: it is. `maintenance`: why nothing new starts, empty: it does."""

    trouble: str
    maintenance: str
    written_at: datetime


def hold(connection: Connection, trouble: str, maintenance: str, now: datetime) -> None:
    """The controller goes on with this."""
    values = {"trouble": trouble, "maintenance": maintenance, "written_at": now}
    here = settings_in_use.c.process == CONTROLLER
    if not connection.execute(update(settings_in_use).where(here).values(**values)).rowcount:
        connection.execute(insert(settings_in_use).values(process=CONTROLLER, **values))


def held(connection: Connection) -> InUse | None:
    """What the controller that runs, or ran last, goes on with; None: none ever did."""
    columns = (settings_in_use.c.trouble, settings_in_use.c.maintenance, settings_in_use.c.written_at)
    row = connection.execute(select(*columns).where(settings_in_use.c.process == CONTROLLER)).first()
    return None if row is None else InUse(*row)
