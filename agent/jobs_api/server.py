"""The HTTP of the job API, at one address. It believes nothing of a request before its token or signature is known.

`POST /status-detail`, `GET /inputs?inputs=<id>` (also POST) with `Authorization: Bearer <token>`;
`GET /files/<attempt>/<signature>/<input id>/<name>` without. Errors are JSON with a `message`.
"""

import json
import logging
import threading
from collections.abc import Callable
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from agent.jobs_api.calls import Calls
from agent.orders import Left, Lost, Stopped
from schemas.errors import LuotsiError

MAX_BODY = 64 * 1024
MOST_INPUTS = 1000
AT_ONCE = 64
"""Connections of all jobs together."""

SILENCE = 120.0
"""Seconds after which a connection that says nothing is closed."""

_log = logging.getLogger("luotsi.agent.jobs_api")

Find = Callable[[str], Calls | None]


class Failure(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Server(ThreadingHTTPServer):
    """Listens at `host`. `by_token` and `by_attempt` find who calls. Raises OSError when the address is not to be had."""

    daemon_threads = True
    request_queue_size = AT_ONCE

    def __init__(self, host: str, port: int, by_token: Find, by_attempt: Find) -> None:
        self.by_token = by_token
        self.by_attempt = by_attempt
        self._few = threading.BoundedSemaphore(AT_ONCE)
        super().__init__((host, port), Handler)
        self.base = f"http://{host}:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Without a look for the host's name, which can take long."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, while there are few."""
        if self._few.acquire(timeout=5):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread's body."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._few.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A job that breaks off is no news."""
        _log.debug("a call of a job broke off", exc_info=True)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    timeout = SILENCE
    server_version = "luotsi"
    sys_version = ""

    def _answer(self) -> None:
        try:
            self._route()
        except Failure as failure:
            self._say(failure.status, {"message": str(failure)})
        except LuotsiError as error:
            self._say(502, {"message": str(error)})
        except (Left, Lost, Stopped):
            self._say(503, {"message": "the agent is ending this execution, or itself"})
        except (OSError, TimeoutError):
            raise
        except Exception:  # noqa: BLE001 - a bug of ours must not look like a broken connection
            _log.exception("a call of a job met a bug")
            self._say(500, {"message": "internal error in the agent, whose own log has the details"})

    do_GET = do_POST = do_PUT = do_PATCH = _answer  # noqa: N815 - http.server finds them by these names

    def _route(self) -> None:
        path = urlsplit(self.path).path
        match (self.command, path):
            case ("GET", _) if path.startswith("/files/"):
                self._file(path)
            case ("GET" | "POST", "/inputs"):
                self._inputs(self._caller())
            case ("POST" | "PUT" | "PATCH", "/status-detail"):
                self._detail(self._caller())
            case _:
                raise Failure(404, f"there is no call {self.command} {path[:200]}")

    def _caller(self) -> Calls:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        found = self.server.by_token(token.strip()) if kind.lower() == "bearer" else None
        if found is None:
            raise Failure(401, "the token is not known: it is good while its execution runs")
        return found

    def _detail(self, calls: Calls) -> None:
        try:
            told = json.loads(self._body())
        except (ValueError, RecursionError) as error:
            raise Failure(400, "the body is not JSON") from error
        text = told.get("status_detail") if isinstance(told, dict) else None
        if not isinstance(text, str):
            raise Failure(400, 'the body must be {"status_detail": "text"}')
        calls.tell(text)
        self._say(200, {})

    def _inputs(self, calls: Calls) -> None:
        asked = parse_qs(urlsplit(self.path).query).get("inputs", [])
        self._body()
        if not 0 < len(asked) <= MOST_INPUTS:
            raise Failure(400, "name the input: ?inputs=<its input_id in inputs.json>")
        self._say(200, calls.offered(asked, self.server.base))

    def _file(self, path: str) -> None:
        _, _, attempt, signature, *rest = [*path.split("/", 5), "", "", ""][:6]
        input_id, name = (unquote(part, errors="surrogateescape") for part in rest)
        calls = self.server.by_attempt(attempt)
        entry = calls.entry(signature, input_id, name) if calls else None
        if calls is None or entry is None:
            raise Failure(404, "there is no such file, or its execution has ended")
        pieces, size, kind = calls.inputs.open(entry)
        with closing(pieces):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(size))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            for piece in pieces:
                self.wfile.write(piece)

    def _body(self) -> bytes:
        said = self.headers.get("Content-Length") or "0"
        if not said.isdecimal() or int(said) > MAX_BODY:
            raise Failure(413, f"the body may have {MAX_BODY} bytes, and its length must be said")
        return self.rfile.read(int(said))

    def _say(self, status: int, content: object) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
        """Says nothing: an address holds a signature."""
