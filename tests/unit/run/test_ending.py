"""Ctrl-C ends both sessions, politely at first; and neither outlives whoever started it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.parts.process import PATIENCE, until
from tests.unit.run.conftest import Tree

RUNNER = """
import sys
from pathlib import Path
from tests.run.__main__ import listen, run
listen()
sys.exit(run(Path(sys.argv[1]), Path(sys.argv[2]), [], sys.stdout))
"""
WAITING = """
import os, threading
from pathlib import Path
import pytest

NOTES = Path({notes!r})

def note(word):
    half = NOTES / f"half-{{os.getpid()}}"
    half.write_text(str(os.getpid()))
    half.rename(NOTES / f"{{word}}-{{Path(__file__).stem}}")

@pytest.fixture(scope="session")
def server():
    yield
    note("away")
    if {stubborn!r}:
        threading.Event().wait()

def test_done(): pass
def test_waits(server):
    note("here")
    threading.Event().wait()
"""


SWALLOWING = """
def test_swallows(server):
    note("here")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass

@pytest.mark.parametrize("n", range(3))
def test_goes_on(n): pass
"""


@contextmanager
def running(
    tree: Tree, notes: Path, stubborn: bool = False, first: str = ""
) -> Iterator[subprocess.Popen[str]]:
    """Both sessions in the middle of a test."""
    notes.mkdir()
    body = WAITING.format(notes=str(notes), stubborn=stubborn).replace(
        "def test_done", f"{first}\ndef test_done"
    )
    root = tree(body, body)
    command = [sys.executable, "-c", RUNNER, str(root), str(root / "out")]
    runner = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until(lambda: len(list(notes.glob("here-*"))) == 2)
        yield runner
    finally:
        runner.kill()
        runner.wait()
        assert runner.stdout
        runner.stdout.close()


def sessions(notes: Path) -> list[int]:
    return [int(path.read_text()) for path in notes.glob("here-*")]


def lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end_both_put_their_servers_away(tree: Tree, tmp_path: Path, number: signal.Signals) -> None:
    notes = tmp_path / "notes"
    with running(tree, notes) as runner:
        os.kill(runner.pid, number)
        said = runner.communicate(timeout=PATIENCE)[0]
    assert runner.returncode == 2
    assert sorted(path.name for path in notes.glob("away-*")) == ["away-test_one", "away-test_two"]
    assert not any(lives(session) for session in sessions(notes))
    assert said.splitlines()[-1].startswith("=== interrupted: 2 passed in ")


def test_asked_while_a_test_swallows_it_they_end_politely_all_the_same(tree: Tree, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    with running(tree, notes, first=SWALLOWING) as runner:
        os.kill(runner.pid, signal.SIGINT)
        runner.communicate(timeout=PATIENCE)
    assert runner.returncode == 2
    assert len(list(notes.glob("away-*"))) == 2


def test_asked_twice_they_end_at_once(tree: Tree, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    with running(tree, notes, stubborn=True) as runner:
        os.kill(runner.pid, signal.SIGINT)
        until(lambda: len(list(notes.glob("away-*"))) == 2)
        os.kill(runner.pid, signal.SIGINT)
        runner.communicate(timeout=PATIENCE)
    assert runner.returncode == 2
    assert not any(lives(session) for session in sessions(notes))


def test_killed_it_leaves_no_session_behind(tree: Tree, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    with running(tree, notes) as runner:
        runner.kill()
        until(lambda: not any(lives(session) for session in sessions(notes)))
