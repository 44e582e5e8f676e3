"""The demonstration as a user starts it: the command, in a process group of its own, read line by line."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from luotsi import processes

PATIENCE = 240.0
NO_ENGINE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


class Demo:
    """One run of `luotsi demo --once --json` in a workspace."""

    def __init__(self, workspace: Path, environment: dict[str, str]) -> None:
        self.workspace = workspace
        self.events: list[dict[str, Any]] = []
        self._errors = workspace.with_suffix(".err").open("ab")
        command = [sys.executable, "-m", "luotsi", "demo", "--once", "--json", "--workspace", str(workspace)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        self._timer = threading.Timer(PATIENCE, self.kill)
        self._timer.start()

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read on until an event is the wanted one."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            self.events.append(event)
            if wanted(event):
                return event
        raise AssertionError(f"it ended without: {self.events[-5:]}\n{self.said()}")

    def summary(self) -> dict[str, Any]:
        """The last event, once the process has ended; its exit code has to agree with it."""
        found = self.until(lambda event: event["event"] == "summary")
        code = self.process.wait(timeout=60)
        self.close()
        assert (code == 0) is found["ok"], f"exit code {code} for {found}\n{self.said()}"
        return found

    def kill(self) -> None:
        """SIGKILL the whole process group, as a machine that loses power would."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.close()

    def kill_part(self, name: str) -> None:
        """SIGKILL one process of the tree."""
        known = processes.read(self.workspace / "pids" / f"{name}.json")
        assert known is not None, f"{name} does not run"
        os.kill(known.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let go of pipes and timer."""
        self._timer.cancel()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._errors.close()

    def said(self) -> str:
        """What it wrote to stderr, and the last lines of its parts' logs."""
        logs = sorted(self.workspace.glob("logs/*.log"))
        return "\n".join(map(_tail, [self.workspace.with_suffix(".err"), *logs]))


def _tail(log: Path) -> str:
    return f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-15:])
