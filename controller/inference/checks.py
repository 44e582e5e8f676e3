"""Is a replica fit to take requests? First its port, then the smoke request.

TCP, never GET /: documented apps answer only POST (contract, section 4).
"""

import json
import socket
from dataclasses import dataclass
from enum import Enum

from urllib3 import HTTPConnectionPool, Timeout
from urllib3.exceptions import HTTPError

from controller.inference.port import Serving, Smoke

LINGER = 0.2
"""Seconds that a connection must stay open. An engine's own proxy takes connections before the endpoint listens, and
drops them at once."""


class Fitness(Enum):
    """What a check found. `not_yet` is asked again, until the time to start has passed."""

    FIT = "fit"
    NOT_YET = "not yet"
    UNFIT = "unfit"


@dataclass(frozen=True, slots=True)
class Check:
    """One look at a replica; `reason` is a clause for people."""

    fitness: Fitness
    reason: str = ""


def check(host: str, port: int, wanted: Serving, seconds: float) -> Check:
    """Look at a replica once; takes at most `seconds` and a little. Never raises for what the endpoint does."""
    listening = listens(host, port)
    if listening.fitness is not Fitness.FIT or wanted.smoke is None:
        return listening
    return _smoke(host, port, wanted.prefix, wanted.smoke, seconds)


def listens(host: str, port: int) -> Check:
    """Whether something takes a connection and keeps it."""
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.settimeout(LINGER)
            if not connection.recv(1):
                return Check(Fitness.NOT_YET, f"nothing listens on port {port}")
    except TimeoutError:
        return Check(Fitness.FIT)
    except OSError:
        return Check(Fitness.NOT_YET, f"nothing listens on port {port}")
    return Check(Fitness.FIT)


def _smoke(host: str, port: int, prefix: str, smoke: Smoke, seconds: float) -> Check:
    method = "GET" if smoke.body is None else "POST"
    headers = {"x-vh-prefix": prefix}
    if smoke.body is not None:
        headers["content-type"] = _type(smoke.body)
    what = f"the smoke request ({method} {prefix})"
    pool = HTTPConnectionPool(host, port, timeout=Timeout(total=seconds), maxsize=1)
    try:
        answer = pool.urlopen(method, prefix, body=smoke.body, headers=headers, retries=False, redirect=False)
    except HTTPError as error:
        return Check(Fitness.NOT_YET, f"{what} was not answered: {type(error).__name__}")
    finally:
        pool.close()
    if answer.status == smoke.expect:
        return Check(Fitness.FIT)
    fitness = Fitness.NOT_YET if answer.status == 503 else Fitness.UNFIT
    start = answer.data[:200].decode(errors="replace").strip()
    return Check(fitness, f"{what} was answered with {answer.status}, not {smoke.expect}: {start}")


def _type(body: bytes) -> str:
    try:
        json.loads(body)
    except ValueError:
        return "application/octet-stream"
    return "application/json"
