"""A network bridge of the test session's own, so that two engines on one machine do not share addresses."""

import os
import subprocess

from tests.parts.lock import locked
from tests.parts.part import Forbidden, program


class Bridge:
    """Made in a free /24 of 172.30.0.0/16; `gateway` is its address on this machine."""

    def __init__(self) -> None:
        self.name = f"luotsi{os.getpid() % 100_000_000}"
        self.gateway = ""

    def make(self) -> None:
        with locked("bridge"):
            taken = _ip("-o", "-4", "address", "show")
            start = os.getpid()
            free = next(
                n for n in ((start + step) % 254 + 1 for step in range(254)) if f" 172.30.{n}." not in taken
            )
            self.gateway = f"172.30.{free}.1"
            _ip("link", "add", self.name, "type", "bridge")
            _ip("address", "add", f"{self.gateway}/24", "dev", self.name)
            _ip("link", "set", self.name, "up")

    def remove(self) -> None:
        if self.gateway:
            _ip("link", "delete", self.name)


def _ip(*arguments: str) -> str:
    done = subprocess.run([program("ip"), *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise Forbidden(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
