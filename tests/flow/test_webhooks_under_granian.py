"""The ear under the server that it runs on, with senders that do not keep to the rules (threats 13 and 19)."""

import gzip
import hashlib
import http.client
import json
import os
import select
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stores import keys
from tests.builders.github_examples import headers
from tests.flow.granian_server import Server, running
from tests.flow.test_hooks import LOOK, signature
from tests.flow.web_side import FORGE, REPOSITORY
from tests.parts.process import until

MIB = 1024 * 1024
WRONG = "sha256=" + "0" * 64
DOORS = (
    f"/hooks/{REPOSITORY} HTTP/1.1\nHost: x\nX-Luotsi-Signature: {WRONG}",
    f"/forges/{FORGE} HTTP/1.1\nHost: x\nX-GitHub-Event: push\nX-GitHub-Delivery: 1\nX-Hub-Signature-256: {WRONG}",
)
"""Where deliveries come in, with a signature that is well formed, so that the body is looked at."""
LARGE = "POST {}\nContent-Length: 1000000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("granian"), 3) as made:
        yield made


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


def test_threat_13_an_endless_body_fills_no_memory(server: Server) -> None:
    _, before = server.usage()
    for place in (
        *DOORS,
        "/hooks/nobody/nothing HTTP/1.1\nHost: x",
        "/forges/nobody HTTP/1.1\nHost: x",
        "/agent/v1/renew HTTP/1.1\nHost: x",
    ):
        with server.open(f"POST {place}\nTransfer-Encoding: chunked") as made:
            assert flood(made, 5000 * MIB) < 200 * MIB, "it was read to its end"
    assert server.look("after-flood") == 202
    _, after = server.usage()
    assert after - before < 10 * MIB


@pytest.mark.parametrize("place", DOORS)
def test_threat_13_a_claimed_length_is_refused_without_reading(server: Server, place: str) -> None:
    with server.open(f"POST {place}\nContent-Length: 5000000000") as made:
        assert b" 413 " in made.recv(4096)


@pytest.mark.parametrize("place", DOORS)
def test_threat_13_slow_senders_do_not_keep_others_out(server: Server, place: str) -> None:
    """While they hold their connections open, before and after they are told that it took too long."""
    made = [server.open(f"POST {place}\nContent-Length: 1000") for _ in range(6)]
    try:
        assert server.look("beside-the-slow") == 202
        for each in made:
            assert b" 408 " in each.recv(4096)
        assert server.look("while-they-stay") == 202
    finally:
        for each in made:
            each.close()
    assert server.look("after-the-slow") == 202


def test_threat_13_slow_senders_on_every_thread_are_hurried(tmp_path: Path) -> None:
    """A thread waits for each of them, for so long that the test would not end, were they not more than a few."""
    with running(tmp_path, 3600) as server, ExitStack() as stack:
        made = [stack.enter_context(server.open(LARGE.format(DOORS[number % 2]))) for number in range(5)]
        for each in made:
            each.sendall(b"x" * 100_000)
        assert server.look("beside-too-many") == 202
        while len(made) > 1:  # one alone may take its time
            told, _, _ = select.select(made, [], [], 60)
            assert told, "nobody is hurried"
            assert all(b" 408 " in each.recv(4096) for each in told)
            made = [each for each in made if each not in told]


def test_threat_13_slow_senders_who_never_leave_are_sent_away(server: Server) -> None:
    """Fifty of them on eight threads: before they are told, while they are told, and when they have been told."""
    heads = ["POST {}\nContent-Length: 1000", LARGE, "POST {}\nTransfer-Encoding: chunked"]
    with ExitStack() as stack:
        made = [
            stack.enter_context(server.open(heads[number % 3].format(DOORS[number % 2])))
            for number in range(50)
        ]
        for each in made[1:13:3]:
            each.sendall(b"x" * 100_000)  # so much that a thread waits for the rest
        honest_beside(server, made, "before")
        told = [each.recv(4096) for each in made]
        assert [answer.split()[1] for answer in told] == [b"408"] * 50
        assert all(b"connection: close" in answer for answer in told)
        honest_beside(server, made, "after")
        assert all(ended(each) for each in made), "the connection is held open for who never leaves"
        honest_beside(server, [], "gone")
    assert server.seen()["threads"] < 30


def honest_beside(server: Server, slow: list[socket.socket], name: str) -> None:
    """Twenty deliveries and a page, with a few more bytes of each slow sender before each of them."""
    for number in range(20):
        for each in slow:
            with suppress(OSError):  # it may have been sent away
                each.send(b"1\r\nx\r\n")  # a chunk, where it is one
        assert server.look(f"{name}-{number}") == 202
    assert server.send("GET", "/metrics")[0] == 200


def ended(made: socket.socket) -> bool:
    """Whether the other side ended it: whatever is still to be read comes to an end."""
    try:
        while made.recv(4096):
            pass
    except ConnectionError:
        pass
    return True


