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
    reads: tuple[str, ...] = ()
    """Gitignore-style patterns: only files that match are unpacked. None: all are."""
    content: str = ""
    """With `reads`, the digest over paths, modes and contents of the files that match: what counts for reuse."""


@dataclass(frozen=True, slots=True)
class DatumFile:
    """A stored output of an earlier execution, in the store named `store`."""

    datum: Uuid
    name: str
    key: str
    size: int
    sha256: Sha256
    store: str = "artifacts"
    metadata: dict[str, Json] = field(default_factory=dict)
    """What the file's sidecar said, for the consumer's `inputs.json`."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of the step. `data` are files that planning resolved; `uris` the agent resolves at the start."""

    name: str
    uris: tuple[str, ...] = ()
    data: tuple[DatumFile, ...] = ()
    filename: str | None = None
    keep_directories: Literal["none", "full", "suffix"] = "none"
    optional: bool = False
    download: Literal["always", "on-demand"] = "always"
    """`on-demand`: listed in `inputs.json`, fetched when the job asks its agent."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What the container needs (`min`) and may use (`max`): CPUs in cores, memory in MB; 0 means none given.

    `devices` counts by resource name, such as `nvidia.com/gpu`; None: the step says nothing, `{}`: none at all.
    """

    cpu_max: float = 0
    memory_max: int = 0
    cpu_min: float = 0
    memory_min: int = 0
    devices: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder of the machine (or, with type `nfs`, an export `host:/path`) in the container. Allow-listed by the settings."""

    source: str
    destination: str
    readonly: bool = False
    type: str = ""


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
    packages: tuple[str, ...] = ()
    """Python packages that the command needs besides the repository's requirements."""
    resources: Resources = Resources()
    """What the endpoint needs and may use where it serves; the build has no limits of its own."""


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
    image_digest: str = ""
    """What an earlier attempt resolved the image to: this attempt takes exactly that."""
    no_output_timeout: float | None = None
    """Seconds without a line in the log after which the command is ended; None: no such limit."""
    stop_condition: str | None = None
    """An expression over the latest metadata (contract 1.6); when it holds, the command is ended and the attempt is complete."""
    upload_store: str = "artifacts"
    mounts: tuple[Mount, ...] = ()
    joiner: Literal["&&", ";"] = "&&"
    task: Uuid | None = None
    task_counter: int | None = None
    child: int | None = None
    """Place in the task, from 0."""
    variable_groups: tuple[str, ...] = ()
    """Groups of the settings whose secrets come with the claim."""
    autorestart: bool | None = None
    """False: an attempt that the infrastructure loses is not made again."""
    creator_name: str = ""
    creator_email: str = ""
    notes: tuple[str, ...] = ()
    """Sentences about the plan that its log and its record should carry: a field that is ignored here, and why."""
