"""The HTTP server: reads requests, lets faults happen, writes answers."""

import json
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.standins.github import git_http
from tests.standins.github.answers import error
from tests.standins.github.faults import Fault, Faults
from tests.standins.github.pipeline import Pipeline, Record, Request

ENTERPRISE = "/api/v3"


@dataclass
class Shown:
    """An answer as it goes over the wire."""

    status: int
    content: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Server:
    """`closing` ends answers that are slow on purpose."""

    faults: Faults
    pipeline: Pipeline | None = None
    closing: threading.Event = field(default_factory=threading.Event)

    def start(self) -> str:
        """Listens on loopback; the address."""
        handler = type("Handler", (_Handler,), {"server_": self})
        self._web = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._web.daemon_threads = True
        self._thread = threading.Thread(target=self._web.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return f"http://127.0.0.1:{self._web.server_port}"

    def stop(self) -> None:
        self.closing.set()
        self._web.shutdown()
        self._thread.join()
        self._web.server_close()

    def answer(self, request: Request, operation: str) -> Shown:
        assert self.pipeline is not None
        if operation.startswith("git-http/"):
            done = git_http.answer(self.pipeline.world, request)
            record = Record(operation, request.method, request.path, done.status, "git", 0)
            self.pipeline.log.append(record)
            return Shown(done.status, done.content, done.headers)
        answer = self.pipeline.answer(request)
        return _shown(answer.status, answer.body, answer.headers)


def _shown(status: int, body: object, headers: dict[str, str]) -> Shown:
    if body is None:
        return Shown(status, b"", headers)
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Shown(status, json.dumps(body).encode(), {**kind, **headers})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "github.com"
    sys_version = ""
    server_: Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        pipeline = self.server_.pipeline
        assert pipeline is not None
        request = self._request()
        operation = git_http.service(request) or pipeline.name(request)
        fault = self.server_.faults.take(operation)
        if fault is not None and fault.kind == "slow":
            self.server_.closing.wait(fault.seconds)
            fault = None
        if fault is not None and not fault.after:
            status = fault.status if fault.kind == "error" else 0
            record = Record(operation, request.method, request.path, status, "nobody", 0)
            pipeline.log.append(record)
            self._fail(fault)
            return
        shown = self.server_.answer(request, operation)
        if fault is not None:
            self._fail(fault, shown)
        else:
            self._send(shown)

    def _fail(self, fault: Fault, lost: Shown | None = None) -> None:
        if fault.kind == "error":
            answer = error(fault.status, "Server Error")
            self._send(_shown(answer.status, answer.body, {}))
            return
        if lost is not None:
            if lost.content:
                self._head(lost)
                self.wfile.write(lost.content[: len(lost.content) // 2])
            else:
                self.wfile.write(b"HTTP/1.1 ")
            self.wfile.flush()
        self.close_connection = True
        # With no time to linger the kernel resets the connection, instead of ending it in order.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _request(self) -> Request:
        length = self.headers.get("Content-Length")
        chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        body = self.rfile.read(int(length)) if length else (self._chunks() if chunked else b"")
        split = urlsplit(self.path)
        path, base = split.path, ""
        if path == ENTERPRISE or path.startswith(f"{ENTERPRISE}/"):
            path, base = path.removeprefix(ENTERPRISE) or "/", ENTERPRISE
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, path, split.query, headers, body, base)

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The `Date` of an answer is by the clock that its limits and tokens are by."""
        assert self.server_.pipeline is not None
        return super().date_time_string(timestamp or self.server_.pipeline.world.clock.seconds())

    def _send(self, shown: Shown) -> None:
        self._head(shown)
        self.wfile.write(shown.content)

    def _head(self, shown: Shown) -> None:
        self.send_response(shown.status)
        for name, value in shown.headers.items():
            self.send_header(name, value)
        if shown.status not in (204, 304):
            self.send_header("Content-Length", str(len(shown.content)))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Nothing on the terminal."""
