"""What the controller stands on: the parts it is given, and what its settings say. Built once, in the door."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from redis import Redis

from controller.git.mirror import Credentials
from controller.inference.port import Cluster
from ledger.database import Ledger
from queues.wakeups import Wakeups
from schemas.signing import SigningKey
from stores.port import Store


@dataclass(frozen=True, slots=True)
class Environment:
    """A worker group of the settings: one kind of machine in one place, one queue."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Watched:
    """A repository of the settings."""

    name: str
    address: str
    default_branch: str = ""
    protected: tuple[str, ...] = ()
    """Branch names whose tags may promote; empty: the default branch."""


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """The operator's wishes that the controller follows. Times are seconds."""

    repositories: tuple[Watched, ...]
    environments: tuple[Environment, ...]
    mirrors: Path
    web_address: str
    prefix: str = "luotsi"
    default_environment: str = ""
    build_environment: str = ""
    poll_interval: float = 60.0
    lease: float = 30.0
    max_attempts: int = 3
    message_life: float = 3600.0
    endpoint_repository: str = ""
    """Where endpoint images are pushed: `host:port/prefix`; empty: they stay in the engine that built them."""

    def environment(self, name: str | None) -> Environment | None:
        """The environment by name or id; the default one for None; None where there is no such."""
        wanted = name or self.default_environment
        if not wanted:
            return self.environments[0] if self.environments else None
        return next((e for e in self.environments if wanted in (e.name, e.id)), None)


@dataclass(frozen=True, slots=True)
class Ports:
    """The parts. Each is safe to use from the controller's one thread; `wake` may be called from any."""

    ledger: Ledger
    stores: Mapping[str, Store]
    redis: Redis
    wakeups: Wakeups
    key: SigningKey
    clusters: Mapping[str, Cluster]
    settings: ControllerSettings
    clock: Callable[[], datetime]
    credentials: Callable[[str], Credentials | None] = lambda _: None
    stopping: threading.Event = field(default_factory=threading.Event)
