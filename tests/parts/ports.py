"""Ports that servers of tests are told to take, some time before they take them.

The kernel gives a port that was let go to whoever asks next, so two sessions side by side would now and then hand out the
same. Each process has a block of its own instead, below the ports that the kernel gives away by itself. Who has a block says
so by a name in the kernel's abstract namespace (unix(7)), which is shared by exactly those who share the ports, whoever they
are and wherever their HOME is, and is let go when the process ends.
"""

import itertools
import socket
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FIRST, BLOCK, BLOCKS = 20_000, 500, 24
GIVEN_BY_KERNEL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def next_free() -> int:
    """A port of loopback that nobody has, and that no other process is given by this."""
    mine = _mine()
    candidates = itertools.islice(mine.ports, BLOCK) if mine else ()
    return next(filter(_bound, candidates), 0) or _bound(0)


class Block:
    """The ports of this process, over and over, as long as `name` (a socket's descriptor) is open."""

    def __init__(self, number: int, name: int) -> None:
        first = FIRST + number * BLOCK
        self.name = name
        self.ports: Iterator[int] = itertools.cycle(range(first, first + BLOCK))


@cache
def _mine() -> Block | None:
    """None where no block is left, or where the kernel gives away such ports."""
    try:
        lowest = int(GIVEN_BY_KERNEL.read_text().split()[0])
    except OSError:
        return None
    return take() if lowest >= FIRST + BLOCK * BLOCKS else None


def take(name: str = "luotsi-test-ports") -> Block | None:
    """The first block that no living process has."""
    for number in range(BLOCKS):
        with socket.socket(socket.AF_UNIX) as own:
            try:
                own.bind(f"\0{name}-{number}")
            except OSError:
                continue
            return Block(number, own.detach())
    return None


def _bound(port: int) -> int:
    """The port, which can be had (0: any); 0 where it cannot."""
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return 0
        return int(listener.getsockname()[1])
