"""Live logs: one Redis stream an attempt. What a page follows while it runs; the agent's spool is the truth.

Key `<environment id>:log:<attempt>`. An entry's id is `<seq of its first record>-0` and its field `r` holds records as
JSON lines (schemas/log_lines.py), so an entry sent twice is the same entry. Old entries are trimmed by their id, which
keeps the newest KEEP_RECORDS however they were batched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from redis import Redis
from redis.exceptions import ResponseError

from queues.connection import SOCKET_TIMEOUT
from schemas import log_lines
from schemas.errors import Refused
from schemas.messages.log import LogRecord

KEEP_RECORDS = 20_000
KEEP_SECONDS = 7 * 24 * 3600
"""A stream whose agent never came back ends by itself."""

START = "0-0"
_FIELD = b"r"


@dataclass(frozen=True, slots=True)
class Entry:
    """Records as JSON lines, and the number of the first of them."""

    first: int
    lines: bytes


class LogStreams:
    """Reading and writing of live logs. Methods raise `redis.RedisError` when Redis is gone. Thread-safe."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def append(self, environment_id: str, attempt: str, records: Sequence[LogRecord]) -> None:
        """Add records as one entry. Sending records that are there already changes nothing."""
        if records:
            lines = b"".join(log_lines.encode(record) for record in records)
            oldest = records[-1].seq - KEEP_RECORDS
            self.append_entries(environment_id, attempt, [Entry(records[0].seq, lines)], oldest)

    def append_entries(
        self, environment_id: str, attempt: str, entries: Sequence[Entry], oldest: int = 0
    ) -> bool:
        """Add entries in one round trip; those with a number below `oldest` may go. False if the stream was not there before."""
        key = _key(environment_id, attempt)
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.exists(key)
            for entry in entries:
                pipeline.xadd(
                    key,
                    {_FIELD: entry.lines},
                    id=f"{entry.first}-0",
                    minid=f"{oldest}-0" if oldest > 0 else None,
                    approximate=True,
                )
            pipeline.expire(key, KEEP_SECONDS)
            answers = pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception) and not _is_duplicate(answer):
                raise answer
        return bool(answers[0])

    def read(
        self, environment_id: str, attempt: str, after: str = START, block_ms: int = 0, count: int = 1000
    ) -> tuple[list[LogRecord], str]:
        """Records of at most `count` entries behind `after`, and the id to go on from (`after` itself when there are none).

        `block_ms`: how long to wait for the first, 0 not at all. Lines that are no records are left out.
        """
        entries = self.entries(environment_id, attempt, after, block_ms, count)
        return [record for _, records in entries for record in records], entries[-1][0] if entries else after

    def entries(
        self, environment_id: str, attempt: str, after: str = START, block_ms: int = 0, count: int = 1000
    ) -> list[tuple[str, list[LogRecord]]]:
        """As `read`, entry by entry: its id, and its records."""
        block = min(block_ms, int(SOCKET_TIMEOUT * 500)) or None
        answer = cast(
            "list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]",
            self._redis.xread({_key(environment_id, attempt): after}, count=count, block=block),
        )
        return [
            (identifier.decode(), _records(fields.get(_FIELD, b"")))
            for _, entries in answer or []
            for identifier, fields in entries
        ]

    def exists(self, environment_id: str, attempt: str) -> bool:
        """Whether there is a stream: False after Redis was emptied."""
        return bool(self._redis.exists(_key(environment_id, attempt)))

    def clear(self, environment_id: str, attempt: str) -> None:
        """Take the stream away, before it is sent anew from its beginning."""
        self._redis.delete(_key(environment_id, attempt))

    def expire(self, environment_id: str, attempt: str, seconds: int) -> None:
        """Let the stream end by itself: its final log is stored."""
        self._redis.expire(_key(environment_id, attempt), seconds)


def _key(environment_id: str, attempt: str) -> str:
    return f"{environment_id}:log:{attempt}"


def _is_duplicate(error: Exception) -> bool:
    return isinstance(error, ResponseError) and "equal or smaller" in str(error)


def _records(lines: bytes) -> list[LogRecord]:
    records = []
    for line in lines.split(b"\n"):
        if line:
            try:
                records.append(log_lines.decode(line))
            except Refused:
                continue
    return records
