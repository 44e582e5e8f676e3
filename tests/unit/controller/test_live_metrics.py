"""Metrics read from the live log while an execution runs: over a real Valkey, with the test as the agent."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import select

from controller.attempts import live
from controller.ports import Ports
from ledger import executions
from ledger.attempts import AttemptRow
from ledger.tables import attempts, metric_gaps, metrics
from queues.connection import connect
from queues.streams import LogStreams
from schemas import moments
from schemas.messages.log import MAX_MESSAGE, LogRecord
from tests.builders.mind import Mind
from tests.parts.valkey_server import ValkeyServer

CONFIG = """
- step: { name: train, image: i, command: python train.py }
- trigger: { name: train, when: { push: {} }, run: { step: train } }
"""
LONG = json.dumps({"loss": 1, "curve": "x" * (2 * MAX_MESSAGE)})


class Follower:
    """One execution that runs: `print` is what its agent sends, each call an entry; `read` what the controller takes in."""

    def __init__(self, mind: Mind, redis: Redis) -> None:
        mind.push(CONFIG)
        self.ports: Ports = replace(mind.ports, redis=redis)
        self.attempt: AttemptRow = mind.claim(mind.waiting()[0])
        self._at = moments.to_text(mind.now)
        self._next = 1

    def print(self, *pieces: tuple[str, bool], stream: str = "stdout") -> None:
        records = [
            LogRecord(self._next + place, self._at, stream, text, more)  # type: ignore[arg-type]
            for place, (text, more) in enumerate(pieces)
        ]
        self._next += len(records)
        LogStreams(self.ports.redis).append(self.attempt.environment_id, self.attempt.id, records)

    def read(self) -> int:
        return live.follow(self.ports)

    def points(self) -> list[tuple[str, float]]:
        with self.ports.ledger.read() as connection:
            rows = connection.execute(
                select(metrics.c.key, metrics.c.value).order_by(metrics.c.position, metrics.c.key)
            )
            return [(row.key, row.value) for row in rows]

    def latest(self) -> dict[str, object]:
        with self.ports.ledger.read() as connection:
            return executions.by_id(connection, self.attempt.execution_id).metadata

    def cursor(self) -> str:
        with self.ports.ledger.read() as connection:
            return str(connection.execute(select(attempts.c.metrics_read)).scalar_one())


@pytest.fixture
def follower(tmp_path: Path, valkey_server: ValkeyServer) -> Iterator[Follower]:
    client = connect(valkey_server.address)
    client.flushdb()
    yield Follower(Mind(tmp_path), client)
    client.close()


def cut(line: str) -> list[tuple[str, bool]]:
    """A line as the agent cuts it into records."""
    parts = [line[at : at + MAX_MESSAGE] for at in range(0, len(line), MAX_MESSAGE)]
    return [*((part, True) for part in parts[:-1]), (parts[-1], False)]


def test_a_line_of_several_records_is_one(follower: Follower) -> None:
    follower.print(('{"loss": 3}', False), *cut(LONG), ('{"loss": 0.5}', False))
    assert follower.read() == 1
    assert follower.points() == [("loss", 3), ("loss", 1), ("loss", 0.5)]
    assert follower.latest()["loss"] == 0.5
    assert follower.read() == 0


def test_a_line_whose_end_comes_later_is_read_whole_and_once(follower: Follower) -> None:
    """Other lines come around and between its pieces: none is lost, none is taken twice."""
    first, *middle, last = cut(LONG)
    follower.print(('{"loss": 4}', False))
    follower.print(('{"loss": 3}', False), first)
    follower.read()
    assert follower.points() == [("loss", 4), ("loss", 3)]
    for piece in middle:
        follower.print(piece)
        follower.print(('{"loss": 99}', False), stream="stderr")
        assert follower.read() == 0
    follower.print(last, ('{"loss": 0.5}', False))
    assert follower.read() == 1
    assert follower.points() == [("loss", 4), ("loss", 3), ("loss", 1), ("loss", 0.5)]
    assert len(str(follower.latest()["curve"])) == 2 * MAX_MESSAGE
    assert follower.read() == 0


def test_one_long_line_after_another(follower: Follower) -> None:
    first, *middle, last = cut(LONG)
    follower.print(first)
    assert follower.read() == 0
    follower.print(*middle, last, first)
    assert follower.read() == 1
    assert follower.points() == [("loss", 1)]
    follower.print(*middle, last)
    assert follower.read() == 1
    assert follower.points() == [("loss", 1), ("loss", 1)]


def test_an_endless_line_that_is_no_metadata_holds_nothing_up(follower: Follower) -> None:
    follower.print(("=" * MAX_MESSAGE, True))
    assert (follower.read(), follower.cursor()) == (1, "1-0")
    follower.print(("{" + "x" * MAX_MESSAGE, False))
    for _ in range(20):
        follower.print(("{" + "x" * (MAX_MESSAGE - 1), True))
    follower.read()
    assert follower.cursor() == "22-0", "more than a million characters are only log"
    assert follower.points() == []


def test_values_that_are_no_numbers_are_gaps_and_no_points(follower: Follower) -> None:
    follower.print(('{"loss": 0.5}', False), ('{"loss": NaN}', False), ('{"loss": Infinity, "f1": 1}', False))
    assert follower.read() == 1
    assert follower.points() == [("loss", 0.5), ("f1", 1)]
    assert follower.latest() == {"loss": None, "f1": 1}
    with follower.ports.ledger.read() as connection:
        rows = connection.execute(select(metric_gaps).order_by(metric_gaps.c.position)).all()
    assert [(row.key, row.position, row.word) for row in rows] == [("loss", 2, "nan"), ("loss", 3, "inf")]
