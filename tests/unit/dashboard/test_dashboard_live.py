"""The live log over a real Valkey: in order, once, across reconnects, lost attempts and an emptied server."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import update

from dashboard import events
from dashboard.events import Reader, follow, resume
from ledger import tables
from queues.connection import connect
from queues.streams import LogStreams
from schemas.errors import Refused
from tests.builders.dashboard_house import House
from tests.builders.ledger_rows import NOW, Execution, log_records
from tests.parts.valkey_server import ValkeyServer


@pytest.fixture
def redis(valkey_server: ValkeyServer) -> Iterator[Redis]:
    client = connect(valkey_server.address)
    client.flushdb()
    yield client
    client.close()


class Live:
    """A running execution whose records a test sends."""

    def __init__(self, house: House, redis: Redis) -> None:
        self.house, self.stream = house, LogStreams(redis)
        of = house.rows.repository()
        self.execution: Execution = house.rows.execution(of, house.rows.commit(of), "started")
        self.attempt = self.execution.attempt or ""
        self.records = log_records([f"line {n}" for n in range(1, 501)])
        self.waited = 0.0
        self.parts = replace(house.parts, redis=redis, now=self.now, pause=self.pause)

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.waited)

    def pause(self, seconds: float) -> None:
        self.waited += seconds

    def send(self, first: int, last: int, size: int = 10) -> None:
        for start in range(first, last + 1, size):
            self.stream.append(
                self.execution.environment,
                self.attempt,
                self.records[start - 1 : min(start + size - 1, last)],
            )

    def finish(self, state: str = "complete") -> None:
        with self.house.rows.ledger.write() as connection:
            ended = update(tables.attempts).where(tables.attempts.c.id == self.attempt)
            connection.execute(ended.values(state="complete", finished_at=NOW))
            done = update(tables.executions).where(tables.executions.c.id == self.execution.id)
            connection.execute(done.values(state=state, finished_at=NOW, reason="it is done"))

    def events(self, reader: Reader) -> list[tuple[str, Any, str]]:
        return [parsed for text in follow(self.parts, self.execution.id, reader) if (parsed := parse(text))]


def parse(text: str) -> tuple[str, Any, str] | None:
    lines = [line for line in text.strip().split("\n") if line and not line.startswith((":", "retry"))]
    fields = dict(line.split(": ", 1) for line in lines)
    return (fields["event"], json.loads(fields["data"]), fields["id"]) if fields else None


def numbers(found: list[tuple[str, Any, str]]) -> list[int]:
    return [line["seq"] for name, data, _ in found if name == "lines" for line in data]


@pytest.fixture
def live(house: House, redis: Redis) -> Live:
    return Live(house, redis)


def test_every_line_comes_once_and_then_the_end(live: Live) -> None:
    live.send(1, 450)
    live.finish()
    found = live.events(Reader())
    assert numbers(found) == list(range(1, 451))
    assert found[-1][:2] == ("end", {"word": "success", "reason": "it is done"})


def test_a_browser_that_comes_back_misses_nothing_and_sees_nothing_twice(live: Live) -> None:
    live.send(1, 100)
    stream = follow(live.parts, live.execution.id, Reader())
    first = next(parsed for text in stream if (parsed := parse(text)))
    live.send(101, 150)
    live.finish()
    rest = live.events(resume(first[2]))
    assert numbers([first]) + numbers(rest) == list(range(1, 151))


def test_a_connection_that_breaks_between_two_events_of_one_read_loses_nothing(live: Live) -> None:
    live.send(1, 450)
    live.finish()
    every = live.events(Reader())
    assert [name for name, _, _ in every] == ["lines", "lines", "lines", "end"]
    for broken in range(3):
        had = every[: broken + 1]
        rest = live.events(resume(had[-1][2]))
        assert numbers(had) + numbers(rest) == list(range(1, 451))


def test_the_page_hands_over_to_the_stream_without_a_seam(live: Live) -> None:
    live.send(1, 120)
    client = live.house.app(redis=live.parts.redis).test_client()
    place = f"/r/wine/executions/{live.execution.number}"
    page = client.get(place).text
    after = page.split('data-after="')[1].split('"')[0]
    assert page.count("<li id=") == 120
    live.send(121, 140)
    live.finish()
    answer = client.get(f"{place}/log/events?after={after}")
    assert answer.content_type == "text/event-stream; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    found = [parsed for text in answer.text.split("\n\n") if (parsed := parse(text))]
    assert numbers(found) == list(range(121, 141))


def test_the_browsers_own_header_wins_over_the_address(live: Live) -> None:
    live.send(1, 30)
    live.finish()
    client = live.house.app(redis=live.parts.redis).test_client()
    place = f"/r/wine/executions/{live.execution.number}/log/events?after=1.5.0-0"
    answer = client.get(place, headers={"Last-Event-ID": "1.28.11-0"})
    assert numbers([p for text in answer.text.split("\n\n") if (p := parse(text))]) == [29, 30]


def test_an_emptied_server_is_read_again_in_whatever_pieces(live: Live, redis: Redis) -> None:
    live.send(1, 55, size=10)
    reader = Reader()
    stream = follow(live.parts, live.execution.id, reader)
    first = [parsed for _, text in zip(range(2), stream, strict=False) if (parsed := parse(text))]
    assert numbers(first) == list(range(1, 56))
    redis.flushdb()
    live.send(1, 200, size=37)
    live.finish()
    rest = [parsed for text in stream if (parsed := parse(text))]
    assert numbers(rest) == list(range(56, 201))


def test_lines_that_are_nowhere_are_named(live: Live) -> None:
    live.send(1, 10)
    live.send(31, 40)
    live.finish()
    found = live.events(Reader())
    assert ("gap", {"first": 11, "last": 30}) in [event[:2] for event in found]
    assert numbers(found) == [*range(1, 11), *range(31, 41)]


def test_the_final_log_fills_what_the_stream_lacked(live: Live) -> None:
    live.send(1, 10)
    reader = Reader()
    stream = follow(live.parts, live.execution.id, reader)
    first = [parsed for _, text in zip(range(2), stream, strict=False) if (parsed := parse(text))]
    live.house.rows.store_log(live.execution, live.records, live.house.system)
    live.finish()
    rest = [parsed for text in stream if (parsed := parse(text))]
    assert numbers(first) + numbers(rest) == list(range(1, 501))


def test_a_new_attempt_begins_a_new_log(live: Live) -> None:
    live.send(1, 20)
    reader = Reader()
    stream = follow(live.parts, live.execution.id, reader)
    first = [parsed for _, text in zip(range(2), stream, strict=False) if (parsed := parse(text))]
    assert numbers(first) == list(range(1, 21))
    with live.house.rows.ledger.write() as connection:
        connection.execute(update(tables.attempts).values(state="lost", finished_at=NOW))
    live.attempt = live.house.rows.attempt(live.execution, "running", 2)
    live.send(1, 3)
    live.finish()
    rest = [parsed for text in stream if (parsed := parse(text))]
    assert rest[0][:2] == ("attempt", 2)
    assert numbers(rest) == [1, 2, 3]
    assert rest[-1][0] == "end"


def test_without_redis_it_says_so_once_and_goes_on(live: Live) -> None:
    gone = connect("redis://127.0.0.1:9")
    live.parts = replace(live.parts, redis=gone, live_seconds=20)
    found = live.events(Reader())
    assert [event[0] for event in found] == ["trouble"]
    assert "comes back by itself" in found[0][1]
    assert live.waited >= 20
    gone.close()


def test_a_connection_ends_after_its_time_and_says_that_it_is_there(live: Live) -> None:
    live.parts = replace(live.parts, redis=None, live_seconds=60)
    texts = list(follow(live.parts, live.execution.id, Reader()))
    assert texts[0] == "retry: 2000\n\n"
    assert ": still here\n\n" in texts
    assert 60 <= live.waited < 63


def test_an_execution_that_never_ran_ends_at_once(house: House) -> None:
    of = house.rows.repository()
    never = house.rows.execution(
        of, house.rows.commit(of), "stopped", attempt=None, reason="replaced by a newer run"
    )
    found = [parsed for text in follow(house.parts, never.id, Reader()) if (parsed := parse(text))]
    assert found == [("end", {"word": "cancelled", "reason": "replaced by a newer run"}, "0.0.0-0")]


def test_only_so_many_connections_are_held(live: Live) -> None:
    live.send(1, 5)
    one = BoundedSemaphore(1)
    client = live.house.app(redis=live.parts.redis, live=one).test_client()
    place = f"/r/wine/executions/{live.execution.number}/log/events"
    first = client.get(place, buffered=False)
    assert client.get(place).status_code == 503
    first.close()
    live.finish()
    with client.get(place) as again:
        assert again.status_code == 200
        assert '"word": "success"' in again.get_data(as_text=True)
    assert one.acquire(blocking=False)


def test_a_connection_that_is_only_asked_about_is_given_back(live: Live) -> None:
    one = BoundedSemaphore(1)
    client = live.house.app(redis=live.parts.redis, live=one).test_client()
    with client.head(f"/r/wine/executions/{live.execution.number}/log/events") as answer:
        assert (answer.status_code, answer.data) == (200, b"")
    assert one.acquire(blocking=False)


@pytest.mark.parametrize("text", ["x", "1.2", "1.2.3", "1.-2.3-0", "1.2.3-0\n", "9" * 40 + ".1.1-0"])
def test_a_place_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        resume(text)


def test_a_place_reads_back_as_it_was_written() -> None:
    assert resume(resume("3.17.12-0").id) == resume("3.17.12-0")
    assert events.Reader().id == "0.0.0-0"
