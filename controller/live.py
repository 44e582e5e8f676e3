"""Reads metrics out of the live log streams, in batches, while executions run. The result's totals win at the end."""

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
    streams = LogStreams(ports.redis)
    news = 0
    for row in followed:
        try:
            records, cursor = streams.read(row.environment_id, row.id, after=row.metrics_read)
        except RedisError:
            return news
        if not records:
            continue
        latest = dict(row.metadata)
        points = []
        for record in records:
            found = _found(record)
            latest |= found
            points += [
                (key, record.seq, value, from_text(record.time))
                for key, raw in found.items()
                if (value := number(raw)) is not None
            ]
        with ports.ledger.write() as connection:
            executions.add_metrics(connection, row.id, points, cursor)
            if latest != row.metadata:
                executions.latest_metadata(connection, row.execution_id, latest)
        news += 1
    return news


def _found(record: LogRecord) -> dict[str, object]:
    return metadata_of(record.message) if record.stream == "stdout" and not record.more else {}
