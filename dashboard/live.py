"""The live log of an attempt, as it lies in Redis, for readers that come, go and come back.

Redis is disposable: an emptied stream comes back from the agent's spool, perhaps cut into other entries. So a reader
keeps two things, the last entry it read and the last record number it has, and believes the number.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from redis.exceptions import RedisError

from queues.streams import START, LogStreams
from schemas.errors import Waiting
from schemas.messages.log import LogRecord

BATCH = 200
"""Stream entries of one read."""


@dataclass(slots=True)
class Place:
    """How far a reader has come in one attempt's stream."""

    seq: int = 0
    position: str = START


def read(
    stream: LogStreams, environment_id: str, attempt_id: str, place: Place, block_ms: int = 0
) -> list[LogRecord]:
    """The next records, and `place` moved behind them; none when nothing new came. Raises `Waiting` when Redis is gone.

    Records that the reader has are left out. Where numbers are missing, the stream is read again from its start: it may
    have been sent anew in other pieces. What is missing even then is missing; the final log will have it.
    """
    found, position = _entries(stream, environment_id, attempt_id, place.position, block_ms)
    fresh = [record for record in found if record.seq > place.seq]
    if fresh and fresh[0].seq > place.seq + 1 and place.position != START:
        fresh, position = _from_the_start(stream, environment_id, attempt_id, place.seq)
    place.position = position
    if fresh:
        place.seq = fresh[-1].seq
    return fresh


def everything(
    stream: LogStreams, environment_id: str, attempt_id: str, most: int
) -> tuple[list[LogRecord], Place]:
    """The last `most` records that the stream holds now, and the place behind them. Raises `Waiting`."""
    place = Place()
    tail: deque[LogRecord] = deque(maxlen=most)
    while batch := read(stream, environment_id, attempt_id, place):
        tail.extend(batch)
    return list(tail), place


def _from_the_start(
    stream: LogStreams, environment_id: str, attempt_id: str, seq: int
) -> tuple[list[LogRecord], str]:
    position = START
    while True:
        found, position = _entries(stream, environment_id, attempt_id, position, 0)
        fresh = [record for record in found if record.seq > seq]
        if fresh or not found:
            return fresh, position


def _entries(
    stream: LogStreams, environment_id: str, attempt_id: str, after: str, block_ms: int
) -> tuple[list[LogRecord], str]:
    try:
        return stream.read(environment_id, attempt_id, after, block_ms, BATCH)
    except (RedisError, OSError) as error:
        raise Waiting("The live log cannot be reached now; it comes back by itself.", 2) from error


def unbroken(records: list[LogRecord], most: int) -> Iterator[list[LogRecord]]:
    """The records in pieces of at most `most`, whose numbers follow each other."""
    start = 0
    for index in range(1, len(records) + 1):
        ends = index == len(records) or records[index].seq != records[index - 1].seq + 1
        if ends or index - start == most:
            yield records[start:index]
            start = index
