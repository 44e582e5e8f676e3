"""File events of local repositories reach the callback; everything else is left to polling."""

import errno
import os
import queue
import resource
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from watchdog.observers.inotify_c import InotifyFD

from controller.git.listing import git_folder
from controller.git.watch import FOLDERS, RefWatch
from tests.builders import many_repositories
from tests.builders.git_repository import GitRepository
from tests.fakes.scarce_inotify import ScarceInotify
from tests.parts.git import Git
from tests.parts.process import PATIENCE, until


class Calls:
    """What the watch called with. A second repository, watched as "marker", tells when what came before has arrived."""

    def __init__(self) -> None:
        self.names: queue.Queue[str] = queue.Queue()
        self.watch = RefWatch(self.names.put)

    def next(self) -> str:
        """The next call about anything but the marker."""
        while (name := self.names.get(timeout=PATIENCE)) == "marker":
            pass
        return name

    def until(self, marker: GitRepository) -> list[str]:
        """Move a ref of the marker, and give all calls that come before its own."""
        while not self.names.empty() and self.names.queue[0] == "marker":
            self.names.get()
        marker.commit()
        seen = []
        while (name := self.names.get(timeout=PATIENCE)) != "marker":
            seen.append(name)
        return seen


@pytest.fixture
def calls() -> Iterator[Calls]:
    made = Calls()
    yield made
    made.watch.stop()


@pytest.fixture
def bare(git: Git, tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "wine.git", bare=True)


@pytest.fixture
def marker(git: Git, tmp_path: Path, calls: Calls) -> GitRepository:
    repository = GitRepository(tmp_path / "marker")
    assert calls.watch.add("marker", str(repository.path))
    return repository


def test_a_push_to_a_bare_repository_is_heard(work: GitRepository, bare: GitRepository, calls: Calls) -> None:
    assert calls.watch.add("wine", str(bare.path))
    work.commit()
    work.git("push", "--quiet", str(bare.path), "main:main")
    assert calls.next() == "wine"


def test_every_way_to_move_a_ref_is_heard(
    work: GitRepository, bare: GitRepository, calls: Calls, marker: GitRepository
) -> None:
    work.commit()
    assert calls.watch.add("wine", f"file://{bare.path}")
    address = str(bare.path)
    work.git("push", "--quiet", address, "main:refs/heads/deep/er/branch")
    assert calls.next() == "wine"
    for command in (
        ["push", "--quiet", address, "main:refs/tags/v1"],
        ["push", "--quiet", address, ":refs/heads/deep/er/branch"],
        ["push", "--quiet", address, "main"],
    ):
        calls.until(marker)
        work.git(*command)
        assert calls.next() == "wine", command
    calls.until(marker)
    bare.git("pack-refs", "--all")
    assert calls.next() == "wine"
    calls.until(marker)
    bare.git("symbolic-ref", "HEAD", "refs/heads/other")
    assert calls.next() == "wine"


def test_a_working_tree_and_a_worktree_are_heard(
    work: GitRepository, calls: Calls, tmp_path: Path, marker: GitRepository
) -> None:
    work.commit()
    work.git("worktree", "add", "--quiet", str(tmp_path / "linked"))
    assert calls.watch.add("wine", str(work.path))
    assert git_folder(tmp_path / "linked") == work.path / ".git"
    calls.until(marker)
    GitRepository(tmp_path / "linked").commit()
    assert calls.next() == "wine"


def test_objects_notes_and_the_index_are_not_refs(
    work: GitRepository, calls: Calls, marker: GitRepository
) -> None:
    work.commit({"a": "1"})
    work.git("notes", "--ref=luotsi", "add", "-m", "the first makes the folder")
    assert calls.watch.add("wine", str(work.path))
    calls.until(marker)
    (work.path / "a").write_text("2")
    work.git("add", "--all")
    work.git("hash-object", "-w", "--stdin", stdin=b"x")
    work.git("notes", "--ref=luotsi", "add", "--force", "-m", "again")
    assert calls.until(marker) == []


def test_many_changes_at_once_are_few_calls(work: GitRepository, calls: Calls, marker: GitRepository) -> None:
    head = work.commit()
    lines = "".join(f"create refs/tags/n{number} {head}\n" for number in range(200))
    assert calls.watch.add("wine", str(work.path))
    work.git("update-ref", "--stdin", stdin=lines.encode())
    assert calls.next() == "wine"
    assert calls.until(marker).count("wine") <= 20


