"""An HTTP server that says what a test tells it to, in order, and remembers what it was asked. It knows nothing of GitHub."""

import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.parts.process import PATIENCE


@dataclass(frozen=True)
class Say:
    """One answer. `raw` instead of JSON; `cut`: the connection ends before the body does; `silent`: nothing is said."""

    value: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    cut: bool = False
    silent: bool = False

    @property
    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return b"" if self.value is None else json.dumps(self.value).encode()


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class Scripted:
    """`answers` are used up from the front. Without one left it answers 418, which no test expects."""

    def __init__(self) -> None:
        self.answers: list[Say] = []
        self.asked: list[Asked] = []
        self.over = threading.Event()
        self.address = ""

    def say(self, *answers: Say) -> None:
        self.answers.extend(answers)

    @property
    def paths(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.asked]


@contextmanager
def scripted() -> Iterator[Scripted]:
    script = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            script.asked.append(Asked(self.command, self.path, headers, json.loads(text) if text else None))
            say = script.answers.pop(0) if script.answers else Say(status=418)
            if say.silent:
                script.over.wait(PATIENCE)
                self.close_connection = True
                return
            self.send_response_only(say.status)  # without the library's own Date
            for name, value in say.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(say.body) + (100 if say.cut else 0)))
            self.end_headers()
            self.wfile.write(say.body)
            self.close_connection = say.cut

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the library's names

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    script.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield script
    finally:
        script.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def bomb(size: int) -> Say:
    """An answer that is small on its way and `size` bytes when unpacked."""
    return Say(raw=gzip.compress(b"[" + b" " * size + b"]"), headers={"Content-Encoding": "gzip"})
