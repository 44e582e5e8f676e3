"""A repository as people have it, and its mirror."""

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.git.mirror import Mirror
from tests.builders.git_repository import GitRepository
from tests.parts.git import Git


@pytest.fixture
def work(git: Git, tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "work")


@pytest.fixture
def mirror_of(tmp_path: Path) -> Callable[[GitRepository], Mirror]:
    """A fetched mirror of a repository; each call makes another."""
    made: list[Mirror] = []

    def make(repository: GitRepository) -> Mirror:
        mirror = Mirror(tmp_path / f"mirror-{len(made)}.git", str(repository.path))
        mirror.fetch()
        made.append(mirror)
        return mirror

    return make


@pytest.fixture
def mirror(work: GitRepository, tmp_path: Path) -> Mirror:
    """The mirror of `work`, not fetched yet."""
    return Mirror(tmp_path / "mirror.git", str(work.path))
