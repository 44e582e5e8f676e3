"""Brings a ledger to the newest shape. Migrations are Alembic's, in `versions/`, from the first table on."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from ledger.database import Ledger
from schemas.errors import Stalled


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def upgrade(ledger: Ledger) -> None:
    """Run every migration that is missing, in one transaction where the database can. Doing it again changes nothing."""
    config = _config()
    with ledger.reshape() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check(ledger: Ledger) -> None:
    """Raise `Stalled` unless the ledger has exactly the shape that this code expects."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    with ledger.read() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != newest:
        raise Stalled(
            f"the ledger is at migration {found or 'none'}; this Luotsi needs {newest}",
            "Run `luotsi db upgrade`.",
        )
