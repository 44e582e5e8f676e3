"""The command: help that teaches, errors for people, exit codes."""

import json
import socket
from pathlib import Path

import pytest

from luotsi import cli, engines
from luotsi.repos import naming
from tests.parts.process import free_port


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(list(arguments))
    said = capsys.readouterr()
    return int(caught.value.code or 0), said.out, said.err


def test_help_begins_with_what_people_do_most(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert out.index("luotsi demo") < out.index("Verbs")
    assert all(verb in out for verb in cli.VERBS)


@pytest.mark.parametrize("verb", list(cli.VERBS))
def test_every_verb_teaches_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, verb, "--help")
    assert code == 0
    assert "Usage: luotsi" in out


@pytest.mark.parametrize("verb", list(cli.VERBS))
def test_every_example_of_a_help_is_a_line(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, verb, "--help")[1]
    assert all(line.count(f"luotsi {verb} ") < 2 for line in out.splitlines())


@pytest.mark.parametrize(
    "arguments", [("cancel", "1"), ("retry", "1"), ("promote", "churn", "prod"), ("approve", "=1/deploy")]
)
def test_a_folder_without_an_installation_stays_as_it_is(
    arguments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, *arguments)
    assert (code, "there is no ledger yet" in err) == (3, True)
    assert not list(tmp_path.rglob("*.sqlite"))


def test_a_start_that_fails_leaves_no_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    for address in ("/srv/git/one.git", "/srv/git/two.git"):
        code, _, err = run(capsys, "up", "--repository", address)
        assert (code, "needs a Docker engine" in err) == (3, True)
        assert not (tmp_path / "luotsi.yaml").exists()
    kept = "repositories: [{name: mine, address: /srv/git/one.git}]\n"
    (tmp_path / "luotsi.yaml").write_text(kept)
    code, _, err = run(capsys, "up", "--repository", "/srv/git/two.git")
    assert (code, "is yours: add the repository to it" in err) == (2, True)
    assert run(capsys, "up", "--repository", "/srv/git/one.git")[0] == 3
    assert (tmp_path / "luotsi.yaml").read_text() == kept


def test_a_wrong_verb_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "fly")
    assert code == 2
    assert "fly" in err


def test_wrong_settings_are_told_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "luotsi.yaml").write_text("nmae: x\n")
    code, _, err = run(capsys, "status", "--settings", str(tmp_path / "luotsi.yaml"))
    assert code == 2
    assert "luotsi.yaml:1:1: there is no setting `nmae` here (Did you mean `name`?)" in err


def test_doctor_says_what_is_broken_and_exits_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "luotsi.yaml").write_text(
        "repositories: [{name: away, address: /nowhere/at/all.git}]\n"
        "environments: [{name: local, runtime: {kind: docker, engine: 'unix:///nowhere.sock'}, agents: []}]\n"
        "redis: redis://127.0.0.1:1/0\n"
    )
    code, out, _ = run(capsys, "doctor", "--json", "--settings", str(tmp_path / "luotsi.yaml"))
    found = {finding["what"]: finding for finding in json.loads(out)}
    assert code == 1
    assert {what for what, finding in found.items() if finding["state"] == "broken"} == {
        "runtime of local",
        "Redis",
        "repository away",
    }
    assert found["store system"]["state"] == "works"


@pytest.mark.parametrize("kind", ["process", "docker"])
def test_doctor_warns_of_forks_where_nothing_isolates(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unsafe = ", unsafe: true" if kind == "process" else ""
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "luotsi.yaml").write_text(
        "redis: redis://127.0.0.1:1/0\n"
        "forges: {hub: {kind: github, url: 'http://127.0.0.1:1', token: 'file:token'}}\n"
        "repositories:\n"
        "  - {name: shop, address: 'http://127.0.0.1:1/acme/shop'}\n"
        "  - {name: plain, address: /nowhere/plain.git}\n"
        "pull-requests: {environment: outside}\n"
        "environments:\n"
        "  - {name: local, runtime: {kind: process, unsafe: true}, agents: [{name: a}]}\n"
        f"  - {{name: outside, runtime: {{kind: {kind}{unsafe}}}, agents: [{{name: b}}]}}\n"
    )
    _, out, _ = run(capsys, "doctor", "--json", "--settings", str(tmp_path / "luotsi.yaml"))
    found = {finding["what"]: finding for finding in json.loads(out)}
    assert found["runtime of local"]["state"] == "works"
    assert found["runtime of local"]["words"].startswith("process (")
    assert "untrusted runs in local" not in found
    if kind == "docker":
        assert "untrusted runs in outside" not in found
        return
    assert found["untrusted runs in outside"]["state"] == "broken"
    words = found["untrusted runs in outside"]["words"]
    assert "approved pull requests of shop would run there as plain processes" in words
    assert "`runtime: {kind: docker}`" in words


@pytest.mark.parametrize(
    ("taken_by", "setting"),
    [
        ("web: {%s}", "web.listen"),
        ("web: {listen: '127.0.0.1:@FREE@'}\nclusters: {c: {kind: local, %s}}", "clusters.<name>.listen"),
    ],
)
def test_a_port_in_use_is_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], taken_by: str, setting: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        (tmp_path / "luotsi.yaml").write_text(
            f"{taken_by.replace('@FREE@', str(free_port())) % f'listen: {place!r}'}\n"
            "repositories: [{name: one, address: /x}]\n"
            "environments: [{name: local, runtime: {kind: process, unsafe: true}, agents: [{name: a}]}]\n"
        )
        code, _, err = run(capsys, "up", "--settings", str(tmp_path / "luotsi.yaml"))
    assert code == 3
    assert f"{place} cannot be listened on" in err
    assert f"`{setting}`" in err


def test_up_without_an_engine_says_what_to_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "luotsi.yaml").write_text(
        "repositories: [{name: one, address: /x}]\n"
        "environments: [{name: local, runtime: {kind: docker, engine: 'unix:///nowhere.sock'}, agents: [{name: a}]}]\n"
    )
    code, _, err = run(capsys, "up", "--settings", str(tmp_path / "luotsi.yaml"))
    assert code == 3
    message, hint = err.splitlines()
    assert message.startswith("luotsi: the environment local needs a Docker engine: ")
    assert message.endswith(".")
    assert "unsafe: true" in hint


def test_up_without_a_repository_says_how_to_name_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "up", "--settings", str(tmp_path / "luotsi.yaml"))
    assert code == 2
    assert "luotsi up --repository" in err


def test_an_engine_that_does_not_answer_is_told(tmp_path: Path) -> None:
    dead = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(dead))
    found = engines.find(f"unix://{dead}")
    assert found.address is None
    assert str(dead) in found.reason


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("git@example.org:team/churn.git", "churn"),
        ("https://example.org/team/churn/", "churn"),
        ("/srv/git/my model.git", "my-model"),
        ("..", "repository"),
    ],
)
def test_repositories_are_named_after_their_address(address: str, name: str) -> None:
    assert naming.name(address) == name
