"""The job: everything that an agent is asked to run, signed. Secrets and addresses are not in it; they come with the claim."""

from dataclasses import dataclass, field
from typing import Literal

from schemas.codec import EnvironmentId, Json, Moment, Sha256, ShaText, Uuid

VERSION = 1


@dataclass(frozen=True, slots=True)
class Archive:
    """The commit's snapshot. `digest` is over the uncompressed tar; `size` counts the stored bytes."""

    key: str
    digest: Sha256
    size: int


@dataclass(frozen=True, slots=True)
class DatumFile:
    """A stored output of an earlier execution, in the store named `store`."""

    datum: Uuid
    name: str
    key: str
    size: int
    sha256: Sha256
    store: str = "artifacts"


@dataclass(frozen=True, slots=True)
class Input:
    """One input of the step. `data` are files that planning resolved; `uris` the agent resolves at the start."""

    name: str
    uris: tuple[str, ...] = ()
    data: tuple[DatumFile, ...] = ()
    filename: str | None = None
    keep_directories: Literal["none", "full", "suffix"] = "none"
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits of the container: CPUs in cores, memory in MB; 0 means none given."""

    cpu_max: float = 0
    memory_max: int = 0


@dataclass(frozen=True, slots=True)
class Build:
    """What an execution of kind `build` makes: an endpoint's image or, where there is no engine, its bundle."""

    model: str
    version: str
    endpoint: str
    image: str
    command: str
    port: int
    files: dict[str, DatumFile]
    """Path relative to the code directory -> the datum that is put there."""
    repository: str | None = None
    """Where the image is pushed: `host:port/name` of an OCI registry, or None to leave it in the engine."""


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt of one execution, as the controller asks for it."""

    version: int
    execution: Uuid
    attempt: Uuid
    attempt_number: int
    delivery: int
    environment: EnvironmentId
    expires: Moment
    kind: Literal["step", "build"]
    project: Uuid
    project_name: str
    counter: int
    step: str
    commit: ShaText
    image: str
    commands: tuple[str, ...]
    """Entries as `Step.build_command` made them; the agent joins them (contract 5.9)."""
    archive: Archive
    created: Moment
    parameters: dict[str, Json] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    environment_variables: dict[str, str] = field(default_factory=dict)
    resources: Resources = Resources()
    time_limit: float | None = None
    """Seconds of wall clock from `started`; None is unlimited."""
    trust: Literal["trusted", "untrusted"] = "trusted"
    pipeline: Uuid | None = None
    pipeline_counter: int | None = None
    node: str | None = None
    build: Build | None = None
    environment_name: str = ""
