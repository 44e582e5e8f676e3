"""Builds the real parts from the settings. The only place that does."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import forges
import stores
from controller.git.credentials import Credentials, from_login
from controller.inference import clusters
from controller.inference.port import Cluster
from controller.ports import ControllerSettings, Environment, Ports, Watched
from forges.port import ForgeApi
from ledger import agents, migrations, repositories
from ledger.database import Ledger, open_ledger
from luotsi import engines, places
from luotsi.installation import ForgeEntry, Installation
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


def ledger_in_use(installation: Installation) -> Ledger:
    """The ledger of an installation that is there, for writing. Raises `Stalled` where none was made, and makes none."""
    ledger(installation, read_only=True).close()
    return ledger(installation)


def open_stores(installation: Installation) -> dict[str, Store]:
    """The system store and the artifact stores."""
    found = {}
    for name in installation.store_names():
        given = installation.store(name)
        found[name] = stores.load(str(given.pop("kind")), name, given)
    return found


def controller_ports(installation: Installation) -> Ports:
    """All that the controller stands on."""
    redis = connect(installation.redis_url())
    opened, apis, settings = (
        ledger(installation),
        open_forges(installation),
        controller_settings(installation),
    )
    return Ports(
        ledger=opened,
        stores=open_stores(installation),
        redis=redis,
        wakeups=Wakeups(redis),
        key=installation.workspace.signing_key(),
        clusters=open_clusters(installation),
        settings=settings,
        clock=moments.now,
        credentials=git_logins(opened, apis, settings, installation.settings.get("forges", default={})),
        forges=apis,
        stopping=threading.Event(),
    )


def open_forges(installation: Installation) -> dict[str, ForgeApi]:
    """The APIs of the settings' forges, by name. Nothing is asked of them yet."""
    return {name: open_forge(entry) for name, entry in installation.forges().items()}


def open_forge(entry: ForgeEntry) -> ForgeApi:
    """The API of one forge of the settings."""
    return forges.speak(entry.kind, entry.api)


def with_settings(ports: Ports, installation: Installation, apis: Mapping[str, ForgeApi]) -> Ports:
    """The same parts under other settings: what needs a restart stays as it is."""
    settings = controller_settings(installation)
    logins = git_logins(ports.ledger, apis, settings, installation.settings.get("forges", default={}))
    return replace(ports, settings=settings, forges=apis, credentials=logins)


def git_logins(
    opened: Ledger,
    apis: Mapping[str, ForgeApi],
    settings: ControllerSettings,
    given: Mapping[str, Mapping[str, Any]],
) -> Callable[[str], Credentials | None]:
    """What git is told of us, by a repository's name: its forge's login, where its address is the forge's own."""

    def of(name: str) -> Credentials | None:
        watched = settings.watched(name)
        if watched is None or watched.forge not in apis:
            return None
        if not places.takes_login(watched.address, given[watched.forge]):
            return None
        return from_login(lambda: apis[watched.forge].git_login(_slug(opened, watched)))

    return of


def _slug(opened: Ledger, watched: Watched) -> str:
    """Its name at the forge: the ledger has heard of a newer one than the settings."""
    with opened.read() as connection:
        row = repositories.by_name(connection, watched.name)
    return (row.slug if row and row.forge == watched.forge else None) or watched.slug


def controller_settings(installation: Installation) -> ControllerSettings:
    """The operator's wishes as the controller reads them."""
    given = installation.settings
    return ControllerSettings(
        repositories=installation.repositories(),
        environments=tuple(
            Environment(e.id, e.name, e.mounts, e.machine, e.price) for e in installation.environments()
        ),
        mirrors=installation.workspace.folder("mirrors"),
        web_address=installation.address,
        prefix=given.get("prefix", default="luotsi"),
        poll_interval=float(given.get("poll-interval", default=60)),
        lease=installation.lease,
        max_attempts=int(given.get("max-attempts", default=3)),
        endpoint_repository=given.get("endpoint-repository", default=""),
        variable_groups=installation.variable_groups(),
        artifact_stores=tuple(name for name in installation.store_names() if name != "system"),
        joiner=given.get("command-joiner", default="&&"),
        currency=given.get("currency", default=""),
        maintenance=given.get("maintenance", default=""),
    )


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
