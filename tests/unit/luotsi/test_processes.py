"""Processes by pid and start time, the embedded Valkey, and the tree that restarts what dies."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from luotsi import processes, valkey
from luotsi.supervise import Part, Tree
from luotsi.workspace import Workspace
from schemas.errors import Stalled
from tests.parts.process import PATIENCE, until

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(SLEEPER)
    yield child
    child.kill()
    child.wait()


def test_a_pid_file_names_one_process_only(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    file = tmp_path / "one.json"
    known = processes.write(file, sleeper.pid, SLEEPER)
    assert processes.read(file) == known
    stranger = processes.Known(sleeper.pid, known.started + 1)
    assert not stranger.alive()
    stranger.end()
    assert known.alive()
    known.end()
    assert processes.read(file) is None


@pytest.mark.parametrize("text", ["", "{}", "null", '{"pid": "x", "started": 1, "command": []}'])
def test_a_broken_pid_file_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "one.json").write_text(text)
    assert processes.read(tmp_path / "one.json") is None


def test_valkey_is_started_once_and_found_again(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    url = valkey.ensure(workspace)
    with Redis.from_url(url) as redis:
        redis.set("a", "b")
    assert valkey.ensure(workspace) == url
    with Redis.from_url(url) as redis:
        assert redis.get("a") == b"b"
    known = processes.read(tmp_path / "pids" / "valkey.json")
    assert known is not None
    known.end()
    assert valkey.ensure(workspace) == url, "who knows its address finds the new one there"
    valkey.end(workspace)
    assert not processes.Known(known.pid, known.started).alive()


class Cat(Tree):
    """A tree whose parts are plain sleepers."""

    def command_of(self, part: Part) -> list[str]:
        return SLEEPER


def test_a_part_that_dies_is_started_again_and_all_end_together(tmp_path: Path) -> None:
    tree = Cat(Workspace(tmp_path), (Part("one", ()), Part("two", ())), {})
    tree.claim()
    tree.start()
    until(lambda: tree.pid("one") and tree.pid("two"))
    first = tree.pid("one")
    assert first is not None
    processes.Known(first, processes.start_time(first) or 0).end()
    until(lambda: tree.pid("one") not in (None, first))
    pids = [tree.pid("one"), tree.pid("two")]
    tree.stop()
    assert all(processes.start_time(pid or 0) is None for pid in pids)


def test_what_an_earlier_tree_left_is_ended_first(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    workspace = Workspace(tmp_path)
    left = processes.write(workspace.folder("pids") / "one.json", sleeper.pid, SLEEPER)
    tree = Cat(workspace, (Part("one", ()),), {})
    tree.claim()
    sleeper.wait(PATIENCE)
    assert not left.alive()


def test_a_workspace_has_one_tree(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    workspace = Workspace(tmp_path)
    processes.write(workspace.folder("pids") / "up.json", sleeper.pid, SLEEPER)
    with pytest.raises(Stalled, match=f"in use by process {sleeper.pid}"):
        Cat(workspace, (), {}).claim()
