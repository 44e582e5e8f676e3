"""`luotsi web`: pages, deliveries and the agents' API, served by granian."""

import os
import signal
import socket
from pathlib import Path

import click

from luotsi import installation, logs, supervise
from luotsi.options import settings_option
from schemas.errors import Stalled

CONNECTIONS = 512
"""At once; further ones wait until one of them ends."""

BUFFER = 64 * 1024
"""Bytes of a connection that the server holds at most, and so the longest head of a request."""


@click.command("web")
@settings_option
def command(settings: Path | None) -> None:
    """Serve the dashboard, forge deliveries and the agents' API.

    luotsi web --settings /etc/luotsi/luotsi.yaml
    """
    logs.configure("web")
    opened = installation.opened(settings)
    os.environ["LUOTSI_SETTINGS"] = str(opened.settings.file)
    serve("luotsi.web_app:front", *opened.listen)


def serve(target: str, host: str, port: int) -> None:
    """Run an application until SIGTERM: `target` names what makes it. Raises `Stalled` when the address cannot be had."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings

    check_free(host, port)
    server = Granian(
        target,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=BUFFER),
        backpressure=CONNECTIONS,
        workers=1,
        workers_kill_timeout=5,
        respawn_failed_workers=True,
        log_access=False,
        factory=True,
        websockets=False,
    )
    supervise.follow_parent(lambda: os.kill(os.getpid(), signal.SIGTERM))
    server.serve()


def check_free(host: str, port: int, setting: str = "web.listen") -> None:
    """Raise `Stalled` when somebody listens there already: granian itself would share the port silently."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Stalled(
                f"{host}:{port} cannot be listened on: {error.strerror}",
                f"Set another address in `{setting}`.",
            ) from error
