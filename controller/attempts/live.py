"""Reads metrics out of the live log streams, in batches, while executions run. The result's totals win at the end."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from redis.exceptions import RedisError

from controller.ports import Ports
from ledger import executions
from queues.streams import LogStreams
from schemas.messages.log import LogRecord
from schemas.metadata import Event, Pieces, event_of
from schemas.moments import from_text
from schemas.ranking import number


def follow(ports: Ports) -> int:
    """Read what came since the last turn; how many attempts had news. With Redis away nothing is read."""
    with ports.ledger.read() as connection:
        followed = executions.streams(connection)
    return sum(_read(ports, row) for row in followed)


def drain(ports: Ports, attempt_id: str) -> None:
    """Read the rest of an attempt's stream before the attempt ends: afterwards nobody looks at it again."""
    with ports.ledger.read() as connection:
        rows = [row for row in executions.streams(connection) if row.id == attempt_id]
    for row in rows:
        _read(ports, row)


def _read(ports: Ports, row: Any) -> bool:
    """Read on from where the ledger is. A metadata line of which only the beginning came is read again with its end."""
    latest, points, gaps, pieces, cursor = dict(row.metadata), [], [], Pieces(), row.metrics_read
    before = cursor
    try:
        for identifier, records in _entries(LogStreams(ports.redis), row, cursor):
            was_begun = pieces.is_begun
            for record in records:
                found = _found(pieces, record)
                if found is None:
                    continue
                latest |= found.values
                points += list(_points(record, found.values))
                at = from_text(record.time)
                gaps += [(key, record.seq, word, at) for key, word in found.unfinite.items()]
            if not pieces.is_begun:
                cursor = identifier
            elif not was_begun or any(_ends(record) for record in records):
                cursor = before
            before = identifier
    except RedisError:
        return False
    if cursor == row.metrics_read:
        return False
    with ports.ledger.write() as connection:
        executions.add_metrics(connection, row.id, points, cursor, gaps)
        if latest != row.metadata:
            executions.latest_metadata(connection, row.execution_id, latest)
    return True


def _entries(streams: LogStreams, row: Any, after: str) -> Iterator[tuple[str, list[LogRecord]]]:
    while entries := streams.entries(row.environment_id, row.id, after=after):
        yield from entries
        after = entries[-1][0]


def _ends(record: LogRecord) -> bool:
    return record.stream == "stdout" and not record.more


def _found(pieces: Pieces, record: LogRecord) -> Event | None:
    return event_of(pieces.add(record.message, record.more)) if record.stream == "stdout" else None


def _points(record: LogRecord, found: dict[str, Any]) -> Iterator[tuple[str, int, float, datetime]]:
    for key, raw in found.items():
        value = number(raw)
        if value is not None:
            yield key, record.seq, value, from_text(record.time)
