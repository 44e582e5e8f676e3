"""A window of an attempt's log: from the final object in the system store, or from the live stream before that.

The final log is zstd frames of `schemas.log_lines`, whose records are numbered from 1 without a gap.
Frames are independent, so the reader goes from one to the next; it holds one window in memory, never the log.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import zstandard

from dashboard.ansi import Span, plain, spans
from schemas import codec, log_lines
from schemas.errors import Refused
from schemas.messages.log import LogRecord
from schemas.metadata import event_of
from stores.port import Store

WINDOW = 2000
"""Lines of one window."""

LONGEST = 4000
"""Characters of one line that a page shows; the download has all."""

MAX_RECORD = 8 * 1024 * 1024
"""Bytes of one JSON line that are believed. A record's message has 65,536 characters, six bytes each when escaped."""


@dataclass(frozen=True, slots=True)
class Line:
    """A log record as a page shows it. `metadata`: it is a metric; `cut`: characters left out at its end."""

    seq: int
    time: str
    stream: str
    spans: tuple[Span, ...]
    metadata: bool = False
    more: bool = False
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """Lines in order. `last` is the number of the log's last known line, 0 for an empty one; `position` is where a live
    reader goes on. `earlier` and `later` are line numbers to look around, None at the ends.
    """

    lines: tuple[Line, ...] = ()
    last: int = 0
    position: str = "0-0"
    earlier: int | None = None
    later: int | None = None
    trouble: str = ""


def line(record: LogRecord) -> Line:
    """A record made safe to show."""
    found = spans(record.message)
    shown, cut = _cut(found)
    return Line(record.seq, record.time, record.stream, tuple(shown), _is_metadata(record), record.more, cut)


def _cut(found: list[Span]) -> tuple[list[Span], int]:
    room, shown = LONGEST, []
    for span in found:
        if room > 0:
            shown.append(Span(span.text[:room], span.look))
        room -= len(span.text)
    return shown, max(0, -room)


def _is_metadata(record: LogRecord) -> bool:
    """One JSON object on one line of stdout is one metadata event; arrays and scalars are just log."""
    return record.stream == "stdout" and not record.more and event_of(record.message) is not None


def final_records(store: Store, key: str) -> Iterator[bytes]:
    """Every record of a final log as its JSON text. Raises what the store raises, `Refused` when it is no such log."""
    pending = b""
    for block in _decompressed(store.stream(key)):
        *whole, pending = (pending + block).split(b"\n")
        yield from (record for record in whole if record)
        if len(pending) > MAX_RECORD:
            raise Refused("the stored log is damaged: a record without an end")
    if pending:
        yield pending


def _decompressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor()
    frame = decompressor.decompressobj()
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                block = frame.decompress(rest)
                if block:
                    yield block
                if not frame.eof:
                    break
                rest = frame.unused_data
                frame = decompressor.decompressobj()
    except zstandard.ZstdError as error:
        raise Refused(f"the stored log is damaged: {error}") from error


def final_window(store: Store, key: str, total: int, around: int | None = None, most: int = WINDOW) -> Window:
    """The window with line `around` in it, or the end of the log. `total` is the number of its records."""
    if around is None:
        tail: deque[bytes] = deque(final_records(store, key), maxlen=most)
        return _window([log_lines.decode(text) for text in tail], total, most)
    first = max(1, min(around, total) - most // 2)
    picked: list[LogRecord] = []
    for index, text in enumerate(final_records(store, key), start=1):
        if index >= first:
            picked.append(log_lines.decode(text))
        if len(picked) == most:
            break
    return _window(picked, total, most)


def _window(records: list[LogRecord], total: int, most: int) -> Window:
    lines = tuple(line(record) for record in records)
    if not lines:
        return Window(last=total)
    first, last = lines[0].seq, lines[-1].seq
    return Window(
        lines=lines,
        last=max(total, last),
        earlier=max(1, first - most // 2) if first > 1 else None,
        later=last + most // 2 if last < total else None,
    )


def live_window(records: Iterable[LogRecord], position: str, most: int = WINDOW) -> Window:
    """The end of what a live stream holds."""
    tail: deque[LogRecord] = deque(records, maxlen=most)
    window = _window(list(tail), 0, most)
    return Window(window.lines, window.last, position, window.earlier)


def as_text(records: Iterable[bytes]) -> Iterator[bytes]:
    """The log as plain text, one record a line; the pieces of a long line are joined again. Escapes are left out."""
    for text in records:
        record = log_lines.decode(text)
        yield plain(record.message).encode(errors="replace") + (b"" if record.more else b"\n")


def fitted(window: Window, budget: int) -> Window:
    """The end of a window that fits into so many characters of text and markup."""
    kept: list[Line] = []
    for found in reversed(window.lines):
        budget -= 80 + sum(len(span.text) for span in found.spans)
        if budget < 0:
            break
        kept.append(found)
    kept.reverse()
    if len(kept) == len(window.lines):
        return window
    first = kept[0].seq if kept else window.last
    return Window(
        tuple(kept), window.last, window.position, max(1, first - WINDOW // 2), window.later, window.trouble
    )


def to_json(found: Line) -> dict[str, codec.Json]:
    """What the page's script needs of a line: numbers and text, never markup."""
    return {
        "seq": found.seq,
        "time": found.time,
        "stream": found.stream,
        "metadata": found.metadata,
        "more": found.more,
        "cut": found.cut,
        "spans": [[span.text, span.look] for span in found.spans],
    }
