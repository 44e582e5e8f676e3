"""`luotsi promote`: makes and pushes the next tag that lets a stage serve a version. It is in the audit."""

from pathlib import Path

import click

from luotsi import installation, wishes
from luotsi.options import settings_option, wait_option


@click.command("promote")
@click.argument("model")
@click.argument("stage")
@click.option(
    "--version", default="", help="Which version, such as v1.2.0. Default: the latest that is registered."
)
@click.option("--repository", default=None, help="Needed only when several repositories are watched.")
@wait_option
@settings_option
def command(
    model: str, stage: str, version: str, repository: str | None, wait: float, settings: Path | None
) -> None:
    """Push the next `MODEL#STAGE#N` on a version's commit. What is refused is said with the reason, and no tag is made.

    luotsi promote churn prod

    luotsi promote models/eu:churn prod --version v1.2.0
    """
    from luotsi import wiring

    opened = installation.opened(settings)
    ledger = wiring.ledger_in_use(opened)
    with ledger.read() as connection:
        found = wishes.repository(connection, repository)
    body = {"model": model, "stage": stage, "version": version, "repository": found.id}
    wishes.ask(opened, ledger, "promote", body, wait)
