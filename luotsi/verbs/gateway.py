"""`luotsi gateway`: one stable address for everything that the local cluster serves."""

from pathlib import Path

import click

from luotsi import installation, logs
from luotsi.options import settings_option
from schemas.errors import ConfigError


@click.command("gateway")
@settings_option
def command(settings: Path | None) -> None:
    """Pass requests on to the endpoint that serves a stage now. `luotsi up` runs it for a local cluster."""
    logs.configure("gateway")
    from controller.inference import gateway

    opened = installation.opened(settings)
    place = opened.gateway()
    if place is None:
        raise ConfigError("the settings have no local cluster")
    gateway.serve(*place, opened.workspace.folder("cluster") / "routes.json")
