"""`luotsi run`: a step of the working tree by the agent's own code, its files left in a folder."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from luotsi import cli
from luotsi.here import tree
from schemas import codec
from schemas.errors import ConfigError
from schemas.messages.result import Result
from tests.builders.git_repository import GitRepository
from tests.parts.process import processes_in, until

CONFIG = """\
- step:
    name: train model
    image: python:3.12
    command:
      - cat train.txt
      - echo {parameters}
      - cp train.txt $VH_OUTPUTS_DIR/copy.txt
      - ls -A > $VH_OUTPUTS_DIR/files
      - 'echo ''{"loss": 0.25, "note": "fine"}'''
      - echo "$DEBUG" >&2
    parameters:
      - {name: epochs, type: integer, default: 3}
      - {name: fast, type: flag, default: true}
      - {name: layers, type: integer, multiple: repeat, default: [8]}
    environment-variables: [{name: DEBUG, default: "0"}]
- step:
    name: fail
    image: python:3.12
    command: [echo kept > $VH_OUTPUTS_DIR/kept, exit 3]
- step:
    name: wait
    image: python:3.12
    command: [echo kept > $VH_OUTPUTS_DIR/kept, echo ready, sleep 600]
- step:
    name: tell
    image: python:3.12
    command: python3 tell.py
- step:
    name: needs
    image: python:3.12
    command: echo $TOKEN $PLAIN; ls $VH_INPUTS_DIR/data
    inputs: [{name: data}]
    environment-variable-groups: [hub]
    mounts: ["/srv:/srv"]
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    made = GitRepository(tmp_path / "repository")
    made.commit({"valohai.yaml": CONFIG, "train.txt": "committed", ".gitignore": "*.log\n"})
    monkeypatch.chdir(made.path)
    return made


