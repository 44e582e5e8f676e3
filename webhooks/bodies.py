"""Request bodies, bounded in size and in time, whatever their sender says of them.

Under `webhooks.front` a read can be given up, and costs nothing from then on. Any other WSGI server reads without a time
limit. A body that is cut short is an error, never a shorter body.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import TypeVar

from flask import request

from schemas import codec
from schemas.errors import Refused
from webhooks.faults import Fail
from webhooks.incoming import KEY, Cut, Incoming

MIB = 1024 * 1024
PIECE = 64 * 1024
HURRY = 2.0
"""Seconds that a body may take while many are read: whoever is slow then keeps others out."""

T = TypeVar("T")


class Bodies:
    """Reads the body of the present request. One per process, whose `threads` requests are at most served at once."""

    def __init__(self, threads: int = 64) -> None:
        self._many = max(1, threads // 8)
        self._reading = 0
        self._lock = threading.Lock()

    def pieces(self, limit: int, seconds: float, piece: int = PIECE) -> Iterator[bytes]:
        """The body in pieces. Fails with 413 for more than `limit` bytes (before the first, if it says so itself), and
        with 408 when the whole of it takes more than `seconds`, or than `HURRY` while an eighth of all threads read such ones."""
        with self._lock:
            self._reading += 1
        try:
            yield from self._read(limit, time.monotonic() + seconds, seconds, piece)
        finally:
            with self._lock:
                self._reading -= 1

    def large(self, size: int, silence: float = 60) -> Iterator[bytes]:
        """A body of exactly `size` bytes, a MiB at a time. Fails with 408 when one MiB takes more than `silence`."""
        return self._read(size, None, silence, MIB)

    def message(self, message: type[T], limit: int = MIB, seconds: float = 30) -> T:
        """The body as a message. Fails with 400 unless it is one."""
        body = b"".join(self.pieces(limit, seconds))
        try:
            return codec.read(message, body)
        except Refused as error:
            raise Fail(400, error.message, error.hint) from error

    def _read(self, limit: int, deadline: float | None, seconds: float, piece: int) -> Iterator[bytes]:
        too_large = Fail(413, f"the body has more than {limit} bytes")
        declared = request.content_length
        if (declared or 0) > limit:
            raise too_large
        total = 0
        while declared is None or total < declared:
            read = _asked(piece)
            try:
                data = self._result(read, seconds, deadline)
            except TimeoutError as error:
                read.cancel()
                raise Fail(408, f"the body did not come within {seconds:g} seconds") from error
            except Cut as error:
                raise Fail(400, f"the body ended early, after {total} bytes") from error
            if not data:
                # Not every server tells that the sender went away: to some, that is the end of the body.
                if declared is not None:
                    raise Fail(400, f"the body ended after {total} of {declared} bytes")
                return
            total += len(data)
            if total > limit:
                raise too_large
            yield data

    def _result(self, read: "Future[bytes]", seconds: float, deadline: float | None) -> bytes:
        if deadline is None:
            return read.result(timeout=seconds)
        hurried = deadline - seconds + min(seconds, HURRY)
        while True:
            now = time.monotonic()
            if now >= (hurried if self._reading > self._many else deadline):
                return read.result(timeout=0)
            try:
                return read.result(timeout=min(deadline - now, HURRY / 2))
            except TimeoutError:
                if read.done():
                    raise
                # else there may be many by now


def _asked(size: int) -> "Future[bytes]":
    """Up to `size` bytes of the present request's body, in time."""
    body = request.environ.get(KEY)
    if isinstance(body, Incoming):
        return body.ask(size)
    read: Future[bytes] = Future()
    read.set_result(request.stream.read(size))
    return read
