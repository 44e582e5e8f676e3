"""A plain client of GitHub's API for tests of the stand-in, and a receiver of deliveries."""

import base64
import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.parts.process import PATIENCE


@dataclass
class Reply:
    """Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def links(self) -> dict[str, str]:
        """The `Link` header: relation to address."""
        parts = [one.split("; ") for one in self.headers.get("link", "").split(", ") if one]
        return {rel.removeprefix('rel="').removesuffix('"'): url.strip("<>") for url, rel in parts}


@dataclass
class Client:
    """`base` may end in `/api/v3`; `authorization` is the header's whole value."""

    base: str
    authorization: str = ""
    headers: dict[str, str] = field(default_factory=lambda: {"User-Agent": "test"})

    def bearing(self, token: str) -> "Client":
        return Client(self.base, f"Bearer {token}", self.headers)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """`path` may be a whole address. A `bytes` body goes as it is; names of headers have `_` for `-`."""
        place = urlsplit(path if "://" in path else self.base + path)
        told = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.authorization:
            told.setdefault("Authorization", self.authorization)
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=PATIENCE)
        try:
            connection.request(method, place.path + (f"?{place.query}" if place.query else ""), content, told)
            response = connection.getresponse()
            read = response.read()
        finally:
            connection.close()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, found, json.loads(read) if read else None)


def jwt(private_key: str, issuer: object, now: float, algorithm: str = "RS256", **claims: object) -> str:
    """A JWT of an app as the documentation makes it: issued a minute ago, for nine minutes."""
    told = {"iat": int(now) - 60, "exp": int(now) + 540, "iss": issuer, **claims}
    head = {"alg": algorithm, "typ": "JWT"}
    signed = b".".join(_encoded(json.dumps(one).encode()) for one in (head, told))
    key = serialization.load_pem_private_key(private_key.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return b".".join([signed, _encoded(signature)]).decode()


def _encoded(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


@dataclass
class Received:
    """A delivery as it came."""

    headers: dict[str, str]
    content: bytes

    @property
    def event(self) -> str:
        return self.headers["x-github-event"]

    @property
    def body(self) -> Any:
        return json.loads(self.content)


@dataclass
class Receiver:
    """`status` is what it answers."""

    url: str = ""
    status: int = 202
    received: list[Received] = field(default_factory=list)

    def events(self) -> list[tuple[str, str | None]]:
        return [(one.event, one.body.get("action")) for one in self.received]

    def last(self, event: str, action: str | None = None) -> Any:
        """The newest body of an event."""
        found = [
            one.body
            for one in self.received
            if one.event == event and action in (None, one.body.get("action"))
        ]
        assert found, f"no {event} {action or ''} came: {self.events()}"
        return found[-1]


@contextmanager
def receiver() -> Iterator[Receiver]:
    told = Receiver()
    web = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"told": told}))
    told.url = f"http://127.0.0.1:{web.server_port}/hooks/github"
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told
    finally:
        web.shutdown()
        thread.join()
        web.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    told: Receiver

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.told.received.append(Received(headers, content))
        self.send_response(self.told.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Nothing on the terminal."""
