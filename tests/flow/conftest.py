"""What tests of whole ways share: a controller whose repository lies at the stand-in of GitHub."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.github_site import Identity
from tests.builders.pull_mind import PullMind, pull_mind
from tests.parts.github_description import GitHubDescription


@pytest.fixture
def identity() -> Identity:
    """How it is known there: as an App. A file that tries both has a fixture of this name with parameters."""
    return "app"


@pytest.fixture
def mind(identity: Identity, github_description: GitHubDescription, tmp_path: Path) -> Iterator[PullMind]:
    with pull_mind(tmp_path, str(github_description.address), identity) as made:
        yield made
