"""The forges' contract for GitHub, against a stand-in that was written from GitHub's published description: as an App, with a
personal token, and as an App of an Enterprise server."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from forges.port import Check
from schemas.errors import Stalled
from tests.builders.github_site import GitHubSite, github_site
from tests.drivers.forge_contract import ForgeContract
from tests.parts.github_description import GitHubDescription
from tests.standins.github.service import PERMISSIONS


class TestGitHubApp(ForgeContract):
    @pytest.fixture
    def site(self, github_description: GitHubDescription, tmp_path: Path) -> Iterator[GitHubSite]:
        with github_site(tmp_path, github_description.address, "app") as made:
            yield made

    def test_a_right_that_is_missing_is_named_and_comes_with_the_next_token(self, site: GitHubSite) -> None:
        ada, sha = site.there.ada.account, site.head()
        site.there.installation.permit(ada, PERMISSIONS | {"statuses": "read"})
        with pytest.raises(Stalled, match="Resource not accessible by integration"):
            site.api.say_status(site.name, sha, "luotsi", "success", "Done")
        site.there.installation.permit(ada, PERMISSIONS)
        assert site.api.say_status(site.name, sha, "luotsi", "success", "Done").final

    def test_a_name_that_another_repository_has_by_now_is_not_followed_to_it(self, site: GitHubSite) -> None:
        old, sha = site.name, site.head()
        site.rename("renamed")
        site.api.repository(old)  # only a GET is led on for good (301), says the documentation of redirects
        site.api.say_status(old, sha, "luotsi", "pending", "Waits")
        site.there.installation.add(site.there.ada.account, [site.github.repository(old)])
        site.api.say_status(old, sha, "luotsi", "success", "Done")
        assert [state for state, _ in site.statuses(sha, "luotsi")] == ["pending", "success"]
        assert site.api.new_name(old) == site.name
        assert site.fresh().repository(old).id != site.repository_id

    def test_a_check_of_another_app_is_left_to_it(self, site: GitHubSite) -> None:
        sha = site.head()
        check = Check("luotsi", sha, "running", "Runs", "Runs.")
        known = site.api.say_check(site.name, check)
        (suite,) = site.repo.suites.values()
        suite.app = replace(suite.app, id=suite.app.id + 1)
        said = site.api.say_check(site.name, replace(check, state="success"), known)
        assert said.id != known.id
        assert {one.id: one.state for one in site.checks(sha)} == {
            known.id: "in_progress",
            said.id: "success",
        }


class TestGitHubToken(ForgeContract):
    @pytest.fixture
    def site(self, github_description: GitHubDescription, tmp_path: Path) -> Iterator[GitHubSite]:
        with github_site(tmp_path, github_description.address, "token") as made:
            yield made

    def test_what_a_token_may_not_change_is_not_called_gone(self, site: GitHubSite) -> None:
        site.push("own", "1")
        number = site.pull_of_branch("own", "Own")
        comment = site.say(number, "Hello")
        site.repo.private = False
        api = site.with_token(site.there.ada.token())
        for known in ("", comment):
            with pytest.raises(Stalled):
                api.comment(site.name, number, "Done", known=known)
        assert site.comments(number) == ["Hello"]


class TestGitHubEnterprise(ForgeContract):
    @pytest.fixture
    def site(self, github_description: GitHubDescription, tmp_path: Path) -> Iterator[GitHubSite]:
        with github_site(tmp_path, github_description.address, "app", enterprise=True) as made:
            yield made
