"""The end of a log, as a check quotes it: few lines, the errors among them, and a sentence when there is nothing."""

from collections.abc import Iterator

import pytest

from controller.checks import log as check_log
from controller.checks.log import End, end_of
from schemas import final_log
from schemas.errors import Waiting
from stores.port import Meta
from tests.builders.check_mind import log_of
from tests.fakes.memory_store import MemoryStore

KEY = "logs/a/1/log.jsonl.zst"
LOG = {"key": KEY, "lines": 1, "bytes": 1, "dropped": 0}


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore("system")


def end(store: MemoryStore, lines: list[str]) -> End:
    store.put(KEY, log_of(lines))
    return end_of(store, LOG)


def test_the_last_twenty_lines_are_kept_by_number(store: MemoryStore) -> None:
    found = end(store, [f"line {number}" for number in range(1, 101)])
    assert found.lines == tuple((number, f"line {number}") for number in range(81, 101))
    assert (found.first, found.last) == (None, None)


def test_the_first_error_and_the_last_are_told_apart(store: MemoryStore) -> None:
    lines = [
        "fine",
        "ERROR: disk is slow",
        *["fine"] * 60,
        "Traceback (most recent call last):",
        "KeyError: 'a'",
    ]
    found = end(store, lines)
    assert found.first == (2, "ERROR: disk is slow")
    assert found.last == (64, "KeyError: 'a'")
    assert found.lines[-1] == found.last


@pytest.mark.parametrize(
    "line",
    [
        "loss 0.1, 0 errors",
        "mean_absolute_error: 0.2",
        '{"error": 0.1, "terror": 1}',
        "no exceptions",
        "Killedeer is a bird",
        "errors: 0",
    ],
)
def test_what_only_sounds_like_an_error_is_none(store: MemoryStore, line: str) -> None:
    assert end(store, [line]).first is None


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        "torch.cuda.OutOfMemoryError: CUDA out of memory",
        "ValueError",
        "SystemExit: 3",
        "bash: trian: command not found",
        "error: no such option --rate",
        "Segmentation fault (core dumped)",
        "panic: runtime error",
        "Killed",
        "\x1b[31mError:\x1b[0m no",
    ],
)
def test_what_programs_say_when_they_fail_is_an_error(store: MemoryStore, line: str) -> None:
    found = end(store, ["fine", line, "after"])
    assert found.last is not None
    assert found.last[0] == 2
    assert "\x1b" not in found.last[1]


def test_the_agents_own_words_stand_only_where_nothing_else_does(store: MemoryStore) -> None:
    assert end(store, ["said", "!exit code 1"]).lines == ((1, "said"),)
    assert end(store, ["!the image cannot be pulled: Error"]).lines == (
        (1, "the image cannot be pulled: Error"),
    )


def test_only_the_end_of_a_long_log_is_looked_through(store: MemoryStore) -> None:
    line = "x" * 1000
    found = end(store, ["ValueError: early", *[line] * 6000, "ValueError: late"])
    assert found.first == found.last == (6002, "ValueError: late")
    assert len(log_of([line] * 6000)) < final_log.FRAME


class Huge(MemoryStore):
    """A store whose objects are all longer than a check may fetch, and that lets nobody try."""

    def head(self, key: str) -> Meta | None:
        return Meta(check_log.LARGEST + 1, "")

    def get(self, key: str, limit: int = 0) -> bytes:
        raise AssertionError("it was fetched")

    def stream(self, key: str) -> Iterator[bytes]:
        raise AssertionError("it was fetched")


def test_what_is_missing_is_said() -> None:
    damaged = MemoryStore("system")
    damaged.put(KEY, b"no log at all, but long enough to have a footer")
    away = MemoryStore("system")
    away.trouble = Waiting("the store does not answer", after=5)
    said = [
        end_of(MemoryStore("system"), None),
        end_of(None, LOG),
        end_of(MemoryStore("system"), LOG),
        end_of(away, LOG),
        end_of(Huge("system"), LOG),
        end_of(damaged, LOG),
    ]
    assert [each.trouble for each in said] == [
        "No log of it came in.",
        "The store with its log cannot be reached.",
        "Its log is not in the store.",
        "Its log cannot be read: the store does not answer.",
        "Its log is too long to be quoted here.",
        "Its log cannot be read: not a final log: it has no seek table at its end.",
    ]
    assert not any(each.lines for each in said)


def test_an_empty_log_is_said_to_be_empty(store: MemoryStore) -> None:
    assert end(store, []).trouble in (
        "It printed nothing.",
        "Its log cannot be read: not a final log: it is too short.",
    )
