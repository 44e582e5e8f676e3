"""The port of runtimes: what runs a job's command and hands back its output and exit code.

Order: `resolve`, `start` (or, after a restart of the agent, `adopt`), then on the `Running` it gives: `follow` and `wait`
in threads of their own, `stop` at any time from any thread, `remove` last. A started command outlives the agent.
Drivers raise `Stalled` when a person has to act (no such image, no engine rights), `Waiting` when the engine is away.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

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
    cpu_max: float = 0
    """Cores; 0 is no limit."""
    memory_max: int = 0
    """MB; 0 is no limit."""


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

    def resolve(self, image: str, fresh: bool, say: Callable[[str], None]) -> Image:
        """The image, pulled if it is not there (or if `fresh`). `say` hears progress. `Stalled` names image and reason."""
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
