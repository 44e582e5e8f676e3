"""`luotsi reproduce`: an execution of a real installation again, when its repository is gone and nothing runs any more."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from ledger.tables import executions
from luotsi import cli
from tests.builders.house import House, house
from tests.parts import process

CONFIG = """\
- step:
    name: train
    image: none
    command:
      - cat train.txt > $VH_OUTPUTS_DIR/model.txt
      - 'echo ''{"accuracy": 0.5}'''
      - echo "$WHO {parameters} $TOKEN"
    parameters: [{name: epochs, type: integer, default: 3}]
    environment-variables: [{name: WHO, default: ada}]
    environment-variable-groups: [hub]
- step:
    name: measure
    image: none
    command:
      - cp $VH_INPUTS_DIR/model/model.txt $VH_OUTPUTS_DIR/copy.txt
      - cat /proc/sys/kernel/random/uuid > $VH_OUTPUTS_DIR/chance.txt
      - 'echo ''{"chance": "''$(cat $VH_OUTPUTS_DIR/chance.txt)''"}'''
    inputs: [{name: model}]
- step: {name: fail, image: none, command: "echo on purpose && exit 4"}
- step:
    name: forever
    image: none
    command: ["echo kept > $VH_OUTPUTS_DIR/kept", sleep 300]
- step:
    name: once
    image: none
    command: ["echo ready", 'if [ -e "$MARK" ]; then sleep 300; fi']
    environment-variables: [{name: MARK, default: "@MARK@"}]
- pipeline:
    name: both
    nodes: [{name: train, type: execution, step: train}, {name: measure, type: execution, step: measure}]
    edges: [[train.output.model.txt, measure.input.model]]
- trigger: {name: both, when: {push: {branches: [main]}}, run: {pipeline: both}}
- trigger: {name: fail, when: {push: {branches: [main]}}, run: {step: fail}}
- trigger: {name: forever, when: {push: {branches: [main]}}, run: {step: forever}}
- trigger: {name: once, when: {push: {branches: [main]}}, run: {step: once}}
"""
SETTINGS: dict[str, Any] = {
    "variable-groups": {"hub": {"variables": {}, "secrets": {"TOKEN": "a-long-secret"}}}
}


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace of an installation that ran five executions, has ended, and whose repository is gone."""
    folder = tmp_path_factory.mktemp("past")
    with house(folder, {"kind": "process", "unsafe": True}, True, **SETTINGS) as made:
        config = CONFIG.replace("@MARK@", str(folder / "mark"))
        made.person.commit({"valohai.yaml": config, "train.txt": "weights\n"}, "Train")
        made.person.push()
        process.until(lambda: any((folder / "agent").rglob("kept")), 120.0, "the endless execution runs")
        number = _numbers(folder)["forever"].removeprefix("#")
        with pytest.raises(SystemExit, match="0"):
            cli.main(["cancel", number, "--settings", str(folder / "luotsi.yaml")])
        process.until(lambda: _ended(made) == 5, 120.0, "five executions")
    for gone in ("repositories", "clone", "mirrors"):
        shutil.rmtree(folder / gone)
    return folder


def _ended(made: House) -> int:
    with made.ports.ledger.read() as connection:
        statement = select(func.count()).select_from(executions).where(executions.c.finished_at.is_not(None))
        return int(connection.execute(statement).scalar_one())


@pytest.fixture
def numbers(past: Path) -> dict[str, str]:
    return _numbers(past)


def _numbers(past: Path) -> dict[str, str]:
    """Step -> the number that people see."""
    from luotsi import installation, wiring

    ledger = wiring.ledger(installation.opened(past / "luotsi.yaml"), read_only=True)
    with ledger.read() as connection:
        rows = connection.execute(select(executions.c.step, executions.c.number)).all()
    ledger.close()
    return {row.step: f"#{row.number}" for row in rows}


