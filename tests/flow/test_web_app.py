"""The application as the door builds it from settings: forges under their names, and a Redis that may be gone or hang."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from flask import Flask

from luotsi import installation, web_app
from luotsi.installation import Installation
from tests.builders.github_examples import headers
from tests.flow.test_hooks import LOOK, signature
from tests.parts.process import free_port, until
from tests.parts.valkey_server import ValkeyServer

PING = json.dumps({"zen": "Keep it simple."}).encode()


def opened(folder: Path, redis: str) -> Installation:
    (folder / "luotsi.yaml").write_text(
        yaml.safe_dump(
            {
                "redis": redis,
                "forges": {
                    "github": {"kind": "github", "token": "t"},
                    "inside": {
                        "kind": "github", "token": "t", "url": "https://ghe.example.org", "secrets": ["new", "old"]
                    },
                },
                "repositories": [{"name": "one", "address": str(folder / "one.git")}],
            }
        )
    )  # fmt: skip
    return installation.opened(folder / "luotsi.yaml")


def deliver(app: Flask, name: str, secret: str, number: str = "1") -> int:
    given = {**headers("ping", number), "X-Hub-Signature-256": signature(PING, secret)}
    return app.test_client().post(f"/forges/{name}", data=PING, headers=given).status_code


def test_each_forge_has_secrets_of_its_own(tmp_path: Path, valkey_server: ValkeyServer) -> None:
    given = opened(tmp_path, valkey_server.address)
    app, minted = web_app.build(given), given.workspace.secret("forge-github")
    assert [deliver(app, "github", minted), deliver(app, "inside", "old"), deliver(app, "inside", "new")] == [
        202
    ] * 3
    assert [deliver(app, "inside", minted), deliver(app, "github", "new"), deliver(app, "gone", "new")] == [
        401
    ] * 3
    until(
        lambda: (
            'luotsi_deliveries_total{route="forges",status="401"} ' in app.test_client().get("/metrics").text
        )
    )


def test_a_name_that_is_not_there_is_answered_after_the_same_work(
    tmp_path: Path, valkey_server: ValkeyServer
) -> None:
    app = web_app.build(opened(tmp_path, valkey_server.address))

    class Body:
        """Counts what is read of it."""

        def __init__(self) -> None:
            self.left = 100_000

        def read(self, size: int = -1) -> bytes:
            piece = b"x" * min(size, self.left)
            self.left -= len(piece)
            return piece

    wrong = "sha256=" + "0" * 64
    told = set()
    for path, header in (("forges/github", "X-Hub-Signature-256"), ("hooks/one", "X-Luotsi-Signature")):
        for name in (path, f"{path}-gone"):
            for length in (100_000, 26 * 1024 * 1024):
                body = Body()
                answer = app.test_client().post(
                    f"/{name}",
                    headers={header: wrong, "X-GitHub-Event": "ping"},
                    environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": str(length)},
                )
                told.add((length, answer.status_code, body.left, answer.data))
    assert len(told) == 2, told
    assert {(status, left) for _, status, left, _ in told} == {(401, 0), (413, 100_000)}


def test_a_delivery_does_not_need_redis(tmp_path: Path) -> None:
    given = opened(tmp_path, f"redis://127.0.0.1:{free_port()}/0")
    app = web_app.build(given)
    assert deliver(app, "github", given.workspace.secret("forge-github")) == 202
    assert "\nluotsi_redis_up 0\n" in app.test_client().get("/metrics").text
    assert '\nluotsi_waiting{queue="inbox"} 1\n' in app.test_client().get("/metrics").text


@contextmanager
def hanging() -> Iterator[socket.socket]:
    """A server that lets everybody in and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_nobody_waits_for_a_redis_that_hangs(tmp_path: Path) -> None:
    with hanging() as listener:
        given = opened(tmp_path, f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        app = web_app.build(given)
        secret = given.workspace.secret("forge-github")
        assert [deliver(app, "github", secret, str(number)) for number in range(20)] == [202] * 20
        client, _ = listener.accept()
        with client:
            client.settimeout(0.1)
            assert client.recv(4096), "it was asked"
            assert still_waits(client), "the answers came before anybody gave it up"


def still_waits(client: socket.socket) -> bool:
    """Whether the other side holds the connection open, once all that it has said is read."""
    try:
        while client.recv(4096):
            pass
    except TimeoutError:
        return True
    return False


def test_the_same_for_plain_git(tmp_path: Path, valkey_server: ValkeyServer) -> None:
    given = opened(tmp_path, valkey_server.address)
    app = web_app.build(given)
    for name, status in (("one", 202), ("two", 401)):
        signed = signature(LOOK, given.workspace.secret("hook-one"))
        answer = app.test_client().post(f"/hooks/{name}", data=LOOK, headers={"X-Luotsi-Signature": signed})
        assert answer.status_code == status
