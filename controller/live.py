"""Reads metrics out of the live log streams, in batches, while executions run. The result's totals win at the end."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from redis.exceptions import RedisError

from controller.core.gate import number
from controller.ports import Ports
from ledger import executions
from queues.streams import LogStreams
from schemas.messages.log import LogRecord
from schemas.metadata import metadata_of
from schemas.moments import from_text


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
    streams, cursor, latest, points = LogStreams(ports.redis), row.metrics_read, dict(row.metadata), []
    try:
        for records, last in _batches(streams, row, cursor):
            cursor = last
            for record in records:
                found = _found(record)
                latest |= found
                points += list(_points(record, found))
    except RedisError:
        return False
    if cursor == row.metrics_read:
        return False
    with ports.ledger.write() as connection:
        executions.add_metrics(connection, row.id, points, cursor)
        if latest != row.metadata:
            executions.latest_metadata(connection, row.execution_id, latest)
    return True


def _batches(streams: LogStreams, row: Any, after: str) -> Iterator[tuple[list[LogRecord], str]]:
    while True:
        records, last = streams.read(row.environment_id, row.id, after=after)
        if last == after:
            return
        yield records, last
        after = last


def _found(record: LogRecord) -> dict[str, Any]:
    return metadata_of(record.message) if record.stream == "stdout" and not record.more else {}


def _points(record: LogRecord, found: dict[str, Any]) -> Iterator[tuple[str, int, float, datetime]]:
    for key, raw in found.items():
        value = number(raw)
        if value is not None:
            yield key, record.seq, value, from_text(record.time)
