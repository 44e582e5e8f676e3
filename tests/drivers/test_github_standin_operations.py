"""The stand-in of GitHub does every operation that it has, with answers and deliveries as the description has them."""

from pathlib import Path

import pytest

from tests.builders.github_house import house
from tests.builders.github_tour import go
from tests.parts.git import Git
from tests.parts.github_description import GitHubDescription
from tests.standins.github.registry import DOINGS


@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
@pytest.mark.parametrize("base", ["", "/api/v3"], ids=["cloud", "enterprise"])
def test_every_operation_answers_as_described(
    base: str, private: bool, git: Git, github_description: GitHubDescription, tmp_path: Path
) -> None:
    with house(tmp_path, github_description.address, private=private, enterprise=bool(base)) as there:
        tour = go(there, base)
        github = there.github
        assert github.violations == []
        assert github.flaws == []
        assert set(github.calls) == set(DOINGS)
        assert all(one.status < 400 for one in github.log[:-1] if not one.path.endswith("/merge"))
        there.settled()
        assert all(one.code == 202 for one in github.deliveries(there.app))
        api = there.client(base).base
        assert github.world.webhooks.links.api == api
        assert tour.bot("GET", "/zen").status == 401
