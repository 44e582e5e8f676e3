"""`luotsi repo` against the stand-in of GitHub and real git: what is written, what the forge keeps, what people read."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import update

from controller import loop
from ledger import outbox, repositories
from ledger.tables import statuses
from luotsi import cli, installation, wiring
from schemas import moments
from tests.builders.git_repository import GitRepository
from tests.builders.github_house import House, house
from tests.flow.repo_bench import HEAD, Run, address, knows_hub, runner, written
from tests.flow.test_repo_hook import deliveries, web
from tests.parts.git import Git
from tests.parts.github_description import GitHubDescription
from tests.parts.process import free_port


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


def test_a_repository_of_the_forge_is_added_with_its_hook(github: House, settings: Path, run: Run) -> None:
    before = settings.read_text()
    done = run("add", address(github), "--json")
    assert (done["name"], done["forge"], done["slug"], done["hook"]) == (
        "models",
        "hub",
        "acme/models",
        "created",
    )
    assert (done["missing"], done["notes"], done["default_branch"]) == ([], [], "main")
    assert (
        settings.read_text() == before + f"repositories:\n  - name: models\n    address: {address(github)}\n"
    )
    [hook] = github.repo.hooks.values()
    opened = installation.opened(settings)
    assert hook.url == "http://127.0.0.1:1023/forges/hub"
    assert hook.secret == opened.forges()["hub"].secrets[0].reveal()
    [line] = run("list", "--json")
    assert (line["slug"], line["hook"], line["trouble"], line["looked_at"]) == (
        "acme/models",
        str(hook.id),
        "",
        None,
    )
    assert not github.github.violations


def test_the_same_repository_in_another_spelling_is_refused(github: House, settings: Path, run: Run) -> None:
    run("add", address(github))
    before = settings.read_text()
    other = address(github).replace("models.git", "Models/").replace("//", "//ada:secret@")
    said = run("add", other, "--name", "other", code=2)
    assert "watched already, as models" in said
    assert "secret" not in said
    assert settings.read_text() == before


def test_a_typo_is_found_before_anything_is_written(github: House, settings: Path, run: Run) -> None:
    before = settings.read_text()
    said = run("add", address(github).replace("models", "model"), code=3)
    assert "does not show us acme/model" in said
    assert "Check the repository's name" in said
    said = run("add", address(github).removesuffix(".git").removesuffix("/models"), code=2)
    assert "luotsi.yaml: the address does not say the repository's name at the forge" in " ".join(
        said.split()
    )
    assert ".luotsi-" not in said
    assert "there is no repository at" in run("add", "/nowhere/wine.git", code=3)
    assert settings.read_text() == before
    assert not github.repo.hooks


def test_what_the_token_lacks_is_said_and_holds_nothing_up(github: House, settings: Path, run: Run) -> None:
    given = {
        "contents": "read",
        "issues": "write",
        "pull_requests": "write",
        "statuses": "write",
        "deployments": "write",
    }
    (settings.parent / "token").write_text(github.ada.fine_grained_token([github.repo], given))
    said = run("add", address(github))
    assert "The token may not see hooks" in said
    assert "There is no hook" in said
    assert "Polling finds everything meanwhile" in said
    assert [entry["name"] for entry in written(settings)] == ["models"]
    (settings.parent / "token").write_text(github.ada.token("repo", "admin:repo_hook"))
    assert run("hook", "models", "--json")["did"] == "created"
    assert run("hook", "models", "--json")["did"] == "kept"
    assert run("list", "--json")[0]["hook"]


def test_a_forge_is_not_asked_to_call_what_it_cannot_reach(github: House, settings: Path, run: Run) -> None:
    text = settings.read_text().replace(f"url: '{github.github.address}'", "url: 'https://ghe.example.org'")
    settings.write_text(text)
    token = (settings.parent / "token").read_text().strip()
    said = run("add", github.github.clone_url(github.repo, token), "--forge", "hub")
    assert token not in said
    assert "A password stands in the address" in said
    assert "ghe.example.org cannot call it" in said.replace("\n", " ")
    assert "web.address" in said
    assert not github.repo.hooks


def test_github_without_a_forge_says_the_lines_to_add(settings: Path, run: Run) -> None:
    before = settings.read_text()
    said = run("add", "https://github.com/acme/models", code=2)
    assert "no forge at github.com" in said
    assert "github: { kind: github, token: 'file:secrets/github' }" in said
    assert "url: https://acme.ghe.com" in run("add", "https://acme.ghe.com/acme/models", code=2)
    assert "no forge other" in run("add", "https://git.example.org/a/b", "--forge", "other", code=2)
    assert settings.read_text() == before


def test_a_token_file_writes_the_forge_too(
    github_description: GitHubDescription, tmp_path: Path, settings: Path, run: Run
) -> None:
    settings.write_text(HEAD)
    with house(tmp_path / "server", github_description.address, private=True, enterprise=True) as there:
        token = settings.parent / "token"
        token.write_text(there.ada.token("repo", "admin:repo_hook"))
        assert "there is no file" in run("add", address(there), "--token-file", f"{token}-none", code=2)
        done = run("add", address(there), "--token-file", str(token), "--forge", "ours", "--json")
        assert (done["slug"], done["hook"]) == ("acme/models", "created")
        given = yaml.safe_load(settings.read_text())
        assert given["forges"] == {
            "ours": {"kind": "github", "url": there.github.address, "token": "file:token"}
        }
        assert settings.read_text().startswith(HEAD)
        said = run(
            "add", address(there), "--name", "b", "--token-file", str(token), "--forge", "ours", code=2
        )
        assert "watched already" in said


def test_plain_git_is_added_removed_and_renamed(git: Git, tmp_path: Path, settings: Path, run: Run) -> None:
    GitRepository(tmp_path / "work").commit({"a": "b"})
    GitRepository(tmp_path / "wine.git", bare=True)
    before = settings.read_text()
    assert run("add", str(tmp_path / "wine.git"), "--json")["refs"] == 0
    assert run("add", str(tmp_path / "work"), "--name", "eu", "--json")["refs"] == 1
    assert "there is a repository eu" in run("add", "/srv/x.git", "--name", "eu", code=2)
    ports = wiring.controller_ports(installation.opened(settings))
    loop.prepare(ports)
    with ports.ledger.read() as connection:
        wine = repositories.by_name(connection, "wine")
    run("rename", "wine", "cellar")
    assert "there is a repository eu" in run("rename", "cellar", "eu", code=2)
    [first, _] = run("list", "--json")
    assert (first["name"], first["notes"]) == ("cellar", ["The controller still calls it wine."])
    ports.ledger.close()
    again = wiring.controller_ports(installation.opened(settings))
    loop.prepare(again)
    with again.ledger.read() as connection:
        cellar = repositories.by_name(connection, "cellar")
    again.ledger.close()
    assert wine is not None
    assert cellar is not None
    assert wine.id == cellar.id
    assert "watched no longer" in run("remove", "cellar")
    assert "no repository cellar is watched" in run("remove", "cellar", code=2)
    run("remove", "eu")
    assert settings.read_text() == before + "repositories: []\n"


def test_a_repository_that_was_renamed_at_the_forge_is_told(github: House, settings: Path, run: Run) -> None:
    run("add", address(github))
    github.ada.rename(github.repo, "forecasts")
    done = run("hook", "models", "--json")
    assert "hub calls acme/models acme/forecasts now: change the address" in " ".join(done["words"])
    [line] = run("list", "--json")
    assert line["slug"] == "acme/forecasts"
    assert line["notes"] == [
        "hub calls acme/models acme/forecasts now: change the address, while the old one still leads there."
    ]


def doctor(settings: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    with pytest.raises(SystemExit):
        cli.main(["doctor", "--json", "--settings", str(settings)])
    return {finding["what"]: finding for finding in json.loads(capsys.readouterr().out)}


def test_the_doctor_says_rights_hook_and_budget(
    github: House, settings: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("add", address(github))
    found = doctor(settings, capsys)
    assert found["models at hub"]["state"] == "works"
    assert found["repository models"]["words"].startswith("one branch or tag at ")
    assert "of 5,000 are left until" in found["calls of models"]["words"]
    assert found["hook of models"]["state"] == "works", "a ping that was lost is no matter"
    assert "got through, but for a ping" in found["hook of models"]["words"]
    github.bob.push(github.repo, "side", {"a": "1"})
    github.settled()
    found = doctor(settings, capsys)
    assert found["hook of models"]["state"] == "broken", "nobody listens at the address of the web side"
    assert found["hook of models"]["words"].startswith("one delivery of the last day did not get through")
    github.ada.rename(github.repo, "forecasts")
    given = {
        "contents": "read",
        "repository_hooks": "write",
        "pull_requests": "write",
        "deployments": "write",
    }
    (settings.parent / "token").write_text(github.ada.fine_grained_token([github.repo], given))
    found = doctor(settings, capsys)
    assert found["models at hub"]["state"] == "broken", "of several findings the last is kept here"
    assert "set statuses" in found["models at hub"]["words"]


def test_a_hook_that_somebody_deleted_is_said_with_how_to_make_it(
    github: House, settings: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("add", address(github))
    assert run("list", "--json")[0]["notes"] == []
    (hook,) = github.repo.hooks
    github.repo.hooks.clear()
    found = doctor(settings, capsys)["hook of models"]
    assert (found["state"], "/repos/" in found["words"]) == ("broken", False)
    assert found["words"].startswith(f"somebody deleted it at hub ({hook})")
    assert found["words"].endswith("`luotsi repo hook models` makes it.")
    ledger = wiring.ledger(installation.opened(settings))
    with ledger.write() as connection:
        (row,) = repositories.watched(connection)
        repositories.hooked(connection, row.id, None)
    ledger.close()
    (note,) = run("list", "--json")[0]["notes"]
    assert note.endswith("`luotsi repo hook models` makes it.")
    run("hook", "models")
    assert run("list", "--json")[0]["notes"] == []


def test_the_doctor_says_that_every_delivery_got_through(
    github: House, settings: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    listening = github.hook.url.rpartition("/")[0]
    settings.write_text(settings.read_text().replace("http://127.0.0.1:1023", listening))
    run("add", address(github))
    github.settled()
    found = doctor(settings, capsys)
    assert found["hook of models"]["words"].startswith("every delivery of the last day got through"), found


def test_a_delivery_that_got_through_later_is_not_lost(
    github: House, settings: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    listening = github.hook.url.rpartition("/")[0]
    settings.write_text(settings.read_text().replace("http://127.0.0.1:1023", listening))
    run("add", address(github))
    github.github.post.lose(1, "push")
    github.bob.push(github.repo, "side", {"a": "1"})
    github.settled()
    found = doctor(settings, capsys)["hook of models"]
    assert (found["state"], "a push at" in found["words"]) == ("broken", True)
    opened = installation.opened(settings)
    [api] = wiring.open_forges(opened).values()
    [hook] = github.repo.hooks
    [lost] = api.missed_deliveries("acme/models", str(hook), "2020-01-01T00:00:00Z")
    api.redeliver("acme/models", str(hook), lost)
    github.settled()
    assert doctor(settings, capsys)["hook of models"]["state"] == "works"


def test_the_doctor_does_not_say_for_ever_what_a_forge_refused(
    github: House, settings: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("add", address(github))
    ledger = wiring.ledger(installation.opened(settings))
    now = moments.now()
    with ledger.write() as connection:
        row = repositories.by_name(connection, "models")
        assert row is not None
        word = outbox.NewStatus(row.id, "f" * 40, "luotsi/config", "error", "vanished", "", final=True)
        outbox.say(connection, word, now)
        outbox.noted(connection, 1, "No commit found for SHA")
    assert "No commit found" in doctor(settings, capsys)["statuses"]["words"]

    def delivered(ago: timedelta) -> str:
        with ledger.write() as connection:
            connection.execute(update(statuses).values(delivered_at=now - ago))
        return doctor(settings, capsys)["statuses"]["state"]

    assert [delivered(timedelta(hours=ago)) for ago in (1, 25)] == ["broken", "works"]
    with ledger.write() as connection:
        connection.execute(update(statuses).values(delivered_at=None))
        repositories.retire(connection, set(), now)
    assert doctor(settings, capsys)["statuses"]["state"] == "works", "it is watched no more"
    ledger.close()


def test_maintenance_is_said(
    git: Git, tmp_path: Path, settings: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    GitRepository(tmp_path / "work").commit({"a": "b"})
    run("add", str(tmp_path / "work"))
    settings.write_text(settings.read_text() + "maintenance: '[a disk] moves'\n")
    assert doctor(settings, capsys)["maintenance"]["words"].startswith(
        "[a disk] moves: what comes in is kept"
    )
    wiring.ledger(installation.opened(settings)).close()
    with pytest.raises(SystemExit):
        cli.main(["status", "--settings", str(settings)])
    assert "Maintenance: [a disk] moves. What comes in is kept" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["status", "--json", "--settings", str(settings)])
    assert json.loads(capsys.readouterr().out)["maintenance"] == "[a disk] moves"


def test_an_app_has_one_hook_which_is_set_right(github: House, settings: Path, run: Run) -> None:
    (settings.parent / "app.pem").write_text(github.app.private_key)
    forge = f"url: '{github.github.address}', api: '{github.github.api}', app: {github.app.id}, private-key: app.pem"
    settings.write_text(f"{HEAD}forges:\n  hub: {{ kind: github, {forge} }}\n")
    done = run("add", address(github), "--json")
    assert (done["slug"], done["hook"], done["missing"]) == ("acme/models", "repaired", [])
    assert github.app.hook.url == "http://127.0.0.1:1023/forges/hub"
    assert run("list", "--json")[0]["hook"] == "app"
    github.installation.permit(github.ada.account, {"contents": "read", "metadata": "read"})
    said = run("hook", "models")
    assert "lacks the permission" in said
    assert "is as it should be, and was left alone" in said
    said = " ".join(run("remove", "models").split())
    assert (
        "it is the App's, for all of its repositories. If the App shall hear nothing of acme/models" in said
    )
    assert github.app.hook.url == "http://127.0.0.1:1023/forges/hub"


def test_deliveries_to_the_hook_that_was_made_are_taken(github: House, settings: Path, run: Run) -> None:
    port = free_port()
    text = settings.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}").replace(":1023", f":{port}")
    settings.write_text(f"redis: redis://127.0.0.1:1/0\n{text}")
    with web(settings) as ledger:
        run("add", address(github))
        github.bob.push(github.repo, "side", {"a": "1"})
        github.settled()
        said = [delivery.event for source, delivery in deliveries(ledger) if source == "forge:hub"]
    assert said == ["ping", "push"]


def test_threat_10_a_repository_that_was_renamed_is_not_added_again(
    github: House, settings: Path, run: Run
) -> None:
    run("add", address(github))
    github.ada.rename(github.repo, "forecasts")
    before = settings.read_text()
    new = address(github)
    assert new.endswith("/acme/forecasts.git")
    said = run("add", new, code=2)
    assert "watched already, as models: hub calls acme/models acme/forecasts now" in said
    assert f"Change the address of models to {new}" in said
    assert settings.read_text() == before


def test_threat_10_the_forge_is_asked_where_the_ledger_does_not_know_yet(
    github: House, settings: Path, run: Run
) -> None:
    settings.write_text(
        settings.read_text()
        + f"repositories:\n  - {{ name: gone, address: {address(github).replace('models', 'gone')} }}\n"
        + f"  - {{ name: models, address: {address(github)} }}\n"
    )
    github.ada.rename(github.repo, "forecasts")
    assert "watched already, as models" in run("add", address(github), code=2)
    other = github.github.repository("acme/other", private=True)
    assert run("add", github.github.clone_url(other), "--json")["slug"] == "acme/other"
