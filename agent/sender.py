"""Sends an attempt's spool to the live stream in Redis, a batch a round trip. Redis may be down or emptied at any time.

It reads from the spool, never from memory: while Redis is away nothing piles up here. When the stream has vanished, what
a live view can still want is sent again from the spool.
"""

import logging
import threading
from collections import deque
from collections.abc import Iterator, Sequence

from redis import RedisError

from agent.spool import Spool
from queues.streams import KEEP_RECORDS, Entry, LogStreams
from schemas import log_lines

ENTRY = 64 * 1024
BATCH = 1024 * 1024
KEEP_BYTES = 16 * 1024 * 1024
"""Of one attempt's live stream, in Redis' memory."""

LOOK = 3.0
"""Seconds of silence after which it is looked whether the stream is still there."""

_log = logging.getLogger("luotsi.agent.sender")


class Sender:
    """One thread for one attempt."""

    def __init__(self, streams: LogStreams, environment_id: str, attempt: str, spool: Spool) -> None:
        self._streams = streams
        self._environment_id = environment_id
        self._attempt = attempt
        self._spool = spool
        self._sent = self._began = 0
        self._batch = b""
        self._window: deque[tuple[int, int]] = deque()
        self._stale = spool.mark.size > 0  # an earlier agent process sent some of it, cut into other entries
        self._keep: int | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"log of {attempt}", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def finish(self, seconds: float, keep: int | None = None) -> None:
        """Send what is left, for at most so many seconds, and end. The stream then stays `keep` seconds more."""
        self._keep = keep
        self._ending.set()
        with self._spool.grown:
            self._spool.grown.notify_all()
        self._thread.join(seconds)

    def _run(self) -> None:
        pause = 0.1
        while True:
            try:
                self._turn()
                pause = 0.1
            except RedisError as error:
                _log.debug("the live log of %s waits for Redis: %s", self._attempt, error)
                if self._ending.wait(pause):
                    return
                pause = min(pause * 2, 5.0)
            if self._ending.is_set() and self._sent >= self._spool.mark.size:
                self._let_end()
                return

    def _let_end(self) -> None:
        try:
            if self._keep is not None:
                self._streams.expire(self._environment_id, self._attempt, self._keep)
        except RedisError:
            return  # it ends by itself, later

    def _turn(self) -> None:
        if self._stale:
            self._again()
        with self._spool.grown:
            self._spool.grown.wait_for(
                lambda: self._ending.is_set() or self._spool.mark.size > self._sent, LOOK
            )
        # What failed is sent again exactly as it was: an entry that arrived after all must not hide a longer one.
        self._batch = self._batch or self._spool.read(self._sent, BATCH)
        entries = list(_entries(self._batch))
        oldest = self._oldest(entries)
        was_there = self._streams.append_entries(self._environment_id, self._attempt, entries, oldest)
        if was_there or self._sent == self._began:
            self._sent += len(self._batch)
            self._batch = b""
        else:
            self._stale = True

    def _again(self) -> None:
        """Begin anew with what a live view can still want: the stream vanished, or its entries are not ours."""
        self._streams.clear(self._environment_id, self._attempt)
        self._sent = self._began = self._spool.line_after(self._spool.mark.size - KEEP_BYTES)
        self._batch = b""
        self._window.clear()
        self._stale = False

    def _oldest(self, entries: Sequence[Entry]) -> int:
        """The number below which entries may go: the newest KEEP_RECORDS or KEEP_BYTES stay, whichever is less."""
        for entry in entries:
            if not self._window or entry.first > self._window[-1][0]:
                self._window.append((entry.first, len(entry.lines)))
        kept = sum(size for _, size in self._window)
        while len(self._window) > 1 and (
            kept > KEEP_BYTES or self._window[1][0] < self._window[-1][0] - KEEP_RECORDS
        ):
            kept -= self._window.popleft()[1]
        return self._window[0][0] if self._window else 0


def _entries(data: bytes) -> Iterator[Entry]:
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + ENTRY) + 1 or data.find(b"\n", start) + 1
        lines = data[start:end]
        yield Entry(log_lines.first_number(lines), lines)
        start = end
