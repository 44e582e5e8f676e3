"""Live log streams against a real Valkey."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from queues.streams import KEEP_RECORDS, START, LogStreams
from schemas import codec, log_lines
from schemas.errors import Refused
from schemas.messages.log import LogRecord

ENVIRONMENT = "0123456789ab"
ATTEMPT = "22222222-2222-4222-8222-222222222222"
TIME = "2030-01-02T03:04:05.000006+00:00"


def records(first: int, count: int, message: str = "line") -> list[LogRecord]:
    return [LogRecord(seq, TIME, "stdout", f"{message} {seq}") for seq in range(first, first + count)]


def test_what_is_appended_is_read_from_where_the_reader_was(redis: Redis) -> None:
    streams = LogStreams(redis)
    streams.append(ENVIRONMENT, ATTEMPT, records(1, 3))
    first, last = streams.read(ENVIRONMENT, ATTEMPT)
    assert (first, last) == (records(1, 3), "1-0")
    streams.append(ENVIRONMENT, ATTEMPT, records(4, 2))
    assert streams.read(ENVIRONMENT, ATTEMPT, last) == (records(4, 2), "4-0")
    assert streams.read(ENVIRONMENT, ATTEMPT, "4-0") == ([], "4-0")


def test_reading_what_is_not_there_gives_nothing(redis: Redis) -> None:
    assert LogStreams(redis).read(ENVIRONMENT, ATTEMPT, block_ms=10) == ([], START)
    assert not LogStreams(redis).exists(ENVIRONMENT, ATTEMPT)


def test_sending_again_changes_nothing(redis: Redis) -> None:
    streams = LogStreams(redis)
    streams.append(ENVIRONMENT, ATTEMPT, records(1, 3))
    streams.append(ENVIRONMENT, ATTEMPT, records(4, 3))
    streams.append(ENVIRONMENT, ATTEMPT, records(1, 3))
    streams.append(ENVIRONMENT, ATTEMPT, records(4, 3))
    assert streams.read(ENVIRONMENT, ATTEMPT)[0] == records(1, 6)


def test_only_the_newest_records_are_kept(redis: Redis) -> None:
    streams = LogStreams(redis)
    for first in range(1, KEEP_RECORDS * 2, 100):
        streams.append(ENVIRONMENT, ATTEMPT, records(first, 100))
    kept: list[LogRecord] = []
    last = START
    while True:
        more, last = streams.read(ENVIRONMENT, ATTEMPT, last)
        if not more:
            break
        kept += more
    assert kept[-1].seq == KEEP_RECORDS * 2
    assert KEEP_RECORDS <= len(kept) < KEEP_RECORDS * 1.6


def test_a_stream_that_vanished_is_noticed_by_the_writer(redis: Redis) -> None:
    streams = LogStreams(redis)
    assert streams.append_entries(ENVIRONMENT, ATTEMPT, []) is False
    streams.append(ENVIRONMENT, ATTEMPT, records(1, 1))
    assert streams.append_entries(ENVIRONMENT, ATTEMPT, []) is True
    redis.flushall()
    assert streams.append_entries(ENVIRONMENT, ATTEMPT, []) is False


def test_a_stream_ends_by_itself(redis: Redis) -> None:
    streams = LogStreams(redis)
    streams.append(ENVIRONMENT, ATTEMPT, records(1, 1))
    key = f"{ENVIRONMENT}:log:{ATTEMPT}"
    assert redis.ttl(key) > 3600
    streams.expire(ENVIRONMENT, ATTEMPT, 60)
    assert 0 < redis.ttl(key) <= 60


def test_lines_that_are_no_records_do_not_stop_a_reader(redis: Redis) -> None:
    good = log_lines.encode(records(2, 1)[0])
    redis.xadd(f"{ENVIRONMENT}:log:{ATTEMPT}", {"r": b'nonsense\n{"seq":1}\n' + good}, id="1-0")
    redis.xadd(f"{ENVIRONMENT}:log:{ATTEMPT}", {"other": b"field"}, id="5-0")
    assert LogStreams(redis).read(ENVIRONMENT, ATTEMPT) == (records(2, 1), "5-0")


@given(
    st.integers(1, 10**9),
    st.sampled_from(["stdout", "stderr", "status"]),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.booleans(),
)
def test_a_line_gives_its_record_back_and_is_what_the_schema_says(
    seq: int, stream: str, message: str, more: bool
) -> None:
    record = codec.from_json(
        LogRecord, {"seq": seq, "time": TIME, "stream": stream, "message": message, "more": more}
    )
    line = log_lines.encode(record)
    assert line.count(b"\n") == 1
    assert log_lines.decode(line) == record == codec.read(LogRecord, line)


def test_characters_that_utf8_cannot_hold_do_not_stop_a_log() -> None:
    assert log_lines.decode(log_lines.encode(LogRecord(1, TIME, "stdout", "a\ud800b"))).message == "a?b"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b'{"seq":1,"time":"%s","stream":"stdout"}' % TIME.encode(),
        b'{"seq":true,"time":"%s","stream":"stdout","message":""}' % TIME.encode(),
        b'{"seq":1,"time":"now","stream":"stdout","message":""}',
        b'{"seq":1,"time":"%s","stream":"other","message":""}' % TIME.encode(),
        b'{"seq":1,"time":"%s","stream":"stdout","message":1}' % TIME.encode(),
        b'{"seq":1,"time":"%s","stream":"stdout","message":"","more":1}' % TIME.encode(),
        b'{"seq":1,"time":"%s","stream":"stdout","message":"","extra":1}' % TIME.encode(),
        b'{"seq":1,"time":"%s","stream":["stdout"],"message":""}' % TIME.encode(),
        b"[" * 100_000,
    ],
)
def test_what_the_schema_refuses_is_refused_by_hand_too(line: bytes) -> None:
    with pytest.raises(Refused):
        log_lines.decode(line)
    with pytest.raises(Refused):
        codec.read(LogRecord, line)
