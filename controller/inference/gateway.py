"""The gateway: one stable address for every served model, whatever replica or version answers behind it.

A reverse proxy as a plain WSGI app in a process of its own. It knows the routes file and nothing else. The path is passed on
whole (documented apps match any path); `X-VH-Prefix` says which prefix was used. Every request has a connection of its own to
the endpoint: a kept one that the endpoint closes in the same moment would lose a POST that must not be sent twice.
"""

import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError
from urllib3.util import SKIP_HEADER

from controller.inference.headers import answered, passed_on
from controller.inference.routes import Route, Routes, Upstream, read
from schemas.errors import Refused

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]

CHUNK = 65_536
RETRY_AFTER = 2
UNTOUCHED = {"user-agent": SKIP_HEADER, "accept-encoding": SKIP_HEADER}
"""What urllib3 would add of its own, where the client said nothing."""
SAFE_IN_PATH = "/:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to connect and between two reads of an answer; bytes of a request's body."""

    connect: float = 2.0
    read: float = 60.0
    body: int = 256 * 1024 * 1024


class Gateway:
    """The WSGI app. Safe to call from many threads."""

    def __init__(self, routes_file: Path, limits: Limits = Limits()) -> None:
        self._table = _Table(routes_file)
        self._limits = limits
        self._turn = itertools.count()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO") or "/"
        if path == "/":
            return _say(
                start_response, "200 OK", {"routes": [_shown(route) for route in self._table.routes()]}
            )
        try:
            return self._forward(environ, start_response, path)
        except _Answer as answer:
            return _say(start_response, answer.status, answer.body, answer.headers)

    def _forward(self, environ: Environ, start_response: StartResponse, path: str) -> Iterable[bytes]:
        body = _body(environ, self._limits.body)
        pool, response = self._ask(environ, path, body)
        status = f"{response.status} {response.reason or ''}".strip()
        start_response(status, answered(response.headers.iteritems()))
        return _Answered(pool, response)

    def _ask(
        self, environ: Environ, path: str, body: Iterable[bytes] | None
    ) -> "tuple[HTTPConnectionPool, BaseHTTPResponse]":
        """The first replica that takes the connection answers. Nothing was sent to one that did not, so trying on is safe.

        The routes are read again for the second round: a switch may lie between our look and the refusal.
        """
        refused: set[Upstream] = set()
        for _ in range(2):
            route, prefix = self._route(path)
            for upstream in self._order(route):
                if upstream in refused:
                    continue
                try:
                    return self._send(upstream, environ, path, body, prefix)
                except (NewConnectionError, ConnectTimeoutError):
                    refused.add(upstream)
        route, _ = self._route(path)
        raise _Answer(
            "503 Service Unavailable",
            f"{route.model} {route.version} at {route.stage} does not take requests at the moment.",
            "It is started again; ask again in a moment.",
            headers=[("Retry-After", str(RETRY_AFTER))],
        )

    def _route(self, path: str) -> tuple[Route, str]:
        """The route of a path, and the prefix by which it was reached."""
        found = self._table.route(path)
        if found is None:
            raise _Answer(
                "404 Not Found", "No model is served under this path.", "GET / lists what is served."
            )
        return found

    def _send(
        self, upstream: Upstream, environ: Environ, path: str, body: Iterable[bytes] | None, prefix: str
    ) -> "tuple[HTTPConnectionPool, BaseHTTPResponse]":
        timeout = Timeout(connect=self._limits.connect, read=self._limits.read)
        pool = HTTPConnectionPool(upstream.host, upstream.port, timeout=timeout, maxsize=1)
        query = environ.get("QUERY_STRING", "")
        target = quote(path.encode("latin-1"), safe=SAFE_IN_PATH) + (f"?{query}" if query else "")
        try:
            return pool, pool.urlopen(
                environ["REQUEST_METHOD"],
                target,
                body=body,
                headers=UNTOUCHED | passed_on(environ, prefix, has_body=body is not None),
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
                chunked=body is not None and not environ.get("CONTENT_LENGTH"),
            )
        except (HTTPError, OSError, ValueError) as error:
            pool.close()
            raise _translated(error) from error
        except BaseException:
            pool.close()
            raise

    def _order(self, route: Route) -> list[Upstream]:
        start = next(self._turn) % max(1, len(route.upstreams))
        return [*route.upstreams[start:], *route.upstreams[:start]]


