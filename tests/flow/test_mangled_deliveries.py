"""Signed deliveries of which something is wrong, on the wire: whatever it is, it is no error of ours."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from random import Random

import pytest

from tests.builders.github_examples import headers
from tests.flow.granian_server import Server, running
from tests.flow.test_hooks import signature
from tests.flow.test_webhooks_under_granian import WRONG
from tests.flow.web_side import FORGE

TARGETS = ("*", "/", "", "//", "/%", "/%00", "/forges/%ff", "/hooks/", "http://[::1", "http://x/forges/hub", "/objects/a/%2e%2e/b",
           "/forges/hub?" + "a=b&" * 2000, "/agent/v1/renew", "/metrics", "x:80", "/forges/hub#x", "/\x7f")  # fmt: skip
LINES = ("Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: 5, 5", "Content-Length: +5",
         "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: identity", "Host: a b", "Host:", "Host: \xe4",
         "Host: x:99999999", "Expect: 100-continue", "Expect: x", "Connection: upgrade", "Upgrade: websocket", "Upgrade: h2c", "Range: bytes=9-1",
         "Content-Type: multipart/form-data; boundary=", "Content-Type: \xff", "Authorization: Bearer \xe4", "Authorization: Basic x",
         "X-GitHub-Event: \xff", "X-GitHub-Delivery: ", "X-Hub-Signature-256: sha256=" + "0" * 64, "If-None-Match: *", "Cookie: a=\xff; b",
         "Accept-Language: ,;q=", " folded", "no colon", ": empty", "X-Forwarded-Host: y")  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("granian"), 3) as made:
        yield made


def mangled(random: Random) -> bytes:
    """A signed delivery on the wire, with up to four things wrong with it."""
    body = json.dumps({"zen": "x", "repository": {"id": 7}}).encode()
    signed = {
        **headers("ping", str(random.random())),
        "x-hub-signature-256": signature(body),
        "content-length": str(len(body)),
    }
    lines = [f"{name}: {value}" for name, value in signed.items()]
    first = ["POST", f"/forges/{FORGE}", "HTTP/1.1"]
    for _ in range(random.randint(1, 4)):
        match random.randrange(7):
            case 0:
                first[0] = random.choice(
                    ["GET", "HEAD", "PUT", "OPTIONS", "CONNECT", "TRACE", "PRI", "post", "X" * 300]
                )
            case 1:
                first[1] = random.choice(TARGETS)
            case 2:
                first[2] = random.choice(["HTTP/1.0", "HTTP/2.0", "HTTP/9", ""])
            case 3:
                lines.insert(random.randrange(len(lines)), random.choice(LINES))
            case 4:
                lines.append(random.choice(lines))
            case 5:
                lines.pop(random.randrange(len(lines)))
            case 6:
                at = random.randrange(len(body))
                body = body[:at] + random.randbytes(random.randrange(4)) + body[at + random.randrange(4) :]
    head = "\r\n".join([" ".join(first), "host: x", *lines, "", ""]).encode("latin-1")
    return head + body


def test_no_mangled_delivery_is_an_error_of_ours(server: Server) -> None:
    def status(sent: bytes) -> int:
        with server.connect() as made, suppress(ConnectionError):
            made.sendall(sent)
            if answer := made.recv(4096):
                return int(answer.split()[1])
        return 0  # it was cut off

    random = Random(7)
    wrong = [mangled(random) for _ in range(500)]
    with ThreadPoolExecutor(64) as pool:
        found = list(pool.map(status, wrong))
    assert [sent for sent, code in zip(wrong, found, strict=True) if code >= 500] == []
    assert set(found) >= {202, 400, 401, 405, 408}
    assert server.look("after-all-that") == 202


def test_a_body_that_is_cut_off_is_told_so(server: Server) -> None:
    """To a sender who has only stopped to send: it may still hear it."""
    for framing in ("Content-Length: 1000", "Transfer-Encoding: chunked"):
        with server.open(
            f"POST /forges/{FORGE} HTTP/1.1\nHost: x\nX-Hub-Signature-256: {WRONG}\n{framing}"
        ) as made:
            made.shutdown(socket.SHUT_WR)
            with suppress(ConnectionError):
                answer = made.recv(4096)
                assert not answer or answer.split()[1] == b"400", answer
