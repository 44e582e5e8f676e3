"""`luotsi gateway`: one stable address for everything that the local cluster serves."""

import os
import signal
from pathlib import Path

import click

from luotsi import installation, logs, supervise
from luotsi.options import settings_option
from luotsi.verbs.web import check_free
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
    check_free(*place, "clusters.<name>.listen")
    supervise.follow_parent(lambda: os.kill(os.getpid(), signal.SIGTERM))
    routes = opened.workspace.folder("cluster") / "routes.json"
    gateway.serve(*place, routes, on_worker=supervise.end_with_server)
