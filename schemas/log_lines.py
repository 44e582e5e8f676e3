"""Log records as JSON lines: the one spelling shared by the agent's spool, the live stream and the final log.

A line holds one LogRecord (schemas/messages/log.py) with its keys in order and `more` only when true. Reading is
done by hand, not through JSON Schema, because thousands of lines a second pass here; what it accepts is the same.
"""

import json
import re
from collections.abc import Iterator

from schemas.errors import Refused
from schemas.messages.log import LogRecord

STREAMS = frozenset({"stdout", "stderr", "status"})
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?\+00:00\Z")
_KEYS = frozenset({"seq", "time", "stream", "message", "more"})
_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode(record: LogRecord) -> bytes:
    """One line with its newline. Characters that UTF-8 cannot hold (lone surrogates) become `?`."""
    value = {"seq": record.seq, "time": record.time, "stream": record.stream, "message": record.message}
    if record.more:
        value["more"] = True
    return _dump(value).encode("utf-8", "replace") + b"\n"


def decode(line: bytes | str) -> LogRecord:
    """The record of one line. Raises `Refused` for anything that the message's schema does not allow."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Refused(f"not a log record: it is not JSON ({error})") from error
    if not isinstance(value, dict) or not value.keys() <= _KEYS or not _fits(value):
        raise Refused("not a log record: its keys or their types are not those of a LogRecord")
    return LogRecord(value["seq"], value["time"], value["stream"], value["message"], value.get("more", False))


def first_number(lines: bytes) -> int:
    """The number of the first record in lines that `encode` made."""
    return int(lines[len(b'{"seq":') : lines.index(b",")])


def decode_all(text: bytes) -> Iterator[LogRecord]:
    """The records of many lines, in order. Empty lines are skipped; raises `Refused` at the first bad one."""
    for line in text.split(b"\n"):
        if line:
            yield decode(line)


def _fits(value: dict[str, object]) -> bool:
    time, stream = value.get("time"), value.get("stream")
    return (
        type(value.get("seq")) is int
        and isinstance(time, str)
        and _MOMENT.match(time) is not None
        and isinstance(stream, str)
        and stream in STREAMS
        and isinstance(value.get("message"), str)
        and isinstance(value.get("more", False), bool)
    )
