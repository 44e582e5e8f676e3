"""Processes that outlive their parent, told apart by pid and start time (proc(5)), so that a reused pid is never taken for one."""

import os
import signal
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path

_STATE, _START = 0, 19
"""Fields 3 and 22 of /proc/<pid>/stat, counted after the name in parentheses, which may hold anything."""
_LISTENS = "0A"
"""The state of a listening socket in /proc/net/tcp (`TCP_LISTEN` of the kernel)."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this boot. `started` counts clock ticks since the boot."""

    pid: int
    started: int


def parse(stat: str) -> Process:
    """From the text of /proc/<pid>/stat. Raises `ValueError` for anything else."""
    pid, _, rest = stat.partition(" ")
    fields = rest.rpartition(")")[2].split()
    if len(fields) <= _START:
        raise ValueError("not a line of /proc/<pid>/stat")
    return Process(int(pid), int(fields[_START]))


def alive(process: Process) -> bool:
    """Whether that very process runs. One that ended and was not yet collected by its parent does not."""
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text()
    except OSError:
        return False
    state = stat.rpartition(")")[2].split()[_STATE]
    return parse(stat) == process and state not in "ZX"


def boot() -> str:
    """The id of this boot; pids of another mean nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def signal_group(process: Process, number: signal.Signals) -> None:
    """Signal the session's process group that the process leads, if it is still that process."""
    if alive(process):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def kill_marked(mark: bytes) -> None:
    """SIGKILL every process that has `NAME=value` in the environment that it was started with: children that left the group."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)


def listening(port: int) -> tuple[str, ...]:
    """The addresses of this machine at which something listens on that TCP port, in order."""
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):  # a kernel without IPv6
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                _, local, _, state, *_ = line.split()
                address, _, at = local.partition(":")
                if state == _LISTENS and int(at, 16) == port:
                    found.add(_address(address))
    return tuple(sorted(found))


def exposed(port: int) -> tuple[str, ...]:
    """Those of `listening` that are not loopback."""
    return tuple(address for address in listening(port) if not _is_loopback(address))


def _address(spelt: str) -> str:
    """An address as /proc/net/tcp spells it: 32-bit words in the machine's own order, each as 8 hex digits."""
    words = [int(spelt[at : at + 8], 16) for at in range(0, len(spelt), 8)]
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words))


def _is_loopback(address: str) -> bool:
    read = ip_address(address)
    mapped = read.ipv4_mapped if isinstance(read, IPv6Address) else None
    return (mapped or read).is_loopback
