"""Logs: windows of a final log, its whole text, and what a log may not do to the page."""

import json
import tracemalloc

import pytest

from dashboard import logs
from dashboard.ansi import Span, plain, spans
from schemas.errors import Gone, Refused
from schemas.messages.log import LogRecord
from tests.builders.dashboard_house import FilledHouse, House
from tests.builders.ledger_rows import Execution, final_log, log_records
from tests.builders.page_facts import read
from tests.fakes.memory_store import MemoryStore

MANY = 5000


class Dripping(MemoryStore):
    """Hands objects out a few bytes at a time, as a slow network does."""

    def stream(self, key: str):  # type: ignore[no-untyped-def]  # the port says what it gives
        data = self.get(key)
        return (data[start : start + 7] for start in range(0, len(data), 7))


def execution(house: House, messages: list[str | tuple[str, str]], state: str = "complete") -> Execution:
    of = house.rows.repository()
    done = house.rows.execution(of, house.rows.commit(of), state)
    house.rows.store_log(done, log_records(messages), house.system)
    return done


def test_frames_are_read_across_their_borders_whatever_the_pieces() -> None:
    store = Dripping()
    records = log_records([f"line {n} ä" for n in range(1, 26)])
    store.put("logs/x", final_log(records, per_frame=4))
    window = logs.final_window(store, "logs/x", 25)
    assert [line.seq for line in window.lines] == list(range(1, 26))
    assert window.lines[24].spans == (Span("line 25 ä"),)


@pytest.mark.parametrize(
    ("around", "first", "last", "earlier", "later"),
    [
        (None, 3001, 5000, 2001, None),
        (5000, 4000, 5000, 3000, None),
        (2500, 1500, 3499, 500, 4499),
        (1, 1, 2000, None, 3000),
        (10**9, 4000, 5000, 3000, None),
    ],
)
def test_a_window_is_where_it_was_asked_for(
    around: int | None, first: int, last: int, earlier: int | None, later: int | None
) -> None:
    store = MemoryStore()
    store.put("logs/x", final_log(log_records([str(n) for n in range(1, MANY + 1)])))
    window = logs.final_window(store, "logs/x", MANY, around)
    assert (window.lines[0].seq, window.lines[-1].seq) == (first, last)
    assert (window.earlier, window.later) == (earlier, later)
    assert window.last == MANY


def test_walking_by_the_links_leaves_no_line_out() -> None:
    store = MemoryStore()
    store.put("logs/x", final_log(log_records([str(n) for n in range(1, MANY + 1)])))
    seen: set[int] = set()
    at: int | None = 1
    while at is not None:
        window = logs.final_window(store, "logs/x", MANY, at)
        seen |= {line.seq for line in window.lines}
        at = window.later
    assert seen == set(range(1, MANY + 1))


