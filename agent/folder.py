"""An attempt's folder on the agent's disk, and the little state by which another agent process goes on.

attempts/<attempt>/  job.json (the signed message)  state.json  spool.*  work/{repository,inputs,outputs,config}
                     run/ (the runtime's own)  live/ (outputs that are being uploaded while the command runs)
                     log.zst  result.json (once the outcome is decided, never changed)
"""

import os
import shutil
import tempfile
import threading
import time
from contextlib import suppress
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

TRASH = ".trash-"
"""How the name of a folder begins that is being removed."""

FINISHED = "finished"
"""The folder beside `attempts` with an empty file for each attempt that ended here lately."""

KEPT_FINISHED = 2 * 3600.0
"""Seconds that a finished attempt is remembered: twice the life of a job message, since none is made after the claim."""


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
    """What a build stored, or a step while it ran; the rest of a step's outputs is found in its folder."""
    token: str = ""
    """By which the job's own calls to this agent are known (agent/jobs_api)."""
    events: tuple[str, ...] = ()


class AttemptFolder:
    """One attempt's folder. Used by one thread, but for `update` and `stored`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.work = path / "work"
        self.own = path / "run"
        self.live = path / "live"
        self.log = path / "log.zst"
        self.result = path / "result.json"
        self.state = _read_state(path / "state.json")
        self._lock = threading.Lock()

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
        with self._lock:
            self.state = replace(self.state, **changes)
            write_file(self.path / "state.json", codec.write(self.state))

    def stored(self, output: Output) -> None:
        """Note an output that is in its store."""
        with self._lock:
            self.state = replace(self.state, outputs=(*self.state.outputs, output))
            write_file(self.path / "state.json", codec.write(self.state))

    def renew_work(self) -> Path:
        """An empty work folder."""
        self._remove(self.work)
        self._remove(self.own)
        self._remove(self.live)
        self.work.mkdir(mode=0o755)
        return self.work

    def remove(self) -> None:
        """Take all of it away."""
        self._remove(self.path)

    def finish(self, finished: Path) -> None:
        """Take all of it away, and remember in the folder `finished` that it ran (`has_finished`)."""
        finished.mkdir(mode=0o700, exist_ok=True)
        (finished / self.attempt).touch()
        _forget_old(finished)
        self.remove()

    def _remove(self, path: Path) -> None:
        """Out of the way first: of a folder that is half removed, the next agent process would start the command again."""
        if not path.exists():
            return
        trash = path.parent / f"{TRASH}{path.name}-{os.urandom(4).hex()}"
        path.rename(trash)
        try:
            shutil.rmtree(trash)
        except OSError as error:  # files that a container's root made, where the agent is not root
            raise Stalled(
                f"the folder {trash} cannot be removed: {error.strerror}", "Remove it by hand, as its owner."
            ) from error


def half_removed(root: Path) -> list[Path]:
    """What an agent process left that ended while it removed folders, or could not remove them."""
    return list(root.glob(f"{TRASH}*"))


def all_in(root: Path) -> list[Path]:
    """The folders that an earlier agent process left, oldest first."""
    found = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=lambda path: path.stat().st_mtime)


def has_finished(finished: Path, attempt: str) -> bool:
    """Whether an attempt ran to its end here. A wake-up of it may come late, and its command must not start twice; the web
    side refuses such a claim, but need not be asked.
    """
    return (finished / attempt).exists()


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


def _forget_old(finished: Path) -> None:
    limit = time.time() - KEPT_FINISHED
    for mark in finished.iterdir():
        with suppress(FileNotFoundError):  # another attempt's thread was here first
            if mark.stat().st_mtime < limit:
                mark.unlink()


def _read_state(path: Path) -> State:
    try:
        return codec.read(State, path.read_bytes())
    except FileNotFoundError:
        return State()
