"""`luotsi controller`: the mind, alone."""

import signal
from pathlib import Path

import click

from luotsi import installation, logs, supervise
from luotsi.options import settings_option


@click.command("controller")
@settings_option
def command(settings: Path | None) -> None:
    """Watch repositories, decide what commits ask for, act and record.

    Run one for an installation, beside its PostgreSQL and Redis:

        luotsi controller --settings /etc/luotsi/luotsi.yaml
    """
    logs.configure("controller")
    from controller import loop
    from luotsi import reloading, wiring

    opened = installation.opened(settings)
    ports = wiring.controller_ports(opened)
    parts = reloading.ControllerParts(reloading.Reloading(opened), opened, ports)

    def stop(*_: object) -> None:
        ports.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    supervise.follow_parent(stop)
    loop.run(ports, parts)
