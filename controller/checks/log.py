"""The end of a failed execution's log, for its check: a few lines and the first error, read from the last frames alone.

Never raises for a log that is away, damaged or too long: the answer says so.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas import final_log, log_lines
from schemas.errors import LuotsiError
from schemas.messages.log import LogRecord
from schemas.plain_text import without_escapes
from stores.port import Store

LINES = 20
"""Lines of the end that are shown."""
LARGEST = 32 * 1024 * 1024
"""Bytes of a stored log that are fetched: hundreds of MB of lines. A longer one is read on its page."""
FRAMES = 4
READ = 16 * 1024 * 1024
"""Bytes of lines that are looked through at most."""
_KEPT = 100

ERROR = re.compile(
    r"\bTraceback \(|\b[A-Za-z_.]*(?:Error|Exception|Interrupt|SystemExit)\b(?!s)|\b(?:error|fatal error|ERROR|FATAL|fatal|panic):"
    r"|\bSegmentation fault\b|\b[Oo]ut of memory\b|\bcommand not found\b|\bNo such file or directory\b|\bKilled\b"
)
"""What a line of a program that fails says. Names of metrics, such as `mean_absolute_error`, do not."""
_PERHAPS = re.compile(
    rb"error|exception|interrupt|systemexit|traceback|fatal|panic|fault|memory|not found|no such|killed",
    re.IGNORECASE,
)
"""Records that are worth reading: most are not, and reading is what takes the time."""


@dataclass(frozen=True, slots=True)
class End:
    """Lines by number, oldest first; the first and the last error among what was read. `trouble`: why there is nothing."""

    lines: tuple[tuple[int, str], ...] = ()
    first: tuple[int, str] | None = None
    last: tuple[int, str] | None = None
    trouble: str = ""


def end_of(store: Store | None, log: Mapping[str, Any] | None) -> End:
    """The end of a final log. `log`: what the attempt's row says of it, `{key, lines, ...}`; None: none came in."""
    if log is None:
        return End(trouble="No log of it came in.")
    if store is None:
        return End(trouble="The store with its log cannot be reached.")
    try:
        key = str(log["key"])
        meta = store.head(key)
        if meta is None:
            return End(trouble="Its log is not in the store.")
        if meta.size > LARGEST:
            return End(trouble="Its log is too long to be quoted here.")
        found = _end(_last_lines(store.get(key, LARGEST)))
    except (LuotsiError, KeyError, ValueError) as error:
        return End(trouble=f"Its log cannot be read: {error}.")
    return found if found.lines else End(trouble="It printed nothing.")


def _last_lines(data: bytes) -> Iterator[bytes]:
    frames = final_log.read_table(data[-final_log.TAIL :], len(data))[-FRAMES:]
    left = READ
    for frame in frames:
        for each in final_log.read_lines([data[frame.offset : frame.offset + frame.compressed]]):
            left -= len(each)
            if left < 0:
                return
            if each:
                yield each


def _end(lines: Iterable[bytes]) -> End:
    """What the agent itself said comes after what failed, and is left out unless there is nothing else."""
    tail: deque[bytes] = deque(maxlen=_KEPT)
    first: LogRecord | None = None
    for each in lines:
        tail.append(each)
        if first is None and _PERHAPS.search(each):
            first = _error(log_lines.decode(each))
    records = [log_lines.decode(each) for each in tail]
    said = [record for record in records if record.stream != "status"]
    shown = (said or records)[-LINES:]
    errors = [record for record in map(_error, shown) if record is not None]
    return End(
        tuple(_line(record) for record in shown),
        _line(first) if first else None,
        _line(errors[-1]) if errors else None,
    )


def _error(record: LogRecord) -> LogRecord | None:
    """The record, if it is the program's own word of an error."""
    return record if record.stream != "status" and ERROR.search(without_escapes(record.message)) else None


def _line(record: LogRecord) -> tuple[int, str]:
    return record.seq, without_escapes(record.message)
