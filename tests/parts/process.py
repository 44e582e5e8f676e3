"""Servers that tests start: a free port, a child that dies with us, readiness by polling, an end by process id."""

import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.parts import ports
from tests.parts.part import Forbidden

REFUSALS = (
    "operation not permitted",
    "operation not supported",
    "permission denied",
    "read-only file system",
    "do you need to insmod",
)


PATIENCE = 120.0
"""Seconds that a test waits for what must come. A wait that passes costs nothing, and two busy cores may be slow."""


def free_port() -> int:
    """A port of loopback that nobody has, and that no other session is given."""
    return ports.next_free()


def is_refusal(text: str) -> bool:
    """Whether a program's words are those of a kernel or a sandbox that forbids what it tried."""
    return any(words in text.lower() for words in REFUSALS)


def until(
    ready: Callable[[], object], seconds: float = PATIENCE, what: str = "it", pace: float = 0.05
) -> None:
    """Asks every `pace` seconds until `ready` says yes; an exception of it counts as no, and is told at the deadline."""
    deadline = time.monotonic() + seconds
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except Exception as error:  # noqa: BLE001 - a server that is still starting fails in any way it likes
            last = error
        time.sleep(pace)
    raise TimeoutError(f"{what} was not ready after {seconds:g} s{f': {last}' if last else ''}")


def processes_in(folder: str | Path) -> list[int]:
    """The processes whose working directory is there or below."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(folder):
                found.append(int(entry.name))
    return found


class Child:
    """A server process of ours. It dies with the test session, even when that is killed."""

    def __init__(
        self, command: list[str], folder: Path, user: str | None = None, cwd: Path | None = None
    ) -> None:
        self.name = Path(command[0]).name
        self.log = folder / f"{self.name}.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*dying_with_us(user), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd or folder,
                start_new_session=True,
            )

    def wait_ready(self, ready: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Returns when `ready` says yes; `Forbidden` when the child ends with the kernel's refusal."""
        try:
            until(lambda: self.process.poll() is not None or ready(), seconds, self.name)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.tail()}") from error
        if self.process.poll() is not None:
            text = self.tail()
            raise (Forbidden if is_refusal(text) else RuntimeError)(f"{self.name} ended by itself: {text}")

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])

    def stop(self, seconds: float = 20.0) -> None:
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def dying_with_us(user: str | None = None) -> list[str]:
    """What a command begins with so that its process gets TERM when ours ends, however; as another user, if asked."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    who = [f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
    return [setpriv, *who, "--pdeathsig", "TERM", "--"]
