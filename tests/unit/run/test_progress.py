"""Whoever watches sees each failure at once, and at least once a minute how far the sessions are."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from tests.parts.process import until
from tests.run.__main__ import run
from tests.run.progress import ERASE_LINE, EVERY, UP, Progress
from tests.run.recorder import Word
from tests.run.session import Session
from tests.unit.run.conftest import Tree

WAITING = "import threading\ndef test_good(): pass\ndef test_bad(): assert 0\ndef test_waits(): threading.Event().wait()\n"
FAILED = Word("failed", "tests/e2e/test_one.py::test_bad", "call", "assert 0")


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def waiting(tree: Tree, tmp_path: Path) -> Iterator[Session]:
    """A session in the middle of its third test; the second has failed."""
    session = Session("parts", tree(WAITING), tmp_path, [])

    def stands() -> bool:
        session.read()
        return session.running.endswith("test_waits")

    until(stands)
    yield session
    session.kill()
    session.process.wait()
    session.read()


def test_where_no_terminal_is_a_line_is_added_now_and_then(waiting: Session) -> None:
    assert EVERY < 60
    now, out = 1000.0, StringIO()
    progress = Progress([waiting], out, lambda: now)
    progress.show([])
    assert out.getvalue() == ""
    for number in (1, 2):
        now += EVERY
        progress.show([])
        progress.show([])
        assert len(out.getvalue().splitlines()) == number
    line = out.getvalue().splitlines()[-1].split()
    assert line[0] == "parts"
    assert line[3:] == ["2/3", "1", "failed", "tests/e2e/test_one.py::test_waits"]


def test_a_failure_is_told_at_once(waiting: Session) -> None:
    out = StringIO()
    progress = Progress([waiting], out)
    progress.show([Word("passed", "tests/e2e/test_one.py::test_good"), FAILED])
    assert out.getvalue() == "FAILED tests/e2e/test_one.py::test_bad\n"


def test_on_a_terminal_the_same_line_is_written_again(waiting: Session) -> None:
    out = Terminal()
    progress = Progress([waiting], out)
    progress.show([])
    first = out.getvalue()
    assert first.startswith("\rparts ")
    progress.show([FAILED])
    again = out.getvalue().removeprefix(first)
    assert again.startswith(f"{UP}{ERASE_LINE}\rFAILED tests/e2e/test_one.py::test_bad\nparts ")
    assert all(len(line) < 80 for line in again.splitlines())


@pytest.mark.parametrize("out", [StringIO(), Terminal()])
def test_a_session_that_is_over_is_told_so(tree: Tree, tmp_path: Path, out: StringIO) -> None:
    assert run(tree(), tmp_path / "out", [], out) == 0
    for share in ("parts", "rest"):
        assert any(share in line and line.endswith("1/1  over") for line in out.getvalue().splitlines()), (
            out.getvalue()
        )