def test_threat_13_slow_senders_who_go_away_leave_the_server_well(server: Server) -> None:
    for each in [server.open(f"POST {DOORS[0]}\nContent-Length: 1000") for _ in range(6)]:
        each.close()
    assert server.look("after-those-who-went") == 202


def test_threat_13_a_head_that_never_ends_keeps_nobody_out(server: Server) -> None:
    made = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(40)]
    try:
        for each in made:
            each.sendall(b"POST /forges/hub HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert server.look("beside-the-heads") == 202
    finally:
        for each in made:
            each.close()


def test_threat_13_a_packed_body_is_not_unpacked(server: Server) -> None:
    bomb = gzip.compress(b"\0" * (200 * MIB), 9)
    assert len(bomb) < MIB
    _, before = server.usage()
    status, _ = server.send(
        "POST", f"/hooks/{REPOSITORY}", bomb, X_Luotsi_Signature=signature(bomb), Content_Encoding="gzip"
    )
    assert status == 400
    signed = {**headers("push"), "x-hub-signature-256": signature(bomb), "content-encoding": "gzip"}
    assert server.send("POST", f"/forges/{FORGE}", bomb, **signed)[0] == 400
    assert server.usage()[1] - before < 10 * MIB


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=" + "x" * 60_000,
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
    ],
    ids=["long", "short", "none", "form"],
)
def test_threat_19_no_boundary_and_no_form_costs_anything(server: Server, content_type: str) -> None:
    body = b"--x\r\n" * 400_000 if "multipart" in content_type else b"a=1&" * 500_000
    _, before = server.usage()
    signed = {
        **headers("push"),
        "x-hub-signature-256": signature(body),
        "x-luotsi-signature": signature(body),
        "content-type": content_type,
    }
    for path in (f"/forges/{FORGE}", f"/hooks/{REPOSITORY}"):
        assert server.send("POST", path, body, **signed)[0] == 400
    assert server.usage()[1] - before < 20 * MIB  # twice a body of 2 MiB, and what the allocator keeps


@pytest.mark.parametrize(
    "lines",
    [["X-Long: " + "x" * 2 * MIB], [f"X-Many-{n}: x" for n in range(5000)], ["X-Long: " + "x" * 7000] * 90],
    ids=["long", "many", "both"],
)
def test_threat_19_heads_have_a_limit(server: Server, lines: list[str]) -> None:
    _, before = server.usage()
    for _ in range(5):
        try:
            with server.open("\n".join([f"POST {DOORS[1]}", "Content-Length: 0", *lines])) as made:
                said = made.recv(4096)
        except OSError:  # it was cut off
            continue
        assert not said or said.split()[1] in (b"400", b"401", b"414", b"431"), said
    assert server.look(f"after-heads-{len(lines)}") == 202
    assert server.usage()[1] - before < 10 * MIB


def test_a_burst_over_the_net_is_answered_and_kept(server: Server) -> None:
    body = json.dumps({"zen": "x"}).encode()
    signed = {"x-hub-signature-256": signature(body)}

    def send(number: int) -> tuple[int, bytes]:
        return server.send("POST", f"/forges/{FORGE}", body, **headers("ping", f"burst-{number}"), **signed)

    with ThreadPoolExecutor(16) as pool:
        first, again = (list(pool.map(send, range(600))) for _ in range(2))
    assert {status for status, _ in first + again} == {202}
    assert all(json.loads(text)["new"] for _, text in first)
    assert not any(json.loads(text)["new"] for _, text in again)


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


@pytest.mark.parametrize("goes", [True, False], ids=["goes away", "stays and does not read"])
def test_no_reader_of_an_answer_without_end_holds_a_thread(server: Server, goes: bool) -> None:
    made = [server.open("GET /endless HTTP/1.1\nHost: x") for _ in range(8)]
    try:
        assert all(b" 200 " in each.recv(100) for each in made[:6])
        if goes:
            for each in made:
                each.close()
        until(lambda: server.seen()["streams"] == 0, what="the end of the answers")
        assert server.look(f"beside-readers-{goes}") == 202
    finally:
        for each in made:
            each.close()


def test_an_error_of_ours_is_an_answer(server: Server) -> None:
    assert server.send("GET", "/broken") == (500, b"")
    assert server.look("after-an-error") == 202


def test_a_head_is_an_answer_without_a_body(server: Server) -> None:
    server.store.put("headed", b"found")
    assert server.send("HEAD", server.address("GET", "headed")) == (200, b"")
    assert server.send("GET", server.address("GET", "headed")) == (200, b"found")


def test_what_passes_for_another_header_is_left_out(server: Server) -> None:
    """A proxy may let through a name with an underscore that it would have written over with a hyphen."""
    spelled = {"X_Luotsi-Signature": signature(LOOK), "X-Luotsi-Delivery": "spelled"}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", f"/hooks/{REPOSITORY}", LOOK, spelled)
    assert connection.getresponse().status == 401
    connection.close()


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
