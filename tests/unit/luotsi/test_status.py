"""`luotsi status`: what has to be mended is said first, each in one line with the place where it is shown."""

import json
from pathlib import Path

import pytest

from luotsi import cli
from tests.builders.registry_talk import CONFIG, RegistryTalk


def status(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    settings = folder / "luotsi.yaml"
    settings.write_text(
        f"ledger: sqlite:///{folder}/ledger.sqlite\nredis: redis://127.0.0.1:1/0\n"
        "web: { address: 'https://luotsi.example.org' }\n"
    )
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        cli.main(["status", *arguments, "--settings", str(settings)])
    assert not caught.value.code
    return capsys.readouterr().out


@pytest.fixture
def talk(tmp_path: Path) -> RegistryTalk:
    return RegistryTalk(tmp_path)


def test_an_installation_without_trouble_has_nothing_to_mend(
    talk: RegistryTalk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "to mend" not in status(tmp_path, capsys)


def test_a_config_that_does_not_hold_is_said_until_it_does(
    talk: RegistryTalk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = talk.mind.push(CONFIG.replace("step: fit }", "step: fitt }", 1))
    out = status(tmp_path, capsys)
    [line] = [line for line in out.splitlines() if broken[:7] in line and "See " in line]
    assert f"at {broken[:7]} on main: " in line
    assert line.endswith(f" See https://luotsi.example.org/r/{talk.repository.name}/commit/{broken}")
    [found] = json.loads(status(tmp_path, capsys, "--json"))["refused_configs"]
    assert (found["sha"], found["state"]) == (broken, "failure")
    talk.mind.push(CONFIG)
    assert "to mend" not in status(tmp_path, capsys)


def test_a_tag_that_waits_and_one_that_was_refused_say_why(
    talk: RegistryTalk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talk.mind.person.git("push", "--quiet", "origin", "HEAD:refs/tags/churn#prod#1")
    talk.mind.person.tag("churn#nowhere#2")
    talk.mind.turns()
    refused, waiting = sorted(
        (line for line in status(tmp_path, capsys).splitlines() if "See https" in line),
        key=lambda line: "waits" in line,
    )
    assert "churn#prod#1 was refused: it is a lightweight tag, and only annotated ones" in refused
    assert "git push --delete origin 'refs/tags/churn#prod#1'" in refused
    assert (
        "churn#nowhere#2 waits: the model churn has no stage nowhere. Add it under `stages`. See" in waiting
    )
