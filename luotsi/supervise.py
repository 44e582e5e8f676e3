"""Runs the installation's processes as one tree: starts them, restarts what dies, ends them together.

What an earlier tree left behind is found by pid file and start time: the embedded Valkey is taken over, the others are ended
before their successors start. Children notice by themselves when this process is gone.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from luotsi import processes
from luotsi.workspace import Workspace
from schemas.errors import LuotsiError, Stalled

log = structlog.get_logger()

FIRST_PAUSE = 0.3
LONGEST_PAUSE = 10.0
TENDED = 2.0
PARENT_PACE = 0.3
STEADY = 30.0
"""Seconds after which a process that ran counts as well again."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the tree."""

    name: str
    arguments: tuple[str, ...]
    """Of the `luotsi` command."""


class Tree:
    """The processes of one workspace. `start` once, `stop` once; a thread a part keeps it alive in between."""

    def __init__(
        self,
        workspace: Workspace,
        parts: tuple[Part, ...],
        environment: Mapping[str, str],
        tend: Callable[[], object] | None = None,
    ) -> None:
        """`tend` is called every few seconds: it looks after what is no part of the tree, the embedded Valkey."""
        self._tend = tend
        self._workspace = workspace
        self._parts = parts
        self._environment = {**os.environ, **environment, "LUOTSI_PARENT": str(os.getpid())}
        self._stopping = threading.Event()
        self._running: dict[str, processes.Known] = {}
        self._threads: list[threading.Thread] = []
        self._deaths: dict[str, int] = {}

    def claim(self) -> None:
        """Make this process the workspace's only tree, and end what an earlier one left. Raises `Stalled`."""
        self.refuse_a_second()
        processes.write(self._pid_file("up"), os.getpid(), sys.argv)
        for part in self._parts:
            left = processes.read(self._pid_file(part.name))
            if left is not None:
                log.info("ending what was left behind", part=part.name, pid=left.pid)
                left.end()

    def refuse_a_second(self) -> None:
        """Raise `Stalled` when another process is the workspace's tree."""
        other = processes.read(self._pid_file("up"))
        if other is not None and other.pid != os.getpid():
            verb = "demo" if "demo" in other.command else "up"
            raise Stalled(
                f"the workspace {self._workspace.root} is in use by process {other.pid}, another `luotsi {verb}`",
                f"End that one first, with Ctrl-C where it runs or with `kill {other.pid}`, or use another folder.",
            )

    def start(self) -> None:
        """Start every part and keep it running."""
        for part in self._parts:
            thread = threading.Thread(target=self._keep, args=(part,), name=part.name, daemon=True)
            thread.start()
            self._threads.append(thread)
        if self._tend is not None:
            threading.Thread(target=self._look_after, args=(self._tend,), name="tend", daemon=True).start()

    def pid(self, name: str) -> int | None:
        """The process id of a part, None while it is down."""
        known = self._running.get(name)
        return known.pid if known else None

    def deaths(self, name: str) -> int:
        """How often a part has ended by itself."""
        return self._deaths.get(name, 0)

    def stop(self) -> None:
        """End every part, the last started first, and give the workspace free."""
        self._stopping.set()
        for part in reversed(self._parts):
            known = self._running.get(part.name)
            if known is not None:
                known.end(grace=8.0)
        for thread in self._threads:
            thread.join(timeout=5)
        self._pid_file("up").unlink(missing_ok=True)

    def command_of(self, part: Part) -> list[str]:
        """What is executed for a part."""
        return [sys.executable, "-m", "luotsi", *part.arguments]

    def _pid_file(self, name: str) -> Path:
        return self._workspace.folder("pids") / f"{name}.json"

    def _look_after(self, tend: Callable[[], object]) -> None:
        while not self._stopping.wait(TENDED):
            try:
                tend()
            except LuotsiError as error:
                log.warning("what the tree looks after is in trouble", reason=str(error))

    def _keep(self, part: Part) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            code = self._once(part)
            if self._stopping.is_set():
                return
            self._deaths[part.name] = self.deaths(part.name) + 1
            pause = FIRST_PAUSE if time.monotonic() - began > STEADY else min(pause * 2, LONGEST_PAUSE)
            log.warning(
                "a part ended",
                part=part.name,
                code=code,
                again_in=f"{pause:.1f} s",
                log=str(self._log_file(part)),
            )
            self._stopping.wait(pause)

    def _once(self, part: Part) -> int:
        command = self.command_of(part)
        with self._log_file(part).open("ab") as output:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._workspace.root,
                env=self._environment,
            )
        self._running[part.name] = processes.write(self._pid_file(part.name), child.pid, command)
        code = child.wait()
        self._running.pop(part.name, None)
        self._pid_file(part.name).unlink(missing_ok=True)
        return code

    def _log_file(self, part: Part) -> Path:
        return self._workspace.folder("logs") / f"{part.name}.log"


def follow_parent(stop: Callable[[], None]) -> None:
    """Call `stop` when the process that started this one is gone. Only parts of a tree have such a parent."""
    parent = int(os.environ.get("LUOTSI_PARENT", "0"))
    if parent and os.getppid() == parent:
        _when_gone(parent, stop)


def end_with_server() -> None:
    """For a server's worker process: end at once when the server was killed and can end nobody any more."""
    _when_gone(os.getppid(), lambda: os._exit(1))


def _when_gone(parent: int, then: Callable[[], None]) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_PACE)
        then()

    threading.Thread(target=watch, name="parent", daemon=True).start()
