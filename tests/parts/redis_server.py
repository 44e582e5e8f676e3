"""Redis, as an installation with a server of its own has it: in memory, on loopback, no password."""

import subprocess
from pathlib import Path

import redis

from tests.parts.part import Part, program
from tests.parts.process import Child, free_port


class RedisServer(Part):
    """`address` is a redis:// URL."""

    key = "redis_server"
    name = "Redis"
    programs = ("redis-server",)
    packages = ("redis-server",)

    def __init__(self) -> None:
        self._child: Child | None = None

    def start(self, folder: Path) -> None:
        port = free_port()
        self.address = f"redis://127.0.0.1:{port}/0"
        options = {
            "--bind": "127.0.0.1",
            "--port": str(port),
            "--save": "",
            "--appendonly": "no",
            "--dir": str(folder),
        }
        command = [program("redis-server"), *(word for pair in options.items() for word in pair)]
        self._child = Child(command, folder)
        self._child.wait_ready(self._answers)

    def stop(self) -> None:
        if self._child:
            self._child.stop()

    def version(self) -> str:
        said = subprocess.run(
            [program("redis-server"), "--version"], capture_output=True, text=True, check=True
        )
        return said.stdout.split("v=")[1].split()[0]

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.address) as client:
            return bool(client.ping())
