"""Builds the real parts from the settings. The only place that does."""

import threading
from pathlib import Path
from typing import Any

import stores
from controller.inference import clusters
from controller.inference.port import Cluster
from controller.ports import ControllerSettings, Environment, Ports, Watched
from ledger import agents, migrations
from ledger.database import Ledger, open_ledger
from luotsi import engines
from luotsi.installation import Installation
from queues.connection import connect
from queues.wakeups import Wakeups
from schemas import moments
from stores.port import Store


def ledger(installation: Installation, read_only: bool = False) -> Ledger:
    """The ledger, brought to its newest shape unless it is opened for reading only."""
    opened = open_ledger(installation.ledger, read_only=read_only)
    if read_only:
        migrations.check(opened)
    else:
        migrations.upgrade(opened)
    return opened


def open_stores(installation: Installation) -> dict[str, Store]:
    """The system store and the artifact store."""
    found = {}
    for name in ("system", "artifacts"):
        given = installation.store(name)
        found[name] = stores.load(str(given.pop("kind")), name, given)
    return found


def controller_ports(installation: Installation) -> Ports:
    """All that the controller stands on."""
    redis = connect(installation.redis_url())
    return Ports(
        ledger=ledger(installation),
        stores=open_stores(installation),
        redis=redis,
        wakeups=Wakeups(redis),
        key=installation.workspace.signing_key(),
        clusters=open_clusters(installation),
        settings=controller_settings(installation),
        clock=moments.now,
        stopping=threading.Event(),
    )


def controller_settings(installation: Installation) -> ControllerSettings:
    """The operator's wishes as the controller reads them."""
    given = installation.settings
    return ControllerSettings(
        repositories=tuple(
            Watched(
                entry["name"],
                _address(installation.workspace.root, entry["address"]),
                entry.get("branch", ""),
                tuple(entry.get("protected", ())),
            )
            for entry in given.get("repositories", default=[])
        ),
        environments=tuple(Environment(e.id, e.name) for e in installation.environments()),
        mirrors=installation.workspace.folder("mirrors"),
        web_address=installation.address,
        prefix=given.get("prefix", default="luotsi"),
        poll_interval=float(given.get("poll-interval", default=60)),
        lease=installation.lease,
        max_attempts=int(given.get("max-attempts", default=3)),
        endpoint_repository=given.get("endpoint-repository", default=""),
    )


def _address(root: Path, address: str) -> str:
    """A relative path of the settings lies below the workspace; any other address stays as it is."""
    looks_like_path = "://" not in address and not (":" in address and "/" not in address.split(":", 1)[0])
    return str((root / address).absolute()) if looks_like_path else address


def open_clusters(installation: Installation) -> dict[str, Cluster]:
    """The inference clusters of the settings."""
    found: dict[str, Cluster] = {}
    for name, given in installation.clusters().items():
        settings: dict[str, Any] = {key: value for key, value in given.items() if key != "kind"}
        if given["kind"] == "local":
            host, port = installation.gateway() or ("127.0.0.1", 0)
            settings |= {
                "folder": installation.workspace.folder("cluster"),
                "gateway": f"http://{host}:{port}",
                "engine": given.get("engine") or engines.address(installation),
            }
        found[name] = clusters.load(
            given["kind"], name, settings, open_stores(installation)["artifacts"].stream
        )
    return found


def record_agents(installation: Installation, opened: Ledger) -> None:
    """Record the environments and agents of the settings with the digests of their tokens."""
    now = moments.now()
    with opened.write() as connection:
        for environment in installation.environments():
            agents.ensure_environment(connection, environment.id, environment.name, now)
            for agent in environment.agents:
                agents.ensure_agent(connection, environment.id, agent.name, agents.digest(agent.token), now)
