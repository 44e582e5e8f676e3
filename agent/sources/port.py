"""The port of sources: where `uris` of inputs point. One file a kind, with `connect(access) -> Source`."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from agent.core.placing import Found
from schemas.errors import Refused

MOST = 100_000
"""Files that one address may give."""


@dataclass(frozen=True, slots=True)
class Access:
    """What an attempt may read with the agent's own rights."""

    folders: tuple[str, ...] = ()
    """`inputs.folders` of the settings."""
    buckets: tuple[Mapping[str, object], ...] = ()
    """`inputs.s3` of the settings."""
    is_trusted: bool = True
    """An untrusted attempt reads nothing that it could not read from its own container."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is being read. `pieces` may be read once, inside the context that gave it."""

    pieces: Iterator[bytes]
    size: int | None
    """Bytes, where the source says so."""
    version: str
    """The version of these very bytes, spelled as in `Found`; empty where the source cannot promise one."""


class Source(Protocol):
    """Safe to share between threads. One try a call.

    Every method raises `Gone` (nothing there), `Refused` (an address that makes no sense, or that the settings do not
    allow: the message names the setting; no right to read) or `Waiting` (away, busy).
    """

    def find(self, uri: str) -> list[Found]:
        """The files of an address: the one it names, or all that fit its pattern, in the order of their paths.

        An empty list: the pattern fits nothing. `Gone` for one plain file that is not there (where that is known before
        it is read). `Refused` for more than `MOST`.
        """
        ...

    def open(self, found: Found) -> AbstractContextManager[Opened]:
        """Read one file that `find` gave, as it is now. A body that is cut short raises `Waiting`, never ends early."""
        ...


def too_many(uri: str, most: int = MOST) -> Refused:
    """More files than one address may give."""
    return Refused(f"more than {most:,} files fit {uri}", "Name a folder, or a narrower pattern.")
