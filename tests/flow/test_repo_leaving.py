"""`luotsi repo remove` and the hook at a forge, and how to make one by hand: against the stand-in of GitHub."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders.github_house import House, house
from tests.flow.repo_bench import Run, address, knows_hub, runner, written
from tests.parts.github_description import GitHubDescription


@pytest.fixture
def github(github_description: GitHubDescription, tmp_path: Path) -> Iterator[House]:
    with house(tmp_path / "github", github_description.address, private=True) as there:
        there.settled()
        yield there


@pytest.fixture
def settings(github: House, tmp_path: Path) -> Iterator[Path]:
    with knows_hub(tmp_path, github) as file:
        yield file


@pytest.fixture
def run(settings: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(settings, capsys)


def test_the_hook_leaves_the_forge_with_its_repository(github: House, settings: Path, run: Run) -> None:
    run("add", address(github))
    [ours] = github.repo.hooks
    theirs = github.github.world.ids.new("hook")
    github.repo.hooks[theirs] = replace(
        github.repo.hooks[ours], id=theirs, url="http://127.0.0.1:1023/forges/other"
    )
    github.ada.rename(github.repo, "forecasts")
    done = run("remove", "models", "--json")
    assert (done["hook"], done["words"][-1]) == ("deleted", "Our hook of acme/forecasts at hub is deleted.")
    assert list(github.repo.hooks) == [theirs]
    assert written(settings) == []
    run("add", address(github))
    github.repo.hooks.clear()
    done = run("remove", "forecasts", "--json")
    assert done["hook"] == "absent"
    assert "has no hook at hub that calls http://127.0.0.1:1023/forges/hub" in done["words"][-1]
    run("add", address(github))
    assert run("remove", "forecasts", "--keep-hook", "--json")["hook"] == "kept"
    assert len(github.repo.hooks) == 1
    assert not github.github.violations


@pytest.mark.parametrize("trouble", ["rights", "down", "no token"])
def test_a_hook_that_cannot_be_deleted_holds_nothing_up(
    trouble: str, github: House, settings: Path, run: Run
) -> None:
    run("add", address(github))
    if trouble == "rights":
        few = github.ada.fine_grained_token([github.repo], {"repository_hooks": "read"})
        (settings.parent / "token").write_text(few)
    elif trouble == "down":
        github.github.faults.down()
    else:
        (settings.parent / "token").write_text(github.eve.token("gist"))
    said = run("remove", "models")
    assert "Our hook at hub could not be deleted:" in said
    assert "By hand: delete, in the settings of acme/models there, the webhook that calls http://127.0.0.1:1023/forges/hub." in " ".join(said.split())  # fmt: skip
    assert written(settings) == []
    assert len(github.repo.hooks) == 1


def test_the_hook_of_a_repository_that_is_watched_twice_stays(
    github: House, settings: Path, run: Run
) -> None:
    run("add", address(github))
    old = address(github)
    github.ada.rename(github.repo, "forecasts")
    settings.write_text(settings.read_text() + f"  - {{ name: twin, address: {address(github)} }}\n")
    assert old != address(github)
    done = run("remove", "twin", "--json")
    assert (done["hook"], done["words"][-1]) == (
        "kept", "Its hook at hub stays: it is that of models, the same repository.",
    )  # fmt: skip
    assert len(github.repo.hooks) == 1


def test_how_to_make_the_hook_by_hand_is_printed_and_changes_nothing(
    github: House, settings: Path, run: Run
) -> None:
    run("add", address(github))
    github.repo.hooks.clear()
    done = run("hook", "models", "--print", "--json")
    secret = settings.parent / "keys" / "forge-hub.secret"
    assert (done["did"], done["place"]) == ("printed", "http://127.0.0.1:1023/forges/hub")
    assert f"secret: in {secret}" in done["words"]
    assert secret.read_text().strip() not in " ".join(done["words"])
    assert github.repo.hooks == {}


def test_another_address_of_the_web_side_gets_a_hook_and_the_old_one_is_named(
    github: House, settings: Path, run: Run
) -> None:
    run("add", address(github))
    [old] = github.repo.hooks
    assert "was made before" not in run("hook", "models")
    settings.write_text(settings.read_text().replace(":1023", ":1022"))
    done = run("hook", "models", "--json")
    assert done["did"] == "created"
    assert f"The one that was made before, {old}, calls another address" in done["words"][-1]
    assert "was made before" not in run("hook", "models")
    assert run("remove", "models", "--json")["hook"] == "deleted"
    assert list(github.repo.hooks) == [old]
