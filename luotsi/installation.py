"""The settings in use: every default filled in, every relative path resolved. What each process builds its parts from."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.ports import PullPolicy, VariableGroup, Watched
from luotsi import places, valkey
from luotsi import settings as settings_file
from luotsi.settings import Settings
from luotsi.workspace import Workspace
from schemas.errors import ConfigError
from schemas.values import Secret

DEFAULT_LISTEN = "127.0.0.1:8470"
DEFAULT_GATEWAY = "127.0.0.1:8471"


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """One agent of the settings. Its token is a secret; the ledger keeps the digest."""

    name: str
    token: str
    slots: int


@dataclass(frozen=True, slots=True)
class EnvironmentEntry:
    """One environment of the settings, with its fixed id."""

    id: str
    name: str
    runtime: Mapping[str, Any]
    agents: tuple[AgentEntry, ...]
    mounts: tuple[str, ...] = ()
    machine: Mapping[str, Any] = field(default_factory=dict)
    controls: tuple[str, ...] | None = None
    price: float | None = None


@dataclass(frozen=True, slots=True)
class ForgeEntry:
    """One forge of the settings. `api` is what its driver's `speak` takes, `secrets` sign its deliveries, the newest first."""

    name: str
    kind: str
    api: Mapping[str, Any]
    secrets: tuple[Secret, ...]


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation: its workspace and its settings. `notice`: why these are not what the file says; empty: they are."""

    workspace: Workspace
    settings: Settings
    notice: str = ""

    @property
    def ledger(self) -> str:
        """The ledger's address."""
        default = f"sqlite:///{self.workspace.root / 'ledger.sqlite'}"
        return str(self.settings.get("ledger", default=default))

    @property
    def embedded_redis(self) -> bool:
        """Whether the workspace runs a Valkey of its own."""
        return bool(self.settings.get("redis", default="embedded") == "embedded")

    def redis_url(self) -> str:
        """The Redis URL; an embedded server is started when it is not running."""
        return valkey.ensure(self.workspace) if self.embedded_redis else str(self.settings.get("redis"))

    @property
    def listen(self) -> tuple[str, int]:
        """Where the web side listens."""
        return _host_port(self.settings.get("web", "listen", default=DEFAULT_LISTEN))

    @property
    def address(self) -> str:
        """How people and agents reach the web side, without a slash at the end."""
        host, port = self.listen
        given = self.settings.get("web", "address", default=f"http://{host}:{port}")
        return str(given).rstrip("/")

    @property
    def lease(self) -> float:
        """Seconds after which an agent that is not heard of has lost its attempts."""
        return float(self.settings.get("lease", default=30))

    def store(self, name: str) -> dict[str, Any]:
        """The settings of a store, with the secret by which a folder's addresses are signed."""
        given = dict(self.settings.get("stores", name, default={"kind": "folder"}))
        if given["kind"] == "folder":
            given["path"] = str(self.workspace.root / given.get("path", f"store/{name}"))
            given |= {"web": self.address, "secret": self.workspace.secret("objects")}
        return given

    def store_names(self) -> tuple[str, ...]:
        """`system`, `artifacts`, and those that only the settings name."""
        return tuple(dict.fromkeys(("system", "artifacts", *self.settings.get("stores", default={}))))

    def variable_groups(self) -> dict[str, VariableGroup]:
        """The groups of environment variables that steps may name."""
        return {
            name: VariableGroup(
                dict(group.get("variables", {})),
                {key: Secret(value) for key, value in group.get("secrets", {}).items()},
                tuple(group.get("branches", ())),
                tuple(group.get("events", ())),
            )
            for name, group in self.settings.get("variable-groups", default={}).items()
        }

    def environments(self) -> tuple[EnvironmentEntry, ...]:
        """The environments; without any in the settings, one called `local` with one agent."""
        entries = self.settings.get(
            "environments", default=[{"name": "local", "agents": [{"name": "agent-1"}]}]
        )
        return tuple(self._environment(entry) for entry in entries)

    def environment(self, name: str) -> EnvironmentEntry:
        """An environment by name. Raises `ConfigError`."""
        found = next((entry for entry in self.environments() if entry.name == name), None)
        if found is None:
            names = ", ".join(entry.name for entry in self.environments())
            raise ConfigError(f"there is no environment {name} in the settings", hint=f"There is: {names}.")
        return found

    def _environment(self, entry: Mapping[str, Any]) -> EnvironmentEntry:
        name = entry["name"]
        agents = entry.get("agents", [])
        return EnvironmentEntry(
            entry.get("id") or self.workspace.environment_id(name),
            name,
            entry.get("runtime", {"kind": "auto"}),
            tuple(
                AgentEntry(
                    agent["name"],
                    agent.get("token") or self.workspace.secret(f"agent-{name}-{agent['name']}"),
                    agent.get("slots", 2),
                )
                for agent in agents
            ),
            tuple(entry.get("mounts", ())),
            entry.get("machine", {}),
            tuple(entry["controls"]) if "controls" in entry else None,
            None if entry.get("price") is None else float(entry["price"]),
        )

    def forges(self) -> dict[str, ForgeEntry]:
        """The forges by name. Deliveries of one without `secrets` are signed by a secret of this installation."""
        return {
            name: ForgeEntry(
                name,
                given["kind"],
                self._forge_api(given),
                tuple(
                    Secret(each) for each in given.get("secrets") or [self.workspace.secret(f"forge-{name}")]
                ),
            )
            for name, given in self.settings.get("forges", default={}).items()
        }

    def _forge_api(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found = {key: given[key] for key in ("url", "api", "timeout", "app") if key in given}
        if "token" in given:
            found["token"] = Secret(given["token"])
        for key, known in (("ca", "ca"), ("private-key", "private_key_file")):
            if key in given:
                found[known] = str(self.workspace.root / given[key])
        return found

    def repositories(self) -> tuple[Watched, ...]:
        """The repositories, each with its place at a forge and with how far its pull requests are trusted."""
        forges = self.settings.get("forges", default={})
        trusted = self.settings.get("pull-requests", default={})
        found = []
        for entry in self.settings.get("repositories", default=[]):
            forge, slug = places.place(entry, forges)
            found.append(
                Watched(
                    entry["name"],
                    _address(self.workspace.root, entry["address"]),
                    entry.get("branch", ""),
                    tuple(entry.get("protected", ())),
                    tuple(entry.get("roots", ("",))),
                    tuple(entry.get("variable-groups", ())),
                    forge,
                    slug,
                    _pull_policy({**trusted, **entry.get("pull-requests", {})}),
                )
            )
        return tuple(found)

    def clusters(self) -> dict[str, dict[str, Any]]:
        """The clusters; without any in the settings, one called `local`."""
        return {
            name: dict(c)
            for name, c in self.settings.get("clusters", default={"local": {"kind": "local"}}).items()
        }

    def gateway(self) -> tuple[str, int] | None:
        """Where the local cluster's gateway listens; None without a local cluster."""
        local = next((c for c in self.clusters().values() if c["kind"] == "local"), None)
        return _host_port(local.get("listen", DEFAULT_GATEWAY)) if local else None


def opened(file: Path | None) -> Installation:
    """The installation of a settings file (default: `file_of` none). Raises `ConfigError`."""
    settings = settings_file.load(file_of(file))
    return Installation(Workspace(settings.workspace), settings)


def file_of(file: Path | None) -> Path:
    """The settings file that is meant: the one that is named, else that of LUOTSI_SETTINGS, else ./luotsi.yaml."""
    return (file or Path(os.environ.get("LUOTSI_SETTINGS") or "luotsi.yaml")).absolute()


def _host_port(text: str) -> tuple[str, int]:
    host, port = str(text).rsplit(":", 1)
    return host, int(port)


def _address(root: Path, address: str) -> str:
    """A relative path of the settings lies below the workspace; any other address stays as it is."""
    looks_like_path = "://" not in address and not (":" in address and "/" not in address.split(":", 1)[0])
    return str((root / address).absolute()) if looks_like_path else address


def _pull_policy(given: Mapping[str, Any]) -> PullPolicy:
    return PullPolicy(
        given.get("trust", "branches"),
        given.get("environment", ""),
        tuple(given.get("grants", ())),
        float(given.get("cap", 4.0)),
    )
