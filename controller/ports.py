"""What the controller stands on: the parts it is given, and what its settings say. Built once, in the door."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from redis import Redis

from controller.git.looks import Looks
from controller.git.mirror import Credentials
from controller.git.sight import Seen, Sight
from controller.inference.port import Cluster
from controller.unchanged import Unchanged
from forges.port import ForgeApi
from ledger.database import Ledger
from queues.wakeups import Wakeups
from schemas.signing import SigningKey
from schemas.values import Secret
from stores.port import Store


@dataclass(frozen=True, slots=True)
class Environment:
    """A worker group of the settings: one kind of machine in one place, one queue."""

    id: str
    name: str
    mounts: tuple[str, ...] = ()
    """Folders of the machine that a step may mount, with all below them."""
    machine: Mapping[str, Any] = field(default_factory=dict)
    """What the settings say of one machine: `cpus`, `memory` (MB), `devices`. Empty: its agents say it."""
    price: float | None = None
    """Of one machine for an hour, in the settings' currency; None: nobody said."""


@dataclass(frozen=True, slots=True)
class VariableGroup:
    """Variables that a step takes by the group's name. `secrets` never stand in a spec, a record or a message.

    Only runs of `branches` (shell patterns) and `events` get any of it; empty: all do (rules: controller/core/grants).
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    branches: tuple[str, ...] = ()
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PullPolicy:
    """How far pull requests are trusted. Forks never are; `trust` says whether the repository's own branches are.

    An approved run of an untrusted one takes machines of `environment`, with the secrets of the groups `grants` and no
    other, and is stopped when it has used `cap` machine hours. Without an environment nothing of it can be approved.
    """

    trust: Literal["branches", "nobody"] = "branches"
    environment: str = ""
    grants: tuple[str, ...] = ()
    cap: float = 4.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A repository of the settings."""

    name: str
    address: str
    default_branch: str = ""
    protected: tuple[str, ...] = ()
    """Branch names whose tags may promote; empty: the default branch."""
    roots: tuple[str, ...] = ("",)
    """Folders that hold a valohai.yaml, each a project; "" is the top."""
    variable_groups: tuple[str, ...] = ()
    """Groups that every step of the repository gets."""
    forge: str = "bare"
    """Name of a forge of the settings whose API is asked and told; `bare`: plain git, told in notes."""
    slug: str = ""
    """Its name at the forge, `owner/name`, as the settings say it; the ledger knows a newer one."""
    pulls: PullPolicy = field(default_factory=PullPolicy)


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

    variable_groups: Mapping[str, VariableGroup] = field(default_factory=dict)
    artifact_stores: tuple[str, ...] = ("artifacts",)
    """Names that a step's `upload-store` may give."""
    joiner: str = "&&"
    currency: str = ""
    """What stands before an amount: `$`, `EUR `."""
    maintenance: str = ""
    """Why nothing new starts at present, for people; empty: all goes on. What comes in is kept meanwhile."""

    def watched(self, name: str) -> Watched | None:
        """The repository by name; None where the settings have it no more."""
        return next((one for one in self.repositories if one.name == name), None)

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
    forges: Mapping[str, ForgeApi] = field(default_factory=dict)
    """The forges of the settings that have an API, by name."""
    stopping: threading.Event = field(default_factory=threading.Event)
    looks: Looks[Seen | None] = field(default_factory=Looks)
    """The looks that go on, and beyond a turn those that hang."""
    sights: dict[str, Sight] = field(default_factory=dict)
    """Repository id -> what the last look saw, for this process alone: without it a look only takes longer."""
    pushes: Looks[Any] = field(default_factory=lambda: Looks(patience=10.0))
    """The notes that are on their way into repositories, and beyond a turn those that hang."""
    named: dict[str, dict[str, datetime]] = field(default_factory=dict)
    """Repository id -> commits that events named -> when the forge was last asked for them, for this process alone."""
    unchanged: Unchanged = field(default_factory=Unchanged)
    """What steps found at rest, for this process alone: without it a turn only takes longer."""
