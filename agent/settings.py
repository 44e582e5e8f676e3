"""What an agent process is told: who it is, whom it asks, where it works."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.values import Secret


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Settings of one agent. Lease and renewal interval are not here: the web side's answers carry them."""

    environment_id: str
    """12 hex characters; also the name of the RQ queue."""
    environment_name: str
    name: str
    token: Secret
    api: str
    """Base URL of the web side, such as `http://127.0.0.1:8000`."""
    redis_url: str
    folder: Path
    """The agent's own; attempts, their logs and outputs live here until their results are stored."""
    public_keys: tuple[str, ...]
    """Ed25519 keys (raw, base64) of which one must have signed a job."""
    slots: int = 1
    runtime: str = "docker"
    """Kind of runtime: a module of `agent.runtimes`."""
    runtime_settings: Mapping[str, object] = field(default_factory=dict)
    shares_folder: bool = False
    """Whether `file://` addresses of folder stores reach this machine."""
    store_patience: float = 600.0
    """Seconds that a store which refuses or does not answer is tried again for an output, before the attempt ends as error."""
    grace: float = 10.0
    """Seconds between SIGTERM and SIGKILL."""
