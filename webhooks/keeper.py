"""Keeps deliveries: those that come at the same moment become rows in one transaction, so that one write to disk serves all."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ledger import inbox
from ledger.database import Ledger
from webhooks.faults import AWAY

TOGETHER = 200
"""Rows of one transaction at most: every other writer of the ledger waits meanwhile."""


@dataclass(slots=True)
class _Row:
    """`turn` is set when the row is decided, and before that if it is its thread's turn to write what waits."""

    source: str
    delivery: str
    body: bytes
    new: bool | None = None
    error: BaseException | None = None
    turn: threading.Event = field(default_factory=threading.Event)

    def decided(self) -> bool:
        """Whether it is committed, or never will be."""
        return self.new is not None or self.error is not None


class Keeper:
    """Safe between threads. Whoever comes while a transaction is written waits for the next one, which one of them writes."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime], together: int = TOGETHER) -> None:
        self._ledger = ledger
        self._most = together
        self._clock = clock
        self._guard = threading.Lock()
        self._waiting: list[_Row] = []
        self._written = False

    def keep(self, source: str, delivery: str, body: bytes) -> bool:
        """Return once the row is committed: True if it is new, False if this delivery was there before.

        Raises what the ledger raises, for this row alone.
        """
        row = _Row(source, delivery, body)
        with self._guard:
            self._waiting.append(row)
            mine, self._written = not self._written, True
        if not mine:
            row.turn.wait()
        if not row.decided():
            self._lead()
        if row.error is not None:
            raise row.error
        return row.new is True

    def _lead(self) -> None:
        """Write what waits, of which the caller's row is the first, and hand on to the first of those that came meanwhile."""
        with self._guard:
            taken, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        try:
            self._write(taken)
        finally:
            with self._guard:
                self._written = bool(self._waiting)
                following = self._waiting[:1]
            for row in (*following, *taken):
                row.turn.set()

    def _write(self, rows: list[_Row]) -> None:
        try:
            self._together(rows)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the row's own thread raises it
            if len(rows) == 1 or isinstance(error, AWAY):
                # A ledger that is locked is waited for once, not once for each of them.
                for row in rows:
                    row.error = error
                return
            for row in rows:  # what is wrong with one of them is not the others' trouble
                self._write([row])

    def _together(self, rows: list[_Row]) -> None:
        now = self._clock()
        with self._ledger.write() as connection:
            new = [
                inbox.receive(connection, "delivery", row.source, row.delivery, row.body, now) for row in rows
            ]
        for row, is_new in zip(rows, new, strict=True):
            row.new = is_new
