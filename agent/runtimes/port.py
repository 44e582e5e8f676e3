"""The port of runtimes: what runs a job's command and hands back its output and exit code.

Order: `resolve`, `start` (or, after a restart of the agent, `adopt`), then on the `Running` it gives: `follow` and `wait`
in threads of their own, `stop` at any time from any thread, `remove` last. A started command outlives the agent.
Drivers raise `Stalled` when a person has to act (no such image, no engine rights), `Waiting` when the engine is away.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from schemas.messages.job import Mount

Stream = Literal["stdout", "stderr"]

FOLDERS = ("repository", "inputs", "outputs", "config")
"""Directories below an attempt's work folder, made before `start`."""


@dataclass(frozen=True, slots=True)
class Places:
    """The four directories as the job sees them: absolute paths."""

    repository: str
    inputs: str
    outputs: str
    config: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image as it was asked for, and as the runtime has it. `digest` is empty where a runtime has no images."""

    name: str
    id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Needs:
    """What a command asks of its machine. Cores and MB; 0 and empty: nothing asked."""

    cpu_min: float = 0
    cpu_max: float = 0
    memory_min: int = 0
    memory_max: int = 0
    cores: str = ""
    """The machine's cores that it may use: `0,2,4` or `0-3`."""
    devices: Mapping[str, int] | None = None
    """Count by resource name. None: whatever the runtime gives usually; empty: none."""
    network: str = ""
    """A network of the runtime, instead of the usual one."""
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True)
class Spec:
    """One command to run. `folder` holds the directories of `FOLDERS`; `own` is a folder for the runtime's own files."""

    attempt: str
    execution: str
    agent: str
    folder: Path
    own: Path
    image: Image
    command: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    needs: Needs = Needs()
    writable: tuple[str, ...] = ()
    """Inputs that the job fetches itself, into their directories; all others are read-only where a runtime can."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of one stream, as they came; not cut at lines."""

    stream: Stream
    data: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended. `exit_code` is None when nobody can know it any more: the container or process vanished."""

    exit_code: int | None
    note: str = ""
    """A sentence for people: killed for its memory, removed by hand."""


class Running(Protocol):
    """A command that runs, or has ended and is not removed yet."""

    def follow(self, skip: Mapping[str, int]) -> Iterator[Piece]:
        """Both streams from their beginning, without the first `skip[stream]` ASCII bytes of each (`agent/core/position.py`),
        live, until it has ended.

        Children that hold the streams open do not keep it from ending. One caller at a time.
        """
        ...

    def wait(self) -> Ended:
        """Block until the command has ended, and everything it left running with it. May be asked again."""
        ...

    def stop(self, grace: float) -> None:
        """SIGTERM, `grace` seconds, SIGKILL. Returns when the signals are sent; harmless after the end."""
        ...

    def leave(self) -> None:
        """Let go without stopping it: `follow` and `wait` return soon. Another agent process will adopt it."""
        ...

    def remove(self) -> None:
        """Take away what the runtime keeps of it. Idempotent."""
        ...


class Runtime(Protocol):
    """Safe to share between threads."""

    @property
    def label(self) -> str:
        """What people read: `docker 28.2.2`, `process (no isolation)`."""
        ...

    @property
    def takes_untrusted(self) -> bool:
        """Whether untrusted code may run here."""
        ...

    @property
    def engine(self) -> str | None:
        """The address of the Docker engine, for builds; None where there is none."""
        ...

    def places(self, folder: Path) -> Places:
        """Where the job will see the directories of a work folder."""
        ...

    def resolve(self, image: str, fresh: bool, say: Callable[[str], None], pin: str = "") -> Image:
        """The image, pulled if it is not there (or if `fresh`). `say` hears progress. `Stalled` names image and reason.

        `pin`: the digest that an earlier attempt resolved it to; exactly that image, or `Stalled`.
        """
        ...

    def fit(self, needs: Needs) -> tuple[str, ...]:
        """A sentence for each need that this runtime leaves out. Raises `Refused` for one that cannot be left out."""
        ...

    def host(self, network: str) -> str | None:
        """The address at which a command in this network (empty: the usual one) reaches this machine, and at which a
        server for it listens. None when there is none."""
        ...

    def machine(self) -> tuple[float, int]:
        """Cores and MB of memory of the machine that commands run on; 0 where that is not known."""
        ...

    def start(self, spec: Spec) -> Running:
        """Run the command. Never twice for one attempt: a second start while the first is there raises `Refused`."""
        ...

    def adopt(self, attempt: str, own: Path) -> Running | None:
        """What an earlier agent process started for this attempt, running or ended; None when there is nothing."""
        ...

    def sweep(self, agent: str, is_known: Callable[[str], bool]) -> None:
        """End and remove what this agent left for attempts that are not known (any more). An attempt is known before it starts."""
        ...
