"""Processes as /proc shows them: which one a pid really is, what belongs to an attempt, how to wait for an end.

A pid alone says nothing after a while; a pid, its start time and the boot it belongs to name one process for ever.
"""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

MARK = "LUOTSI_ATTEMPT"
"""The variable by which a process is known to belong to an attempt, even one that left its session."""

SHELLS = frozenset({"sh", "dash", "bash", "ash", "zsh", "ksh", "busybox", "bwrap"})
"""Programs that wait for the child that does the work, and would end before it when told to end."""

_PROC = Path("/proc")
_SIGTERM_BIT = 1 << (signal.SIGTERM - 1)


class Stat(NamedTuple):
    """Of /proc/<pid>/stat (proc(5)): fields 1, 2, 3, 4, 6 and 22."""

    pid: int
    name: str
    state: str
    parent: int
    session: int
    started: int

    @property
    def runs(self) -> bool:
        """Whether it is neither gone nor a zombie."""
        return self.state not in ("", "Z", "X")


GONE = Stat(0, "", "", 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Identity:
    """A process: its id, when it started (clock ticks since boot), and the id of that boot."""

    pid: int
    started: int
    boot: str

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        now = stat_of(self.pid)
        return self.boot == boot() and now.started == self.started and now.runs


def boot() -> str:
    """The id of the running boot."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def parse_stat(text: str) -> Stat:
    """A line of /proc/<pid>/stat. The name may hold anything, also `)`."""
    pid, _, rest = text.partition(" (")
    name, _, numbers = rest.rpartition(")")
    fields = numbers.split()
    return Stat(int(pid), name, fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def stat_of(pid: int) -> Stat:
    """The process, or GONE."""
    try:
        return parse_stat((_PROC / str(pid) / "stat").read_text())
    except (OSError, ValueError, IndexError):
        return GONE


def belonging(attempt: str, session: int) -> Iterator[Stat]:
    """The live processes of an attempt: marked by its variable, or in `session`, unless that is 0.

    A session counts only while its first process is known to be there, or to have just ended: its number belongs to
    others later, and 0 belongs to the kernel and to all who were started outside of this container.
    """
    mark = f"{MARK}={attempt}".encode()
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        found = stat_of(int(entry.name))
        if (
            found.runs
            and found.pid > 1
            and ((session > 1 and found.session == session) or _is_marked(entry, mark))
        ):
            yield found


def ask_to_end(attempt: str, session: int, spare: int, told: set[tuple[int, str]]) -> None:
    """SIGTERM to all but `spare`, and but shells that wait for a child which is told itself. To be called until they end.

    `told` keeps pid and name of who was told, who is not told twice: a second SIGTERM means "hurry" to many programs. A
    child that was told before it became another program may have lost the signal, and has another name now.
    """
    found = [process for process in belonging(attempt, session) if process.pid != spare]
    parents = {process.parent for process in found}
    for process in found:
        if process.pid in parents and process.name in SHELLS and not _catches_sigterm(process.pid):
            continue
        if (process.pid, process.name) not in told:
            told.add((process.pid, process.name))
            _signal(process.pid, signal.SIGTERM)


def kill(attempt: str, session: int, spare: int = 0) -> bool:
    """SIGKILL to all but `spare`; whether there was any."""
    found = [process.pid for process in belonging(attempt, session) if process.pid != spare]
    for pid in found:
        _signal(pid, signal.SIGKILL)
    return bool(found)


def wait_for(pid: int, wake: int) -> None:
    """Block until the process has ended, or `wake` (a file descriptor) becomes readable."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.register(wake, select.POLLIN)
        poll.poll()
    finally:
        os.close(descriptor)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _is_marked(entry: Path, mark: bytes) -> bool:
    try:
        return mark in (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _catches_sigterm(pid: int) -> bool:
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return False
    caught = next((line.split()[1] for line in lines if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) & _SIGTERM_BIT)
