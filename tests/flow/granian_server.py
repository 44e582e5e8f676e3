"""The web side of the tests under the server that it runs on, in a process of its own."""

import http.client
import json
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stores import folder
from stores.folder import FolderStore
from tests.flow.test_hooks import LOOK, signature
from tests.flow.web_side import REPOSITORY, START
from tests.parts.process import Child, free_port


@dataclass
class Server:
    """A running server and its store."""

    port: int
    store: FolderStore

    def send(self, method: str, target: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(
                method, target, body, {name.replace("_", "-"): value for name, value in headers.items()}
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def usage(self) -> tuple[int, int]:
        """Open files, resident bytes."""
        usage = self.seen()
        return usage["files"], usage["memory"]

    def seen(self) -> dict[str, int]:
        """What the process that answers holds."""
        seen: dict[str, int] = json.loads(self.send("GET", "/usage")[1])
        return seen

    def look(self, number: str) -> int:
        return self.send(
            "POST", f"/hooks/{REPOSITORY}", LOOK, X_Luotsi_Signature=signature(LOOK), X_Luotsi_Delivery=number
        )[0]

    def address(self, method: str, key: str) -> str:
        address = self.store.address("PUT" if method == "PUT" else "GET", key, 3600, shares_folder=False)
        return address.url.removeprefix("http://localhost")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def open(self, head: str) -> socket.socket:
        made = self.connect()
        made.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        return made


@contextmanager
def running(here: Path, seconds: float) -> Iterator[Server]:
    """A server of eight threads, where a delivery's body may take so long."""
    port = free_port()
    environment = {"WEB_SIDE_FOLDER": here, "WEB_SIDE_SECONDS": seconds, "PYTHONPATH": Path.cwd()}
    code = f"from luotsi.verbs.web import serve; serve('tests.flow.granian_app:front', '127.0.0.1', {port})"
    command = [
        "/usr/bin/env",
        *(f"{name}={value}" for name, value in environment.items()),
        sys.executable,
        "-c",
        code,
    ]
    child = Child(command, here)
    settings = {"path": here / "store" / "artifacts", "web": "http://localhost", "secret": "objects-secret"}
    offset = START.timestamp() - time.time()
    try:
        made = Server(port, folder.connect("artifacts", settings, clock=lambda: time.time() + offset))
        child.wait_ready(lambda: made.usage()[0] > 0)
        made.look("warm")
        yield made
    finally:
        child.stop()
