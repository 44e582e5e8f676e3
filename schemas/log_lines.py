"""Log records as JSON lines: the one spelling shared by the agent's spool, the live stream and the final log.

A line holds one LogRecord (schemas/messages/log.py) with its keys in order and `more` only when true. Reading is
done by hand, not through JSON Schema, because thousands of lines a second pass here; what it accepts is the same.
"""

import json
import re
from collections.abc import Iterator
from json.encoder import encode_basestring

from schemas.errors import Refused
from schemas.messages.log import LogRecord

STREAMS = frozenset({"stdout", "stderr", "status"})
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?\+00:00\Z")
_KEYS = frozenset({"seq", "time", "stream", "message", "more"})
_MORE = ',"more":true'


def encode(record: LogRecord) -> bytes:
    """One line with its newline. Characters that UTF-8 cannot hold (lone surrogates) become `?`."""
    # Put together by hand: only the message needs quoting, and this is three times as fast.
    line = (
        f'{{"seq":{record.seq},"time":"{record.time}","stream":"{record.stream}",'
        f'"message":{encode_basestring(record.message)}{_MORE if record.more else ""}}}\n'
    )
    return line.encode("utf-8", "replace")


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
