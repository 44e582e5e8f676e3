"""Request bodies, bounded in size and in time, whatever their sender says of them.

A blocking read cannot be given a time limit under WSGI, so that it happens in a thread of a small pool; once the answer
is sent, the server ends the read. A body that is cut short is an error, never a shorter body.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from flask import request

from schemas import codec
from schemas.errors import Refused
from webhooks.faults import Fail

MIB = 1024 * 1024
PIECE = 64 * 1024

T = TypeVar("T")


class Bodies:
    """Reads the body of the present request. One per process; `readers` bodies are read at once."""

    def __init__(self, readers: int = 64) -> None:
        self._pool = ThreadPoolExecutor(readers, thread_name_prefix="body")

    def pieces(self, limit: int, seconds: float, piece: int = PIECE) -> Iterator[bytes]:
        """The body in pieces. Fails with 413 for more than `limit` bytes (before the first, if it says so itself), and
        with 408 when the whole of it takes more than `seconds`."""
        return self._read(limit, time.monotonic() + seconds, seconds, piece)

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
        stream, total = request.stream, 0
        while True:
            left = seconds if deadline is None else deadline - time.monotonic()
            try:
                data = self._pool.submit(stream.read, piece).result(timeout=max(left, 0.0))
            except TimeoutError as error:
                raise Fail(408, f"the body did not come within {seconds:g} seconds") from error
            if not data:
                # Not every server tells that the sender went away: to some, that is the end of the body.
                if total < (declared or 0):
                    raise Fail(400, f"the body ended after {total} of {declared} bytes")
                return
            total += len(data)
            if total > limit:
                raise too_large
            yield data
