"""Which processes belong to an attempt, and, above all, which do not."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.runtimes import sessions
from agent.runtimes.process import ProcessRun
from agent.runtimes.sessions import GONE, MARK, Identity, parse_stat, stat_of
from tests.parts.process import PATIENCE


@pytest.fixture
def bystander() -> Iterator["subprocess.Popen[bytes]"]:
    """A process of somebody else, first of a session of its own."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("session", [0, 1])
def test_without_a_session_only_the_mark_counts(session: int) -> None:
    assert list(sessions.belonging(str(uuid.uuid4()), session)) == []


def test_a_marked_process_is_found_in_whatever_session_it_is() -> None:
    attempt = str(uuid.uuid4())
    with subprocess.Popen(
        ["sleep", "600"], env={MARK: attempt, **os.environ}, start_new_session=True
    ) as process:
        [found] = sessions.belonging(attempt, 0)
        assert (found.pid, found.name, found.session) == (process.pid, "sleep", process.pid)
        assert sessions.kill(attempt, 0)
        process.wait(PATIENCE)
    assert not sessions.kill(attempt, 0)


def test_a_number_that_belongs_to_others_now_costs_them_nothing(
    bystander: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    real = stat_of(bystander.pid)
    for identity in (
        Identity(bystander.pid, real.started - 1, sessions.boot()),
        Identity(bystander.pid, real.started, "another boot"),
    ):
        run = ProcessRun(str(uuid.uuid4()), tmp_path, identity)
        run.stop(0)
        assert run.wait().exit_code is None
    assert bystander.poll() is None


def test_who_one_is() -> None:
    me = stat_of(os.getpid())
    assert me.runs
    assert Identity(os.getpid(), me.started, sessions.boot()).alive()
    assert not Identity(os.getpid(), me.started + 1, sessions.boot()).alive()
    assert stat_of(2**30) == GONE


def test_a_name_may_hold_anything() -> None:
    line = "7 (a) b (c) S 3 7 6 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0"
    assert parse_stat(line) == (7, "a) b (c", "S", 3, 6, 4242)
