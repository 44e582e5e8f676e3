"""What an agent process is told: who it is, whom it asks, where it works."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.values import Secret

DEFAULT_CONTROLS = ("VH_NO_DATA_CACHE", "VH_NO_IMAGE_CACHE", "VH_CLEAN", "VH_CPU_LIMIT")


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
    input_folders: tuple[str, ...] = ()
    """Folders that `file://` inputs may lie below."""
    input_buckets: tuple[Mapping[str, object], ...] = ()
    """Access to buckets of `s3://` inputs, as `inputs.s3` of the settings has it; the first that fits is used."""
    data_cache: int = 20 * 1000**3
    """Bytes of inputs' files that the agent keeps for later attempts, in each of its two caches; 0 keeps none."""
    controls: tuple[str, ...] = DEFAULT_CONTROLS
    """Agent controls that a step's variables may use."""
    grace: float = 10.0
    """Seconds between SIGTERM and SIGKILL."""
