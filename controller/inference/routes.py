"""The routes file: which path of the gateway leads to which running replicas. Written by a cluster, read by the gateway.

One JSON file, replaced in one step. For a local cluster it is also the memory of what it switched to, and when.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from schemas import codec
from schemas.errors import Refused, Stalled

VERSION = 1


@dataclass(frozen=True, slots=True)
class Upstream:
    """One running replica: its instance's id and where it listens (`127.0.0.1`, port)."""

    instance: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Route:
    """Requests under `prefix`, or one of `aliases`, go to one of `upstreams`. Times are seconds of Unix time.

    `since`: when this digest took over. `changed`: when a replica was last taken out, which then answers what it had begun.
    """

    name: str
    prefix: str
    model: str
    stage: str
    version: str
    digest: str
    upstreams: tuple[Upstream, ...]
    since: float
    changed: float
    aliases: tuple[str, ...] = ()

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Every path under which the replicas are reached."""
        return (self.prefix, *self.aliases)


@dataclass(frozen=True, slots=True)
class Routes:
    """The whole file."""

    version: int = VERSION
    routes: tuple[Route, ...] = ()


def read(path: Path) -> Routes:
    """What the file says; no routes where there is no file. Raises `Refused` for anything but a routes file."""
    try:
        return codec.read(Routes, path.read_bytes())
    except FileNotFoundError:
        return Routes()
    except (Refused, OSError) as error:
        raise Refused(f"{path} cannot be read as a routes file: {error}") from error


def write(path: Path, routes: Iterable[Route]) -> None:
    """Replace the file in one step, durably. Raises `Stalled` (full disk, rights)."""
    whole = Routes(routes=tuple(sorted(routes, key=lambda route: route.name)))
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(codec.write(whole))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise Stalled(f"the gateway's routes cannot be written to {path}: {error.strerror}") from error