def test_what_needs_a_network_or_is_not_there_is_polled(calls: Calls, tmp_path: Path) -> None:
    for address in (
        "https://example.org/x.git",
        "git@example.org:x.git",
        str(tmp_path / "nowhere"),
        str(tmp_path),
    ):
        assert not calls.watch.add("wine", address)


def test_a_repository_made_again_is_watched_again(
    work: GitRepository, bare: GitRepository, calls: Calls, marker: GitRepository
) -> None:
    work.commit()
    assert calls.watch.add("wine", str(bare.path))
    assert calls.watch.add("wine", str(bare.path))
    shutil.rmtree(bare.path)
    assert not calls.watch.add("wine", str(bare.path))
    GitRepository(bare.path, bare=True)
    assert calls.watch.add("wine", str(bare.path))
    calls.until(marker)
    work.git("push", "--quiet", str(bare.path), "main")
    assert calls.next() == "wine"


def test_a_removed_repository_is_heard_no_more(
    work: GitRepository, calls: Calls, marker: GitRepository
) -> None:
    assert calls.watch.add("wine", str(work.path))
    calls.watch.remove("wine")
    calls.watch.remove("never added")
    calls.until(marker)
    work.commit()
    assert calls.until(marker) == []


def test_no_call_comes_after_stop(work: GitRepository) -> None:
    names: list[str] = []
    watch = RefWatch(names.append, debounce=0.001)
    watch.add("wine", str(work.path))
    work.commit()
    watch.stop()
    before = list(names)
    work.commit()
    assert names == before


def test_many_repositories_take_one_descriptor_and_two_threads(calls: Calls, tmp_path: Path) -> None:
    places = many_repositories.make(tmp_path, 50)
    before = threading.active_count()
    assert all(calls.watch.add(place.name, str(place)) for place in places)
    assert threading.active_count() <= before + 1
    many_repositories.change(places, 1)
    heard = {calls.next() for _ in places}
    assert heard == {place.name for place in places}
    assert threading.active_count() <= before + 1


def test_branches_in_more_folders_than_are_watched_harm_nothing(work: GitRepository, calls: Calls) -> None:
    head = work.commit()
    lines = "".join(f"create refs/heads/f{number}/b {head}\n" for number in range(FOLDERS))
    work.git("update-ref", "--stdin", stdin=lines.encode())
    assert calls.watch.add("wine", str(work.path))
    work.git("update-ref", "HEAD", work.commit())
    assert calls.next() == "wine"


@contextmanager
def scarce(left: int) -> Iterator[tuple[RefWatch, ScarceInotify]]:
    kernel = ScarceInotify(left)
    watch = RefWatch(lambda name: None, events=lambda: kernel, again=0.0)
    yield watch, kernel
    watch.stop()


def test_watches_that_the_kernel_refuses_are_said_in_one_sentence_and_asked_for_again(tmp_path: Path) -> None:
    places = many_repositories.make(tmp_path, 3)
    with scarce(left=7) as (watch, kernel):  # each takes five
        assert [watch.add(place.name, str(place)) for place in places] == [True, False, False]
        assert watch.trouble == (
            "The kernel allows no more file events, so that 2 repositories on this machine can only be polled,"
            " every `poll-interval`: raise fs.inotify.max_user_watches (sysctl)."
        )
        kernel.left = 100
        assert [watch.add(place.name, str(place)) for place in places] == [True, True, True]
        assert watch.trouble == ""


def test_a_refusal_while_it_goes_on_is_found_by_the_next_add(work: GitRepository) -> None:
    head = work.commit()
    with scarce(left=4) as (watch, _):  # the folder, refs, heads, tags
        assert watch.add("wine", str(work.path))
        work.git("update-ref", "refs/heads/in/a/folder", head)
        until(lambda: not watch.add("wine", str(work.path)), what="the folder that cannot be watched")
        assert "1 repository on this machine" in watch.trouble
        watch.remove("wine")
        assert watch.trouble == ""


def test_the_kernel_is_not_asked_in_each_turn(tmp_path: Path) -> None:
    places = many_repositories.make(tmp_path, 3)
    asked: list[str] = []

    def none() -> InotifyFD:
        asked.append("once")
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    watch = RefWatch(lambda name: None, events=none)
    for _ in range(3):
        assert not any(watch.add(place.name, str(place)) for place in places)
    watch.stop()
    assert asked == ["once"]
    assert "3 repositories" in watch.trouble
    assert "fs.inotify.max_user_instances" in watch.trouble


def test_a_process_without_a_descriptor_left_polls(bare: GitRepository) -> None:
    watch = RefWatch(lambda name: None)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        assert not watch.add("wine", str(bare.path))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "limit of open files" in watch.trouble
    watch.stop()
