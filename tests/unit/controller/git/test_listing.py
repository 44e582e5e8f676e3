"""Refs read from files say what git says, or say nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.git import listing
from controller.git.listing import Listing
from controller.git.mirror import Mirror
from schemas.values import RefName, Sha
from tests.builders.git_repository import GitRepository

Change = Callable[[GitRepository], object]


def as_git_says(work: GitRepository, tmp_path: Path) -> Listing:
    mirror = Mirror(tmp_path / "mirror.git", str(work.path))
    return Listing(mirror.look(), mirror.default_branch())


@pytest.fixture
def rich(work: GitRepository) -> GitRepository:
    """A repository with a bit of all: folders in names, tags of both kinds, other refs, some packed and moved since."""
    work.commit({"a": "1"})
    work.git("branch", "topic/one")
    work.git("tag", "light")
    work.git("tag", "--annotate", "--message", "Words", "v/1")
    work.git("update-ref", "refs/notes/luotsi", "HEAD")
    work.git("update-ref", "refs/pull/1/head", "HEAD")
    work.git("pack-refs", "--all")
    work.commit({"a": "2"})
    work.git("branch", "topic/two")
    work.git("branch", "-D", "topic/one")
    return work


CHANGES: dict[str, Change] = {
    "as it is": lambda work: None,
    "all packed": lambda work: work.git("pack-refs", "--all"),
    "no commit yet": lambda work: work.git("checkout", "--quiet", "--orphan", "unborn"),
    "a detached HEAD": lambda work: work.git("checkout", "--quiet", "--detach"),
    "a name that is no UTF-8": lambda work: work.git("branch", b"caf\xe9", "main"),
    "a lock": lambda work: (work.path / ".git/refs/heads/topic/two.lock").write_text("0" * 40),
    "an empty folder": lambda work: (work.path / ".git/refs/heads/empty").mkdir(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_files_say_what_git_says(rich: GitRepository, tmp_path: Path, change: Change) -> None:
    change(rich)
    found = listing.of_folder(rich.path)
    assert found is not None
    assert found == as_git_says(rich, tmp_path)
    assert found.fingerprint() == as_git_says(rich, tmp_path).fingerprint()


def test_a_bare_repository_and_an_empty_one_are_read_too(rich: GitRepository, tmp_path: Path) -> None:
    bare = GitRepository(tmp_path / "bare.git", bare=True)
    assert listing.of_folder(bare.path) == Listing({}, None)
    rich.git("push", "--quiet", "--all", str(bare.path))
    assert listing.of_folder(bare.path) == as_git_says(bare, tmp_path)


UNUSUAL: dict[str, Change] = {
    "a branch that is another's name": lambda work: work.git(
        "symbolic-ref", "refs/heads/other", "refs/heads/main"
    ),
    "a link": lambda work: (work.path / ".git/refs/heads/link").symlink_to("main"),
    "half a file": lambda work: (work.path / ".git/refs/heads/half").write_text("12345"),
    "half a packed file": lambda work: (work.path / ".git/packed-refs").write_text("12345\n"),
    "refs in a table": lambda work: (work.path / ".git/reftable").mkdir(),
    "no HEAD": lambda work: (work.path / ".git/HEAD").unlink(),
}


@pytest.mark.parametrize("change", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_what_only_git_can_tell_is_left_to_it(rich: GitRepository, change: Change) -> None:
    change(rich)
    assert listing.of_folder(rich.path) is None


def test_no_repository_and_a_linked_worktree_are_left_to_git(rich: GitRepository, tmp_path: Path) -> None:
    assert listing.of_folder(tmp_path / "nowhere") is None
    rich.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "topic/two")
    assert listing.of_folder(tmp_path / "linked") is None


def test_fingerprints_differ_by_all_that_is_said() -> None:
    one, other = Sha("1" * 40), Sha("2" * 40)
    main, topic = RefName("refs/heads/main"), RefName("refs/heads/topic")
    said = [
        Listing({}, None),
        Listing({main: one}, None),
        Listing({main: one}, main),
        Listing({main: other}, main),
        Listing({main: one, topic: other}, main),
        Listing({main: other, topic: one}, main),
        Listing({main: one, topic: other}, topic),
    ]
    assert len({listing.fingerprint() for listing in said}) == len(said)
    assert Listing({topic: other, main: one}, main).fingerprint() == said[4].fingerprint()
