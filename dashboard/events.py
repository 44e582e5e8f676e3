"""A live log as server-sent events (WHATWG HTML, section 9.2): lines while they come, `end` when the log is final.

One event carries some lines as JSON; its id says how far the reader has come, so that a browser that comes back goes on
there. A connection is bounded in time. Nothing of the ledger or a store is held while it waits.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

from dashboard import live, logs
from dashboard.parts import DashboardParts
from dashboard.shapes import word_of
from ledger.pages import execution as pages_execution
from ledger.pages.execution import AttemptLine
from queues.streams import LogStreams
from schemas import log_lines
from schemas.codec import Json
from schemas.errors import LuotsiError, Refused
from schemas.messages.log import LogRecord
from schemas.states import FINAL_EXECUTION

_ID = re.compile(r"([0-9]{1,9})\.([0-9]{1,15})\.([0-9]{1,19}-[0-9]{1,19})")
_BLOCK_MS = 1000
_LINES = 200
_QUIET_TURNS = 4


@dataclass(slots=True)
class Reader:
    """How far a browser has come: which attempt, which line. `attempt` 0: it has seen none yet."""

    attempt: int = 0
    place: live.Place = field(default_factory=live.Place)

    @property
    def id(self) -> str:
        """The event id from which `resume` goes on."""
        return f"{self.attempt}.{self.place.seq}.{self.place.position}"


def resume(text: str) -> Reader:
    """The reader with this event id; an empty one starts at the beginning. Raises `Refused`."""
    if not text:
        return Reader()
    match = _ID.fullmatch(text)
    if match is None:
        raise Refused("This is not a place in a log.", "Open the page again.")
    return Reader(int(match[1]), live.Place(int(match[2]), match[3]))


def follow(parts: DashboardParts, execution_id: str, reader: Reader) -> Iterator[str]:
    """The events until the execution is final or the connection's time is over."""
    deadline = parts.now() + timedelta(seconds=parts.live_seconds)
    yield "retry: 2000\n\n"
    trouble, quiet = "", 0
    while parts.now() < deadline:
        with parts.ledger.read() as connection:
            state, reason = pages_execution.state_of(connection, execution_id)
            attempt = pages_execution.current_attempt(connection, execution_id)
        said = False
        try:
            for event in _turn(parts, attempt, reader, state in FINAL_EXECUTION):
                said = True
                yield event
            trouble = ""
        except LuotsiError as error:
            if error.message != trouble:
                trouble = error.message
                yield _event("trouble", error.message, reader)
            parts.pause(2)
        if state in FINAL_EXECUTION:
            yield _event("end", {"word": word_of(state, "execution").value, "reason": reason}, reader)
            return
        quiet = 0 if said else quiet + 1
        if quiet >= _QUIET_TURNS:
            # Writing is how the server notices that the browser has gone.
            yield ": still here\n\n"
            quiet = 0


def _turn(parts: DashboardParts, attempt: AttemptLine | None, reader: Reader, over: bool) -> Iterator[str]:
    if attempt is None:
        if not over:
            parts.pause(1)
        return
    if attempt.number != reader.attempt:
        came_later = reader.attempt > 0
        reader.attempt, reader.place = attempt.number, live.Place()
        if came_later:
            yield _event("attempt", attempt.number, reader)
    if attempt.log is not None:
        yield from _from_store(parts, attempt.log, reader)
    elif parts.redis is not None:
        yield from _from_stream(parts, attempt, reader)
    if not over and (attempt.finished_at is not None or parts.redis is None):
        parts.pause(1)


def _from_stream(parts: DashboardParts, attempt: AttemptLine, reader: Reader) -> Iterator[str]:
    assert parts.redis is not None
    stream = LogStreams(parts.redis)
    block = 0 if attempt.finished_at else _BLOCK_MS
    while True:
        seq, position = reader.place.seq, reader.place.position
        records = live.read(stream, attempt.environment_id, attempt.id, reader.place, block)
        if not records:
            return
        behind = reader.place.position
        # Until all of it is out, a browser that comes back reads these entries again and goes on behind its last line.
        reader.place = live.Place(seq, position)
        for piece in live.unbroken(records, _LINES):
            if piece[0].seq > reader.place.seq + 1:
                yield _gap(reader.place.seq + 1, piece[0].seq - 1, reader)
            reader.place.seq = piece[-1].seq
            yield _lines(piece, reader)
        reader.place.position = behind
        block = 0


def _from_store(parts: DashboardParts, log: Json, reader: Reader) -> Iterator[str]:
    """What the reader lacks of the final log, its end only when that is very much."""
    total = int(log["lines"])
    if reader.place.seq >= total:
        return
    first = max(reader.place.seq, total - logs.WINDOW)
    if first > reader.place.seq:
        yield _gap(reader.place.seq + 1, first, reader)
    store = parts.stores.get("system")
    if store is None:
        raise Refused("The stored log cannot be reached from here.")
    texts = islice(logs.final_records(store, str(log["key"])), first, None)
    while batch := [log_lines.decode(text) for text in islice(texts, _LINES)]:
        reader.place.seq = batch[-1].seq
        yield _lines(batch, reader)


def _lines(records: list[LogRecord], reader: Reader) -> str:
    return _event("lines", [logs.to_json(logs.line(record)) for record in records], reader)


def _gap(first: int, last: int, reader: Reader) -> str:
    return _event("gap", {"first": first, "last": last}, reader)


def _event(name: str, data: Json, reader: Reader) -> str:
    # JSON holds no line end of its own, so one data field is enough.
    return f"id: {reader.id}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