def test_a_long_log_is_never_in_memory_at_once() -> None:
    store = MemoryStore()
    store.put("logs/x", final_log(log_records(["x" * 200] * 60_000)))
    tracemalloc.start()
    logs.final_window(store, "logs/x", 60_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6_000_000


@pytest.mark.parametrize(
    "data",
    [b"no zstd", final_log(log_records(["a"]))[:4] + b"\xff" * 20, final_log(log_records(["a"])) + b"junk"],
)
def test_a_damaged_log_is_refused(data: bytes) -> None:
    store = MemoryStore()
    store.put("logs/x", data)
    with pytest.raises(Refused, match="damaged"):
        logs.final_window(store, "logs/x", 1)


def test_a_log_that_ends_early_gives_its_whole_records() -> None:
    store = MemoryStore()
    frames = [
        final_log(log_records([f"line {n}" for n in range(3)])),
        final_log(log_records(["x" * 500]))[:-20],
    ]
    store.put("logs/x", b"".join(frames))
    assert [line.seq for line in logs.final_window(store, "logs/x", 4).lines] == [1, 2, 3]


def test_the_pages_say_what_is_wrong_with_a_log(house: House) -> None:
    done = execution(house, ["a"])
    for key in list(house.system.objects):
        house.system.objects[key] = b"no zstd"
    assert "damaged" in house.get(f"/r/wine/executions/{done.number}")
    house.system.objects.clear()
    assert "nothing is stored" in house.get(f"/r/wine/executions/{done.number}/log")
    house.get(f"/r/wine/executions/{done.number}/log.txt", 502)
    house.system.trouble = Gone("the disk is gone")
    assert "the disk is gone" in house.get(f"/r/wine/executions/{done.number}")


def test_ten_megabytes_on_one_line_stay_a_light_page(house: House) -> None:
    pieces = [
        LogRecord(n, "2030-01-01T00:00:00+00:00", "stdout", "y" * 65_536, n < 160) for n in range(1, 161)
    ]
    of = house.rows.repository()
    done = house.rows.execution(of, house.rows.commit(of))
    house.rows.store_log(done, pieces, house.system)
    place = f"/r/wine/executions/{done.number}"
    assert len(house.get(place)) < 100_000
    assert len(house.get(f"{place}/log")) < 900_000
    assert "61,536 more characters" in house.get(place)
    assert house.get(f"{place}/log.txt") == "y" * 65_536 * 160 + "\n"


def test_a_full_window_of_ordinary_lines_fits_the_log_page_but_not_the_executions(house: House) -> None:
    done = execution(house, [f"step {n}: loss 0.123456, accuracy 0.654321, 12.3 s" for n in range(3000)])
    place = f"/r/wine/executions/{done.number}"
    assert house.get(f"{place}/log").count("<li id=") == logs.WINDOW
    page = house.get(place)
    assert len(page) < 100_000
    assert 300 < page.count("<li id=") < logs.WINDOW
    assert "of 3,000" in page
    assert f'{done.number}/log?line=3000#L3000"' in page


def test_streams_and_metrics_can_be_told_apart(filled: FilledHouse) -> None:
    page = filled.get(f"/r/wine/executions/{filled.sample.failed.number}/log")
    assert '<li id="L1" class="t">' in page
    assert '<li id="L3"><a href="?line=3#L3">' in page
    assert '<li id="L4" class="m">' in page
    assert '<li id="L7" class="e">' in page
    assert '<span class="b c1">SystemExit: The loss' in page


def test_the_download_is_plain_text(filled: FilledHouse) -> None:
    answer = filled.client.get(f"/r/wine/executions/{filled.sample.failed.number}/log.txt")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="execution-5.log"'
    lines = answer.text.splitlines()
    assert lines[5] == "RuntimeWarning: overflow encountered in exp"
    assert len(lines) == 13


def test_the_log_of_an_earlier_attempt_can_be_read(house: House) -> None:
    of = house.rows.repository()
    done = house.rows.execution(of, house.rows.commit(of), attempt=None)
    house.system.put("logs/first", final_log(log_records(["the first try"])))
    house.rows.attempt(done, "lost", 1, log={"key": "logs/first", "lines": 1, "bytes": 1})
    house.rows.attempt(done, "complete", 2)
    place = f"/r/wine/executions/{done.number}/log"
    assert "the first try" in house.get(f"{place}?attempt=1")
    assert "the first try" not in house.get(place)
    assert house.get(f"{place}.txt?attempt=1") == "the first try\n"


def test_json_of_a_log_is_text_and_numbers(filled: FilledHouse) -> None:
    body = json.loads(filled.get(f"/r/wine/executions/{filled.sample.failed.number}/log.json"))
    assert body["lines"][3]["metadata"] is True
    assert body["lines"][11]["spans"] == [["SystemExit: The loss is not a number in epoch 2.", "b c1"]]


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("plain", [Span("plain")]),
        ("", []),
        ("10%\r50%\r100%", [Span("100%")]),
        ("done\r\n", [Span("done")]),
        ("\x1b[31mred\x1b[0m plain", [Span("red", "c1"), Span(" plain")]),
        ("\x1b[1;92mbright\x1b[22m thin", [Span("bright", "b c2"), Span(" thin", "c2")]),
        ("\x1b[38;5;4mblue\x1b[38;5;200mnone\x1b[38;2;1;2;3mtrue", [Span("blue", "c4"), Span("none"), Span("true")]),
        ("\x1b[48;5;1;31mx", [Span("x", "c1")]),
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x07", [Span("link")]),
        ("\x1b]0;title\x1b\\x", [Span("x")]),
        ("a\x1b[2J\x1b[1;1Hb\x9b5Cc", [Span("a"), Span("b"), Span("c")]),
        ("bell\x07", [Span("bell␇")]),
        ("tab\tstays", [Span("tab\tstays")]),
        ("\x1b", []),
        ("\u202eevil", [Span("⟨U+202E⟩evil")]),
        ("\x1b[99999999999999999999m\x1b[;;mx", [Span("x")]),
    ],
)  # fmt: skip
def test_terminal_escapes_become_classes_or_nothing(message: str, wanted: list[Span]) -> None:
    assert spans(message) == wanted
    assert plain(message) == "".join(span.text for span in wanted)


@pytest.mark.parametrize(
    ("text", "stream", "is_metric"),
    [
        ('{"loss": 1}', "stdout", True),
        (' {"loss": 1} ', "stdout", True),
        ('{"loss": 1}', "stderr", False),
        ("[1]", "stdout", False),
        ("{broken}", "stdout", False),
        ("{" * 50_000 + "}" * 50_000, "stdout", False),
    ],
)
def test_only_a_json_object_on_stdout_is_dimmed(text: str, stream: str, is_metric: bool) -> None:
    record = log_records([(stream, text)])[0]
    assert logs.line(record).metadata is is_metric


def test_a_waiting_execution_has_no_log_and_no_trouble(filled: FilledHouse) -> None:
    words = read(filled.get(f"/r/wine/executions/{filled.sample.waiting.number}/log")).text
    assert "It has printed nothing yet." in words
