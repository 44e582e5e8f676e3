"""Finds a Docker engine on this machine, and says why there is none. Speaks to the socket only; no Docker library is loaded."""

import os
import socket
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from luotsi.installation import Installation
from schemas.errors import Stalled

SOCKETS = ("/var/run/docker.sock", "/run/podman/podman.sock")


@dataclass(frozen=True, slots=True)
class Engine:
    """What was found: the engine's address, or the sentence why there is none."""

    address: str | None
    reason: str


class _Unix(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=3)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(3)
        self.sock.connect(self._path)


def find(named: str | None = None) -> Engine:
    """The engine at `named`, else at DOCKER_HOST, else at the usual sockets."""
    given = named or os.environ.get("DOCKER_HOST")
    if given:
        return _try(given)
    for path in SOCKETS:
        if Path(path).exists():
            return _try(f"unix://{path}")
    return Engine(None, "no Docker engine: DOCKER_HOST is not set and /var/run/docker.sock is not there")


def address(installation: Installation, environment: str | None = None) -> str | None:
    """The engine that an environment's runtime uses; None when it runs plain processes."""
    entries = installation.environments()
    entry = next((e for e in entries if e.name == environment), entries[0])
    if entry.runtime["kind"] not in ("auto", "docker"):
        return None
    return find(entry.runtime.get("engine")).address


def required(environment: str, named: object) -> str:
    """The address of the engine that an environment needs. Raises `Stalled` with the other way to run."""
    found = find(str(named) if named else None)
    if found.address is None:
        raise Stalled(
            f"the environment {environment} needs a Docker engine: {found.reason}",
            hint="Or set `runtime: {kind: process, unsafe: true}`, which does not isolate.",
        )
    return found.address


def _try(where: str) -> Engine:
    parts = urlsplit(where)
    if parts.scheme == "unix":
        connection: HTTPConnection = _Unix(parts.path)
    elif parts.scheme in ("tcp", "http"):
        connection = HTTPConnection(parts.hostname or "", parts.port or 2375, timeout=3)
    else:
        return Engine(where, f"the engine at {where} is taken on trust: its kind of address is not tried")
    try:
        connection.request("GET", "/_ping")
        answer = connection.getresponse()
        if answer.status == 200:
            return Engine(where, f"the engine at {where} answers")
        return Engine(None, f"the engine at {where} answers with status {answer.status}")
    except PermissionError:
        return Engine(
            None, f"no right to use the Docker engine at {where}: join the group `docker`, or run as root"
        )
    except (OSError, HTTPException) as error:
        return Engine(
            None, f"the Docker engine at {where} does not answer: {getattr(error, 'strerror', None) or error}"
        )
    finally:
        connection.close()
