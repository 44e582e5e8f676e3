"""An installation of real processes whose repository is private at a forge: deliveries over HTTP, git by short-lived tokens."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from luotsi import cli
from tests.builders.github_site import GitHubSite, github_site
from tests.builders.house import House, house
from tests.e2e.test_installation import PROCESS
from tests.parts import process
from tests.parts.github_description import GitHubDescription

CONFIG = """
- step: { name: say, image: none, command: "echo it worked" }
- trigger:
    name: say
    when: { push: { branches: [main] }, pull-request: { targets: [main] } }
    run: { step: say }
"""
PATIENCE = 120.0


@dataclass
class Place:
    house: House
    site: GitHubSite

    def luotsi(self, *arguments: str) -> None:
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, "--settings", str(self.house.opened.workspace.root / "luotsi.yaml")])
        assert not ended.value.code

    def shown(self, sha: str) -> dict[str, str]:
        return {check.context: check.state for check in self.site.checks(sha)}

    def wait(self, sha: str, **states: str) -> None:
        wanted = {f"luotsi/{name}": state for name, state in states.items()}
        process.until(lambda: self.shown(sha) == wanted, PATIENCE, f"{wanted} at {sha[:7]}")


@pytest.fixture
def place(github_description: GitHubDescription, tmp_path: Path) -> Iterator[Place]:
    with github_site(tmp_path / "forge", str(github_description.address), "app") as site:
        key = tmp_path / "app.pem"
        key.write_text(site.there.app.private_key, encoding="ascii")
        forge = {
            "kind": "github",
            "url": site.github.address,
            "api": site.github.api,
            "app": site.there.app.client_id,
            "private-key": str(key),
        }
        settings: dict[str, Any] = {
            "forges": {"github": forge},
            "repositories": [{"name": "bench", "address": site.github.clone_url(site.repo)}],
            "poll-interval": 600,
        }
        with house(tmp_path / "house", PROCESS, **settings) as made:
            yield Place(made, site)
        assert site.violations == []


def test_a_push_and_a_pull_request_show_their_checks(place: Place) -> None:
    place.luotsi("repo", "hook", "bench")
    site = place.site
    sha = site.there.bob.push(site.repo, "main", {"valohai.yaml": CONFIG})
    place.wait(sha, config="success", say="success")
    site.there.bob.push(site.repo, "faster", {"a.txt": "1"})
    pull = site.there.bob.open_pull_request(site.repo, "faster")
    place.wait(pull.head_sha, config="success", say="success")
    number, head = site.pull_of_fork("print(1)\n", "A stranger's")
    place.wait(head, config="success", say="action_required")
    site.there.bob.comment(site.repo.threads[number], f"/approve {head}")
    process.until(lambda: len(site.comments(number)) == 2, PATIENCE, "the answer")
    assert "no environment" in site.comments(number)[1]
