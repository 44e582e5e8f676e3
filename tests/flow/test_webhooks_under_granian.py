"""The ear under the server that it runs on, with senders that do not keep to the rules (threat 13)."""

import hashlib
import http.client
import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stores import folder, keys
from stores.folder import FolderStore
from tests.flow.test_hooks import LOOK, signature
from tests.flow.web_side import REPOSITORY, START
from tests.parts.process import Child, free_port, until

MIB = 1024 * 1024
SIGNED = {"X-Luotsi-Signature": "sha256=" + "0" * 64}


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
        files, memory = self.send("GET", "/open-files")[1].split()
        return int(files), int(memory)

    def look(self, number: str) -> int:
        return self.send(
            "POST", f"/hooks/{REPOSITORY}", LOOK, X_Luotsi_Signature=signature(LOOK), X_Luotsi_Delivery=number
        )[0]

    def address(self, method: str, key: str) -> str:
        address = self.store.address("PUT" if method == "PUT" else "GET", key, 3600, shares_folder=False)
        return address.url.removeprefix("http://localhost")

    def open(self, head: str) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        made.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    here, port = tmp_path_factory.mktemp("granian"), free_port()
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    environment = ["/usr/bin/env", f"WEB_SIDE_FOLDER={here}", f"PYTHONPATH={Path.cwd()}"]
    child = Child([*environment, *command, "--blocking-threads", "8", "tests.flow.granian_app:app"], here)
    settings = {"path": here / "store" / "artifacts", "web": "http://localhost", "secret": "objects-secret"}
    offset = START.timestamp() - time.time()
    try:
        made = Server(port, folder.connect("artifacts", settings, clock=lambda: time.time() + offset))
        child.wait_ready(lambda: made.usage()[0] > 0)
        made.look("warm")
        yield made
    finally:
        child.stop()


def flood(made: socket.socket, most: int) -> int:
    """Send chunks until the other side has had enough; the bytes that went out."""
    chunk, sent = b"100000\r\n" + b"x" * MIB + b"\r\n", 0
    try:
        while sent < most:
            made.sendall(chunk)
            sent += MIB
    except OSError:
        pass
    return sent


def test_an_endless_body_fills_no_memory(server: Server) -> None:
    _, before = server.usage()
    for head in (
        f"POST /hooks/{REPOSITORY} HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n{head_of(SIGNED)}",
        "POST /hooks/nobody/nothing HTTP/1.1\nHost: x\nTransfer-Encoding: chunked",
        "POST /agent/v1/renew HTTP/1.1\nHost: x\nTransfer-Encoding: chunked",
    ):
        with server.open(head) as made:
            assert flood(made, 5000 * MIB) < 200 * MIB, "it was read to its end"
    assert server.look("after-flood") == 202
    _, after = server.usage()
    assert after - before < 10 * MIB


def test_a_claimed_length_is_refused_without_reading(server: Server) -> None:
    head = f"POST /hooks/{REPOSITORY} HTTP/1.1\nHost: x\nContent-Length: 5000000000\n{head_of(SIGNED)}"
    with server.open(head) as made:
        assert b" 413 " in made.recv(4096)


def test_slow_senders_do_not_keep_others_out(server: Server) -> None:
    head = f"POST /hooks/{REPOSITORY} HTTP/1.1\nHost: x\nContent-Length: 1000\n{head_of(SIGNED)}"
    made = [server.open(head) for _ in range(6)]
    try:
        started = time.monotonic()
        assert server.look("beside-the-slow") == 202
        assert b" 408 " in made[0].recv(4096)
        assert time.monotonic() - started < 15
    finally:
        for each in made:
            each.close()
    assert server.look("after-the-slow") == 202


def test_a_packed_body_is_not_unpacked(server: Server) -> None:
    bomb = b"\x1f\x8b" + b"\0" * 1000
    status, _ = server.send(
        "POST", f"/hooks/{REPOSITORY}", bomb, X_Luotsi_Signature=signature(bomb), Content_Encoding="gzip"
    )
    assert status == 400


def test_objects_travel_whole(server: Server) -> None:
    key = keys.output("execution", 1, "datum", "../%2e%2e/large file.bin")
    data = os.urandom(MIB) * 100
    files, before = server.usage()
    assert server.send("PUT", server.address("PUT", key), data)[0] == 200
    assert server.store.get(key, limit=len(data)) == data
    for _ in range(3):
        status, got = server.send("GET", server.address("GET", key))
        assert (status, hashlib.sha256(got).digest()) == (200, hashlib.sha256(data).digest())
    assert server.send("PUT", server.address("PUT", "empty"), b"", Content_Length="0")[0] == 200
    assert server.store.get("empty") == b""
    files_after, after = server.usage()
    assert files_after <= files + 3, "files stay open"
    assert after - before < 60 * MIB, "an object passes through memory whole"


def test_a_sender_that_goes_away_leaves_nothing(server: Server) -> None:
    target = server.address("PUT", "cut/short")
    parts = server.store.root / "+parts"
    with server.open(f"PUT {target} HTTP/1.1\nHost: x\nContent-Length: 1000000") as made:
        made.sendall(b"x" * 500_000)
        until(lambda: list(parts.iterdir()) != [], what="the part")
    until(lambda: list(parts.iterdir()) == [], what="its end")
    assert server.store.head("cut/short") is None


def test_paths_are_decoded_once(server: Server) -> None:
    server.store.put("outputs/%252E", b"found")
    target = server.address("GET", "outputs/%252E")
    assert server.send("GET", target) == (200, b"found")
    parsed = urlsplit(target)
    for path in (
        "/objects/artifacts/../x",
        "/objects/artifacts/%2e%2e/x",
        "/objects/artifacts/outputs/%252E",
    ):
        assert server.send("GET", f"{path}?{parsed.query}")[0] in {403, 404}


def head_of(headers: dict[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items())
