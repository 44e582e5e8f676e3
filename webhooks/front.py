"""What stands between the server and the application: an event loop waits for senders and readers, threads do the work.

A WSGI server can end a read only with its connection, so that whoever sends slowly and stays holds a thread for good. Here
a thread begins when the body is there, or so much of it that it is a large one; those have threads of their own. A body that
does not come is answered and its connection closed, and all that it ever held is one task of the loop.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any
from urllib.parse import unquote_to_bytes

import structlog

from webhooks.faults import shown
from webhooks.hooks import LIMIT
from webhooks.incoming import KEY, Incoming, Message, Receive
from webhooks.lane import Lane

Environ = dict[str, Any]
Headers = list[tuple[bytes, bytes]]
Send = Callable[[Message], Awaitable[None]]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

AT_ONCE = 64 * 1024
"""Bytes of a body that no thread waits for. More make it a large one, of which a quarter of all threads take care.

What is announced as more than `LIMIT` begins at once: nobody may send it whom the application does not know, so that it is
refused unread, or it is an object that was signed for."""

log = structlog.get_logger()


class Front:
    """An ASGI application around a WSGI one, with `threads` at most. In seconds: a body has `seconds` for its first `AT_ONCE`
    bytes, and its reader `silence` for each piece of an answer that comes in pieces."""

    def __init__(self, app: Wsgi, threads: int = 64, seconds: float = 10, silence: float = 60) -> None:
        large = max(1, threads // 4)
        self._app = app
        self._seconds, self._silence = seconds, silence
        self._large = Lane(large, "large")
        self._small = Lane(max(1, threads - large), "request")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        environ = _environ(scope)
        body = Incoming(receive, _length(environ))
        environ[KEY] = environ["wsgi.input"] = body
        try:
            if (body.length or 0) <= LIMIT:
                await body.gather(AT_ONCE, self._seconds)
            answer = _Answer(body, send, self._silence)
            lane = self._small if body.decided else self._large
            lane.run(partial(answer.make, self._app, environ))
            await answer.pass_on(receive)
        finally:
            body.close()


class _Answer:
    """Made in a thread by `make`, and passed on by the loop: whole, or in pieces as they come and as they are taken."""

    def __init__(self, body: Incoming, send: Send, silence: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._body = body
        self._send = send
        self._silence = silence
        self._whole: asyncio.Future[tuple[Message, bytes] | None] = self._loop.create_future()
        self._finished: asyncio.Future[None] | None = None  # there when it is known to come in pieces
        self._gone = False
        self._status = 500
        self._headers: Headers = []

    def make(self, app: Wsgi, environ: Environ) -> None:
        """Run the application. What it raises is in the log, and a 500 if nothing was said yet: the thread goes on."""
        try:
            pieces = app(environ, self._start)
            try:
                self._pieces(iter(pieces), environ["REQUEST_METHOD"])
            finally:
                if hasattr(pieces, "close"):
                    pieces.close()
        except BaseException as error:
            log.error("answer failed", path=shown(environ["PATH_INFO"]), exc_info=error)
            self._start("500 Internal Server Error", [("Content-Length", "0")])
            self._on_loop(self._whole, (self._head(), b""))
        if self._finished is not None:
            self._on_loop(self._finished, None)

    async def pass_on(self, receive: Receive) -> None:
        """Send what is made. Ends when all is sent, or the reader is gone."""
        whole = await self._whole
        if whole is not None:
            start, body = whole
            await self._send(start)
            await self._send({"type": "http.response.body", "body": body})
        if self._finished is None:
            return
        leaving = self._loop.create_task(_gone(receive))
        try:
            await asyncio.wait({leaving, self._finished}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._gone = True
            leaving.cancel()

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        del exc_info
        self._status = int(status[:3])
        self._headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]

    def _pieces(self, pieces: Iterator[bytes], method: str) -> None:
        first = next(pieces, b"")
        size = dict(self._headers).get(b"content-length")
        if method == "HEAD" or self._status in (204, 304) or size == b"%d" % len(first):
            self._on_loop(self._whole, (self._head(), first))
            return
        self._finished = self._loop.create_future()
        self._on_loop(self._whole, None)
        if self._sent(self._head()):
            for piece in chain([first], pieces):
                if not self._sent({"type": "http.response.body", "body": piece, "more_body": True}):
                    return
            self._sent({"type": "http.response.body", "body": b""})

    def _head(self) -> Message:
        if not self._body.ended:  # nobody reads the rest, behind which another request would have to come
            self._headers.append((b"connection", b"close"))
        return {"type": "http.response.start", "status": self._status, "headers": self._headers}

    def _sent(self, message: Message) -> bool:
        sending = asyncio.run_coroutine_threadsafe(self._pass(message), self._loop)
        try:
            sending.result(self._silence)
        except TimeoutError:
            sending.cancel()
            return False
        return not self._gone

    async def _pass(self, message: Message) -> None:
        if not self._gone:
            await self._send(message)

    def _on_loop(self, future: "asyncio.Future[Any]", result: object) -> None:
        self._loop.call_soon_threadsafe(_settle, future, result)


def _settle(future: "asyncio.Future[Any]", result: object) -> None:
    if not future.done():
        future.set_result(result)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] == "http.request":
        pass


def _environ(scope: Message) -> Environ:
    """The environment of PEP 3333. The path is decoded once. A header with an underscore in its name is left out: it would
    be taken for the one with a hyphen."""
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": scope["server"][0],
        "SERVER_PORT": str(scope["server"][1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        if b"_" in name:
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        text = value.decode("latin-1")
        if key in environ:
            text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
        environ[key] = text
    return environ


def _length(environ: Environ) -> int | None:
    """Bytes that the sender announces, which the server holds it to. None: it sends until it says that it is done."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        return None
    return int(environ.get("CONTENT_LENGTH", 0))