@pytest.fixture
def run(repository: GitRepository, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            cli.main(["run", *arguments])
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, said.err

    return call


def result_in(folder: Path) -> Result:
    return codec.read(Result, (folder / "result.json").read_bytes())


def test_the_working_tree_runs_as_it_is_and_leaves_its_files(run: Run, repository: GitRepository) -> None:
    (repository.path / "train.txt").write_text("changed\n")
    (repository.path / "new.txt").write_text("new")
    (repository.path / "noise.log").write_text("ignored")
    code, out, err = run("train model", "--process")
    folder = repository.path / ".luotsi" / "runs" / "1-train-model"
    assert code == 0, err
    assert out.splitlines()[:2] == ["changed", "--epochs=3 --fast --layers=8"]
    assert out.endswith(f"\n{folder}\n")
    assert "✓ success: complete after" in out
    assert "metrics  loss 0.25\n" in out
    assert {path.name for path in folder.iterdir()} == {
        "repository", "inputs", "outputs", "config", "logs", "result.json",
    }  # fmt: skip
    assert (folder / "outputs" / "copy.txt").read_text() == "changed\n"
    assert (folder / "outputs" / "files").read_text().split() == [
        ".gitignore",
        "new.txt",
        "train.txt",
        "valohai.yaml",
    ]
    assert result_in(folder).metadata == {"loss": 0.25, "note": "fine"}
    text = (folder / "logs" / "log.txt").read_text()
    records = [json.loads(line) for line in (folder / "logs" / "log.jsonl").read_text().splitlines()]
    assert "changed\n--epochs=3" in text
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    assert repository.git("status", "--short", "--untracked-files=all").split() == [
        "M",
        "train.txt",
        "??",
        "new.txt",
    ]
    assert run("train", "--process")[0] == 0, "a name that begins so is enough"
    assert (folder.parent / "2-train-model" / "outputs" / "copy.txt").exists()


def test_values_come_from_the_command_line(run: Run, tmp_path: Path) -> None:
    given = [
        "--parameter",
        "epochs=7",
        "--parameter",
        "fast=false",
        "--parameter",
        "layers=1",
        "--parameter",
        "layers=2",
    ]
    code, out, err = run(
        "train",
        "--process",
        *given,
        "--environment-variable",
        "DEBUG=x=y",
        "--folder",
        str(tmp_path / "mine"),
    )
    assert code == 0
    assert "--epochs=7 --layers=1 --layers=2" in out
    assert "x=y" in err.splitlines(), "stderr stays stderr"
    assert json.loads((tmp_path / "mine" / "config" / "parameters.json").read_text()) == {
        "epochs": 7, "fast": False, "layers": [1, 2],
    }  # fmt: skip


def test_a_step_that_fails_is_a_failure_and_its_files_stay(run: Run, repository: GitRepository) -> None:
    code, out, _ = run("fail", "--process")
    assert code == 1
    assert "✗ failure: exit code 3" in out
    assert (repository.path / ".luotsi/runs/1-fail/outputs/kept").read_text() == "kept\n"


def test_json_is_alone_on_stdout(run: Run) -> None:
    code, out, err = run("fail", "--process", "--json")
    said = json.loads(out)
    assert code == 1
    assert (said["result"]["outcome"], said["result"]["exit_code"]) == ("error", 3)
    assert Path(said["folder"], "result.json").exists()
    assert "exit code 3" in err


TELL = """\
import json, os, urllib.request
calls = json.load(open(os.path.join(os.environ["VH_CONFIG_DIR"], "api.json")))
call = calls["set_status_detail"]
body = json.dumps({"status_detail": "half way"}).encode()
asked = urllib.request.Request(call["url"], body, call["headers"], method=call["method"])
urllib.request.urlopen(asked).read()
"""


def test_what_the_job_says_of_itself_is_shown(run: Run, repository: GitRepository) -> None:
    (repository.path / "tell.py").write_text(TELL)
    code, out, err = run("tell", "--process")
    assert code == 0, out + err
    assert "· status detail: half way\n" in err


SETTINGS = """\
variable-groups:
  hub: { variables: { PLAIN: seen }, secrets: { TOKEN: a-long-secret } }
environments: [{ name: local, mounts: [/other] }]
"""


def test_settings_bring_groups_and_their_secrets_are_masked(
    run: Run, tmp_path: Path, repository: GitRepository
) -> None:
    (tmp_path / "luotsi.yaml").write_text(SETTINGS)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.csv").write_text("1")
    (tmp_path / "files" / "b.csv").write_text("2")
    data = f"data={tmp_path / 'files' / '*.csv'}"
    code, out, err = run("needs", "--process", "--input", data, "--settings", str(tmp_path / "luotsi.yaml"))
    assert code == 0, err
    assert out.splitlines()[:3] == ["*** seen", "a.csv", "b.csv"]
    folder = repository.path / ".luotsi" / "runs" / "1-needs"
    assert "a-long-secret" not in "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert "the mount of /srv is ignored" in err
    assert [path.name for path in tmp_path.iterdir()].count("keys") == 0


def test_a_variable_that_nothing_gives_can_be_given_by_hand(run: Run, tmp_path: Path) -> None:
    file = Path("valohai.yaml")
    needed = "    environment-variables: [{name: TOKEN, optional: false}]\n"
    file.write_text(file.read_text().replace("    inputs: [{name: data}]\n", needed))
    code, _, err = run("needs", "--process")
    assert (code, "Give it: --environment-variable TOKEN=VALUE." in err) == (2, True)
    code, out, _ = run("needs", "--process", "--environment-variable", "TOKEN=given")
    assert "given" in out
    (tmp_path / "luotsi.yaml").write_text(SETTINGS)
    _, out, err = run("needs", "--process", "--settings", str(tmp_path / "luotsi.yaml"))
    assert "*** seen" in out, err


def test_what_only_an_installation_knows_is_told(run: Run) -> None:
    code, _, err = run("needs", "--process")
    assert (code, "needs input data, and nothing gives it" in err) == (2, True)
    code, _, err = run("needs", "--process", "--input", "data=dataset://wines/latest")
    assert (code, "--input NAME=PATH" in err) == (2, True)
    (Path.cwd() / "x.csv").write_text("")
    code, out, err = run("needs", "--process", "--input", "data=x.csv")
    assert (code, "x.csv" in out) == (0, True)
    assert "the variable group hub is not known here" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nothing",), 2, "There is: train model, fail, wait, tell, needs."),
        (("train", "--docker", "--process"), 2, "choose one"),
        (("train", "--process", "--parameter", "epochs"), 2, "epochs is not NAME=VALUE"),
        (("train", "--process", "--parameter", "epochs=many"), 2, "epochs"),
        (("train", "--process", "--parameter", "fast=maybe"), 2, "true or false, not maybe"),
        (("train", "--process", "--input", "data=x"), 2, "has no input data"),
        (("needs", "--process", "--input", "data=away.csv"), 2, "there is no away.csv here"),
        (("train", "--process", "--folder", "."), 1, "is not empty"),
        (("train",), 3, "--process"),
    ],
)
def test_what_cannot_be_run_is_told_with_what_to_do(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, words: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    found, out, err = run(*arguments)
    assert (found, words in err, out) == (code, True, ""), err
    assert not (Path.cwd() / ".luotsi").exists()


def test_a_broken_step_shows_its_problems(run: Run, repository: GitRepository) -> None:
    (repository.path / "valohai.yaml").write_text("- step: {name: train, image: x, comand: y}\n")
    code, _, err = run("train", "--process")
    assert code == 2
    assert "valohai.yaml:1:33: unknown key `comand`" in err


def test_the_nearest_config_is_taken_and_the_top_is_the_working_directory(
    run: Run, repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = repository.path / "models" / "eu"
    inner.mkdir(parents=True)
    (inner / "valohai.yaml").write_text("- step: {name: look, image: x, command: ls}\n")
    monkeypatch.chdir(inner)
    code, out, _ = run("look", "--process")
    assert (code, out.splitlines()[:3]) == (0, ["models", "train.txt", "valohai.yaml"])


def test_interrupting_ends_the_command_and_keeps_its_files(repository: GitRepository) -> None:
    command = [sys.executable, "-m", "luotsi", "run", "wait", "--process", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(command, cwd=repository.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:  # fmt: skip
        assert process.stderr is not None
        assert process.stdout is not None
        assert any(line == "ready\n" for line in process.stderr)
        process.send_signal(signal.SIGINT)
        said: Any = json.loads(process.stdout.read())
        rest = process.stderr.read()
    assert process.returncode == 1
    assert said["result"]["outcome"] == "stopped"
    assert "ending the command" in rest
    assert Path(said["folder"], "outputs", "kept").read_text() == "kept\n"
    until(lambda: not processes_in(said["folder"]), what="the command has ended")


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("s3://bucket/*.csv", "s3://bucket/*.csv"),
        ("{here}/a.csv", "file://{here}/a.csv"),
        ("{here}/sub", "file://{here}/sub/"),
        ("{here}/sub/*.csv", "file://{here}/sub/*.csv"),
        ("{here}/link/50% off.csv", "file://{here}/sub/50%25%20off.csv"),
    ],
)
def test_paths_of_this_machine_become_addresses(tmp_path: Path, value: str, address: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to("sub")
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "sub" / "50% off.csv").write_text("")
    assert tree.address(value.format(here=tmp_path)) == address.format(here=tmp_path)


def test_a_pair_needs_a_name() -> None:
    assert tree.pairs(["a=1", "b=", "a=2=3"], "x") == {"a": ("1", "2=3"), "b": ("",)}
    with pytest.raises(ConfigError, match="=x is not NAME=VALUE"):
        tree.pairs(["=x"], "x")
