"""A request's body on its way from an event loop, which waits for any number of senders, to the thread that asks for it."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Future
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

KEY = "luotsi.body"
"""Where the environment of a request has it."""

PATIENCE = 30.0
"""Seconds that a read waits whose caller gave no limit of its own."""


class Cut(Exception):
    """The sender went away before the end of the body."""


class Incoming:
    """`length` is what the sender announced, None when it announced nothing. `ask` and `read` are for the request's thread,
    everything else for the loop; only one of them reads at a time."""

    def __init__(self, receive: Receive, length: int | None) -> None:
        self._receive: Receive | None = receive
        self._loop = asyncio.get_running_loop()
        self.length = length
        self._buffer = bytearray()
        self._total = 0
        self._late = False
        self.ended = length == 0
        self.cut = False

    async def gather(self, most: int, seconds: float) -> None:
        """Wait for the end of the body, or for more than `most` bytes. After `seconds` without either, all reads time out."""
        try:
            async with asyncio.timeout(seconds):
                await self._fill(most + 1)
        except TimeoutError:
            self._late = True

    @property
    def decided(self) -> bool:
        """Whether no read has to wait for the sender any more."""
        return self.ended or self.cut or self._late

    def close(self) -> None:
        """Nothing is read any more, so that the server can end the connection of a sender who never would."""
        self._receive = None

    def ask(self, size: int) -> "Future[bytes]":
        """`size` bytes, or what is left; none at the end. Raises `Cut`, and `TimeoutError` for who was too late already.
        To give up is to cancel it."""
        if not self.decided and len(self._buffer) < size:
            return asyncio.run_coroutine_threadsafe(self._filled(size), self._loop)
        done: Future[bytes] = Future()
        try:
            done.set_result(self._take(size))
        except (Cut, TimeoutError) as error:
            done.set_exception(error)
        return done

    def read(self, size: int) -> bytes:
        """What a file would give, for who knows no better: waits at most `PATIENCE`."""
        return self.ask(size).result(PATIENCE)

    async def _filled(self, size: int) -> bytes:
        await self._fill(size)
        return self._take(size)

    async def _fill(self, size: int) -> None:
        while not self.decided and len(self._buffer) < size:
            if self._receive is None:
                raise Cut
            message = await self._receive()
            if message["type"] != "http.request":
                self.cut = True
                return
            piece = message.get("body", b"")
            self._buffer += piece
            self._total += len(piece)
            self.ended = not message.get("more_body", False) or self._total == self.length

    def _take(self, size: int) -> bytes:
        if self._late:
            raise TimeoutError
        if self.cut:
            raise Cut
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken
