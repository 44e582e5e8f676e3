"""A repository is watched once: until its forge has told its id it may be another entry's, and nothing is done for it."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from controller import loop
from forges.port import Delivery
from ledger import inbox, repositories
from ledger.repositories import RepositoryRow
from ledger.tables import commits, statuses
from schemas import codec
from tests.builders.github_site import github_site
from tests.builders.pull_mind import PullMind, pull_mind
from tests.flow.test_pull_requests import CONFIG
from tests.parts.github_description import GitHubDescription


def row(mind: PullMind, name: str) -> RepositoryRow:
    with mind.ports.ledger.read() as connection:
        found = repositories.by_name(connection, name)
    assert found is not None
    return found


def count(mind: PullMind, table: object) -> int:
    with mind.ports.ledger.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]


def watch_again(mind: PullMind, name: str, slug: str, *, kept: bool = True) -> None:
    """The operator writes a second entry that leads to the same repository; with `kept` the first one stays."""
    [first] = mind.ports.settings.repositories
    address = mind.site.github.clone_url(mind.site.repo, mind.site.there.ada.token("repo"))
    entries = (first, replace(first, name=name, address=address, slug=slug))
    mind.ports = replace(
        mind.ports, settings=replace(mind.ports.settings, repositories=entries if kept else entries[1:])
    )
    loop.prepare(mind.ports)


@pytest.mark.parametrize("slug", ["acme/models", "acme/models-two"])
def test_threat_10_a_second_entry_of_one_repository_at_the_forge_rests(
    github_description: GitHubDescription, tmp_path: Path, slug: str
) -> None:
    with pull_mind(tmp_path, str(github_description.address)) as mind:
        mind.land(CONFIG)
        pull = mind.pull("faster", {"train.py": "print(1)\n"})
        for execution in mind.waiting():
            mind.finish(execution)
        mind.site.rename("models-two")
        mind.turns()
        before = (mind.runs(), mind.shown(pull.head_sha), count(mind, commits), count(mind, statuses))
        watch_again(mind, "mod2", slug)
        mind.turns()
        mind.later(3600)
        twin = row(mind, "mod2")
        assert twin.trouble == (
            "at github it is the same repository as shop, which is watched already: `luotsi repo remove mod2`"
        )
        assert repositories.is_twin(twin)
        stranger = Delivery("7", "push", "refs/heads/main", None, "a" * 40, repository_id="999")
        with mind.ports.ledger.write() as connection:
            inbox.receive(
                connection, "delivery", f"{inbox.FORGE}github", "7", codec.write(stranger), mind.now
            )
        mind.turns()
        with mind.ports.ledger.read() as connection:
            assert inbox.heard(connection, mind.now) == []
        assert (twin.forge_id, twin.baseline_at, twin.looked_at) == (None, None, None)
        assert row(mind, "shop").forge_id == mind.site.repository_id
        assert (mind.runs(), mind.shown(pull.head_sha), count(mind, commits), count(mind, statuses)) == before
        sha = mind.site.push("main", "print(2)\n")
        mind.turns()
        assert mind.shown(sha)["luotsi/config"] == "success", "the first entry goes on"
        assert count(mind, commits) == before[2] + 1


def test_following_the_advice_keeps_the_history_and_runs_nothing_again(
    github_description: GitHubDescription, tmp_path: Path
) -> None:
    """`repo remove` of the second entry, then its address for the first."""
    with pull_mind(tmp_path, str(github_description.address)) as mind:
        mind.land(CONFIG)
        for execution in mind.waiting():
            mind.finish(execution)
        mind.site.rename("models-two")
        mind.turns()
        watch_again(mind, "mod2", "acme/models-two")
        mind.turns()
        first, second = mind.ports.settings.repositories
        before = (mind.runs(), count(mind, commits), row(mind, "shop").id)
        for entries in ((first,), (replace(first, address=second.address, slug=second.slug),)):
            mind.ports = replace(
                mind.ports,
                settings=replace(mind.ports.settings, repositories=entries),
            )
            loop.prepare(mind.ports)
            mind.turns()
        mind.later(3600)
        found = row(mind, "shop")
        assert (found.id, found.address, found.forge_id) == (
            before[2],
            second.address,
            mind.site.repository_id,
        )
        assert found.trouble is None
        assert (mind.runs(), count(mind, commits)) == before[:2]
        sha = mind.site.push("main", "print(3)\n")
        mind.turns()
        assert mind.shown(sha)["luotsi/config"] == "success"


def test_the_second_entry_is_looked_at_when_the_first_is_gone(
    github_description: GitHubDescription, tmp_path: Path
) -> None:
    with pull_mind(tmp_path, str(github_description.address)) as mind:
        mind.land(CONFIG)
        watch_again(mind, "mod2", "acme/models")
        mind.turns()
        assert row(mind, "mod2").looked_at is None
        mind.ports = replace(
            mind.ports,
            settings=replace(mind.ports.settings, repositories=mind.ports.settings.repositories[1:]),
        )
        loop.prepare(mind.ports)
        mind.later(60)
        found = row(mind, "mod2")
        assert (found.trouble, found.forge_id) == (None, mind.site.repository_id)
        assert found.looked_at is not None


def test_a_forge_that_is_down_at_the_first_start_is_waited_for(
    github_description: GitHubDescription, tmp_path: Path
) -> None:
    with github_site(tmp_path, str(github_description.address), "token") as site:
        site.trouble("down")
        mind = PullMind(tmp_path, site, hooked=False)
        waiting = row(mind, "shop")
        assert waiting.trouble is not None
        assert waiting.trouble.startswith("github has not told which repository it is: ")
        assert (waiting.baseline_at, waiting.looked_at) == (None, None)
        site.weather_clears()
        mind.later(60)
        found = row(mind, "shop")
        assert (found.trouble, found.forge_id) == (None, site.repository_id)
        assert found.baseline_at is not None


def test_one_call_comes_before_the_first_look(github_description: GitHubDescription, tmp_path: Path) -> None:
    with pull_mind(tmp_path, str(github_description.address)) as mind:
        asked = [one.path for one in mind.site.github.log if one.path.endswith("/repos/acme/models")]
        assert len(asked) == 1
