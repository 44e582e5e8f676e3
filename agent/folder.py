"""An attempt's folder on the agent's disk, and the little state by which another agent process goes on.

attempts/<attempt>/  job.json (the signed message)  state.json  spool.*  work/{repository,inputs,outputs,config}
                     run/ (the runtime's own)  log.zst  result.json (once the outcome is decided, never changed)
"""

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from schemas import codec
from schemas.codec import Moment
from schemas.errors import Refused, Stalled
from schemas.messages.claim import ResolvedInput
from schemas.messages.result import Built, Output

KEPT_LOST = 20
"""Logs of attempts that were taken from this agent, kept for whoever wonders."""


class Phase(StrEnum):
    """How far an attempt has come. What is done in a phase can be done again, except to start the command."""

    RECEIVED = "received"
    CLAIMED = "claimed"
    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class State:
    """What the next agent process must know. `started` is wall clock; `asked` is why the command is being stopped."""

    phase: Phase = Phase.RECEIVED
    started: Moment | None = None
    image: str = ""
    image_digest: str = ""
    inputs: tuple[ResolvedInput, ...] = ()
    asked: str = ""
    outcome: str = ""
    reason: str = ""
    exit_code: int | None = None
    built: Built | None = None
    outputs: tuple[Output, ...] = ()
    """What a build stored; a step's outputs are found in its folder."""
    events: tuple[str, ...] = ()


class AttemptFolder:
    """One attempt's folder. Used by one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.work = path / "work"
        self.own = path / "run"
        self.log = path / "log.zst"
        self.result = path / "result.json"
        self.state = _read_state(path / "state.json")

    @property
    def attempt(self) -> str:
        """The attempt's id."""
        return self.path.name

    def receive(self, envelope: str) -> None:
        """Make the folder for a new attempt and keep its message."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(self.path / "job.json", envelope.encode())

    def envelope(self) -> str:
        """The signed message. Raises `Refused` when there is none: the agent ended while it made the folder."""
        try:
            return (self.path / "job.json").read_text()
        except FileNotFoundError as error:
            raise Refused(f"{self.path} holds no job") from error

    def update(self, **changes: Any) -> None:
        """Change the state, whole or not at all."""
        self.state = replace(self.state, **changes)
        write_file(self.path / "state.json", codec.write(self.state))

    def renew_work(self) -> Path:
        """An empty work folder."""
        self._remove(self.work)
        self._remove(self.own)
        self.work.mkdir(mode=0o755)
        return self.work

    def remove(self) -> None:
        """Take all of it away."""
        self._remove(self.path)

    def _remove(self, path: Path) -> None:
        if not path.exists():
            return
        try:
            shutil.rmtree(path)
        except OSError as error:
            # Files that a container's root made, where the agent is not root. Out of the way, so that nobody adopts it.
            trash = path.parent / f".trash-{path.name}-{os.urandom(4).hex()}"
            path.rename(trash)
            raise Stalled(
                f"the folder {trash} cannot be removed: {error.strerror}", "Remove it by hand, as its owner."
            ) from error


def all_in(root: Path) -> list[Path]:
    """The folders that an earlier agent process left, oldest first."""
    found = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=lambda path: path.stat().st_mtime)


def keep_lost_log(folder: AttemptFolder, lost: Path) -> None:
    """Put aside the log of an attempt that is no longer ours; only the newest few stay."""
    spool = folder.path / "spool.jsonl"
    if not spool.exists() or not spool.stat().st_size:
        return
    lost.mkdir(mode=0o700, exist_ok=True)
    spool.replace(lost / f"{folder.attempt}.jsonl")
    for old in sorted(lost.iterdir(), key=lambda path: path.stat().st_mtime)[:-KEPT_LOST]:
        old.unlink(missing_ok=True)


def write_file(path: Path, data: bytes, durable: bool = False) -> None:
    """Write a small file in one step. It outlives a kill of this process; if `durable`, also a power cut."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read_state(path: Path) -> State:
    try:
        return codec.read(State, path.read_bytes())
    except FileNotFoundError:
        return State()
