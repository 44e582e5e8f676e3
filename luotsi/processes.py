"""Processes by pid and start time: a pid alone may be somebody else's by now."""

import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Known:
    """A process as it was when it was written down. `started`: clock ticks since boot (proc(5), stat field 22)."""

    pid: int
    started: int
    command: tuple[str, ...] = ()

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return start_time(self.pid) == self.started

    def end(self, grace: float = 5.0) -> None:
        """SIGTERM, then SIGKILL after `grace` seconds. Nothing happens when it is gone."""
        for wish, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
            if not self.alive():
                return
            try:
                os.kill(self.pid, wish)
            except ProcessLookupError:
                return
            _until_gone(self, patience)


def start_time(pid: int) -> int | None:
    """When a process started, None when there is none (or only its zombie)."""
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
        )
    except (OSError, IndexError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


def write(path: Path, pid: int, command: Sequence[str]) -> Known:
    """Write a process down."""
    known = Known(pid, start_time(pid) or 0, tuple(command))
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps({"pid": known.pid, "started": known.started, "command": list(command)}))
    temporary.replace(path)
    return known


def read(path: Path) -> Known | None:
    """The process that a pid file names, if it is still that one and runs."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        known = Known(int(said["pid"]), int(said["started"]), tuple(said["command"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return known if known.alive() else None


def _until_gone(known: Known, patience: float) -> None:
    end = time.monotonic() + patience
    while known.alive() and time.monotonic() < end:
        try:
            os.waitpid(known.pid, os.WNOHANG)
        except ChildProcessError:
            pass
        time.sleep(0.02)