def reproduce(capsys: pytest.CaptureFixture[str], past: Path, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(["reproduce", *arguments, "--settings", str(past / "luotsi.yaml")])
    said = capsys.readouterr()
    return int(caught.value.code or 0), said.out, said.err


def test_the_same_archive_and_parameters_give_the_same(
    past: Path, numbers: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (past / "store").rglob("*") if path.is_file()}
    code, out, err = reproduce(capsys, past, numbers["train"])
    assert code == 0, out + err
    assert "ada --epochs=3 ***\n" in out, "secrets of groups come from the settings, and are masked"
    assert f"✓ the same: {numbers['train']} train of bench at " in out
    assert "  = output    model.txt\n" in out
    assert "  = metadata  accuracy\n" in out
    assert "≠" not in out
    after = {path: path.stat().st_mtime_ns for path in (past / "store").rglob("*") if path.is_file()}
    assert after == before, "nothing of it is recorded"


def test_what_differs_is_named_and_kept_to_be_looked_at(
    past: Path, numbers: dict[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, _ = reproduce(capsys, past, numbers["measure"], "--json", "--folder", str(tmp_path / "again"))
    said: dict[str, Any] = json.loads(out)
    assert code == 1
    assert not said["same"]
    assert [(one["kind"], one["name"], one["same"]) for one in said["findings"]] == [
        ("outcome", "", True),
        ("input", "model/model.txt", True),
        ("output", "chance.txt", False),
        ("output", "copy.txt", True),
        ("metadata", "chance", False),
    ]
    assert (Path(said["folder"]) / "outputs" / "copy.txt").read_text() == "weights\n"
    assert (tmp_path / "again" / "inputs" / "model" / "model.txt").exists()


def test_a_failure_that_fails_again_is_the_same(
    past: Path, numbers: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = reproduce(capsys, past, numbers["fail"].removeprefix("#"))
    assert code == 0
    assert "  = outcome   error with exit code 4\n" in out


def test_one_that_was_stopped_is_stopped_after_the_same_time(
    past: Path, numbers: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = reproduce(capsys, past, numbers["forever"])
    assert code == 0, out + err
    assert "  = outcome   stopped with exit code 143\n" in out
    assert "  = output    kept\n" in out
    assert "It was stopped after " in out


def test_interrupting_ends_it_and_says_what_differs(past: Path, numbers: dict[str, str]) -> None:
    (past / "mark").touch()
    command = [sys.executable, "-m", "luotsi", "reproduce", numbers["once"], "--settings", "luotsi.yaml"]
    with subprocess.Popen(
        command, cwd=past, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as again:  # fmt: skip
        assert again.stdout is not None
        assert any(line == "ready\n" for line in again.stdout)
        again.send_signal(signal.SIGINT)
        rest = again.stdout.read()
    assert again.returncode == 1
    assert "ending the command" in rest
    assert "≠ outcome   complete → stopped with exit code 143" in rest
    assert "You ended it: what differs may come of that alone." in rest
    folder = Path(rest.splitlines()[-1])
    assert "\nready\n" in (folder / "logs" / "log.txt").read_text()
    assert process.processes_in(folder) == []
    shutil.rmtree(folder)


def test_data_that_is_not_what_it_was_is_refused(
    past: Path, numbers: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    [model] = (past / "store" / "artifacts").rglob("model.txt")
    kept = model.read_bytes()
    shutil.rmtree(past / "reproduce", ignore_errors=True)  # what was cached is verified, and would do
    model.chmod(0o600)
    model.write_bytes(b"others\n")
    try:
        code, out, err = reproduce(capsys, past, numbers["measure"])
    finally:
        model.write_bytes(kept)
    assert code == 1
    assert "is not the file that was stored" in err
    assert "≠ outcome   complete → error" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["99"], "there is no execution #99"),
        (["many"], "many is not the number of an execution"),
        (["1", "--repository", "other"], "there is no execution #1 in other"),
        (["1", "--docker", "--process"], "choose one"),
    ],
)
def test_what_there_is_not_is_told(
    past: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code, _, err = reproduce(capsys, past, *arguments)
    assert (code, words in err) == (2, True), err
