"""A gateway in a process of its own, as the door starts it, and requests to it."""

import http.client
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts.process import PATIENCE, Child, free_port

ROOT = Path(__file__).parents[2]
PROGRAM = (
    "import sys; from pathlib import Path; from controller.inference.gateway import serve; "
    "serve('127.0.0.1', int(sys.argv[1]), Path(sys.argv[2]))"
)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> dict[str, object]:
        said: dict[str, object] = json.loads(self.body)
        return said

    def header(self, name: str) -> str:
        return ",".join(value for key, value in self.headers if key.lower() == name)


@dataclass(frozen=True)
class RunningGateway:
    port: int

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()


@contextmanager
def running(routes_file: Path, folder: Path, *environment: str) -> Iterator[RunningGateway]:
    """The gateway while it runs. `environment`: further variables of its process, `NAME=value`."""
    gateway = RunningGateway(free_port())
    program = [sys.executable, "-c", PROGRAM, str(gateway.port), str(routes_file)]
    child = Child(["env", *environment, *program], folder, cwd=ROOT)
    try:
        child.wait_ready(lambda: gateway.ask("GET", "/").status == 200)
        yield gateway
    finally:
        child.stop()
