"""`luotsi db`: the ledger's migrations."""

from pathlib import Path

import click

from luotsi import installation, terminal
from luotsi.options import settings_option


@click.group("db")
def command() -> None:
    """The ledger's migrations."""


@command.command("upgrade")
@settings_option
def upgrade(settings: Path | None) -> None:
    """Bring the ledger to the newest shape. Doing it again changes nothing."""
    from luotsi import wiring

    wiring.ledger(installation.opened(settings)).close()
    terminal.say("The ledger is at the newest migration.")