class _Table:
    """The routes as the file says now. Its place on disk changes with every replacement, so a look costs one `stat`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[tuple[int, int, int] | None, Routes] = ((-1, -1, -1), Routes())

    def routes(self) -> tuple[Route, ...]:
        mark = self._mark()
        seen, routes = self._seen
        if mark != seen:
            try:
                routes = read(self._path)
            except Refused:
                return (
                    routes.routes
                )  # a broken file leaves what was served; it is looked at again with the next request
            self._seen = (mark, routes)
        return routes.routes

    def route(self, path: str) -> tuple[Route, str] | None:
        """The longest prefix wins; while an alias moves, the one that took over last."""
        try:
            spoken = path.encode("latin-1").decode()
        except UnicodeDecodeError:
            return None
        fitting = [
            (route, prefix)
            for route in self.routes()
            for prefix in route.prefixes
            if f"{spoken}/".startswith(f"{prefix}/")
        ]
        return max(fitting, key=lambda pair: (len(pair[1]), pair[0].since), default=None)

    def _mark(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino, stat.st_size


class _Answer(Exception):
    """The answer that the gateway gives itself."""

    def __init__(
        self, status: str, error: str, hint: str = "", headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, "hint": hint}
        self.headers = list(headers)


class _Answered:
    """The endpoint's answer, piece by piece as it comes. WSGI calls `close` in every case."""

    def __init__(self, pool: HTTPConnectionPool, response: BaseHTTPResponse) -> None:
        self._pool = pool
        self._response = response
        self._pieces = self._read()

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def _read(self) -> Iterator[bytes]:
        if self._response.chunked:
            yield from self._response.stream(CHUNK, decode_content=False)
            return
        while piece := self._response.read1(CHUNK, decode_content=False):
            yield piece

    def close(self) -> None:
        self._response.close()
        self._pool.close()


def _translated(error: Exception) -> Exception:
    """What the endpoint did, as the answer that says so; what was never sent keeps its own class, to be tried elsewhere."""
    if isinstance(error, NewConnectionError | ConnectTimeoutError):
        return error
    if isinstance(error, ReadTimeoutError):
        return _Answer("504 Gateway Timeout", "The endpoint did not answer in time.", "Its log may say why.")
    return _Answer("502 Bad Gateway", "The endpoint broke off before it answered.", "Its log may say why.")


def _body(environ: Environ, limit: int) -> Iterable[bytes] | None:
    """The request's body in pieces, or None. A body over the limit is refused before, or where it passes it."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length and (not length.isdigit() or int(length) > limit):
        raise _Answer("413 Content Too Large", f"A request's body has at most {limit} bytes.")
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    if not chunked and length in ("", "0"):
        return b"" if length else None  # type: ignore[return-value]  # http.client takes bytes for what they are
    return _pieces(environ["wsgi.input"], int(length) if length else None, limit)


def _pieces(source: BinaryIO, length: int | None, limit: int) -> Iterator[bytes]:
    left = limit + 1 if length is None else length
    while left > 0 and (piece := source.read(min(CHUNK, left))):
        left -= len(piece)
        yield piece
    if length is None and left <= 0:
        raise _Answer("413 Content Too Large", f"A request's body has at most {limit} bytes.")


def _shown(route: Route) -> dict[str, object]:
    fields = {
        name: getattr(route, name) for name in ("prefix", "model", "stage", "version", "digest", "since")
    }
    return {**fields, "aliases": list(route.aliases), "replicas": len(route.upstreams)}


def _say(
    start_response: StartResponse, status: str, body: object, headers: Iterable[tuple[str, str]] = ()
) -> list[bytes]:
    content = json.dumps(body, ensure_ascii=False).encode()
    start_response(
        status, [("Content-Type", "application/json"), ("Content-Length", str(len(content))), *headers]
    )
    return [content]


def serve(
    listen_host: str,
    port: int,
    routes_file: Path,
    threads: int = 64,
    on_worker: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, in this process. Each request that is being answered holds a thread.

    `on_worker` (a function of a module) is called in the process that answers, before it does. Raises `OSError` where the port is in use.
    """
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    # The server hands its own environment to the app beside the request's headers; what looks like one must not be there.
    for name in [name for name in os.environ if name.startswith("HTTP_")]:
        del os.environ[name]
    server = Server(
        "luotsi gateway",
        address=listen_host,
        port=port,
        interface=Interfaces.WSGI,
        blocking_threads=threads,
        backpressure=4 * threads,
        workers_kill_timeout=10,
        respawn_failed_workers=True,
        log_level=LogLevels.error,
    )
    server.serve(target_loader=partial(_worker, routes_file, on_worker), wrap_loader=False)


def _worker(routes_file: Path, on_worker: Callable[[], None] | None) -> Gateway:
    if on_worker is not None:
        on_worker()
    return Gateway(routes_file)
