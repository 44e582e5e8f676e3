"""Steps that are run by hand, in containers: the working tree's, and an old execution's with the image it ran in."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from luotsi import cli
from schemas import codec
from schemas.messages.result import Result
from tests.builders.git_repository import GitRepository
from tests.builders.house import house
from tests.parts.docker_engine import DockerEngine

CONFIG = """\
- step:
    name: train
    image: {image}
    command:
      - cp train.txt /valohai/outputs/copy.txt
      - ls /valohai/inputs/data > /valohai/outputs/inputs.txt
      - echo "$GREETING from $VH_EXECUTION_ID"
      - python3 -c 'import json; print(json.dumps(dict(accuracy=0.5)))'
    inputs: [{{name: data}}]
    environment-variables: [{{name: GREETING, default: hello}}]
    mounts: ["/etc:/host-etc"]
"""


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(list(arguments))
    said = capsys.readouterr()
    return int(caught.value.code or 0), said.out, said.err


def test_the_working_tree_runs_in_a_container(
    docker_engine: DockerEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_engine.address)
    repository = GitRepository(tmp_path / "repository")
    repository.commit({"valohai.yaml": CONFIG.format(image=docker_engine.image), "train.txt": "old"})
    (repository.path / "train.txt").write_text("new")
    (tmp_path / "here.csv").write_text("1")
    monkeypatch.chdir(repository.path)
    code, out, err = call(capsys, "run", "train", "--docker", "--input", f"data={tmp_path / 'here.csv'}")
    assert code == 0, err
    folder = repository.path / ".luotsi" / "runs" / "1-train"
    assert (folder / "outputs" / "copy.txt").read_text() == "new"
    assert (folder / "outputs" / "inputs.txt").read_text() == "here.csv\n"
    assert "hello from " in out
    result = codec.read(Result, (folder / "result.json").read_bytes())
    assert result.image_digest.startswith("sha256:")
    assert result.metadata == {"accuracy": 0.5}
    assert "the mount of /etc is ignored" in err
    assert not (folder / ".agent").exists()


def test_an_image_that_is_not_to_be_had_is_said_with_what_to_do(
    docker_engine: DockerEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_engine.address)
    repository = GitRepository(tmp_path / "repository")
    repository.commit({"valohai.yaml": "- step: {name: train, image: 127.0.0.1:1/nothing, command: go}\n"})
    monkeypatch.chdir(repository.path)
    code, out, _ = call(capsys, "run", "train")
    assert code == 1
    assert "▲ error:" in out
    assert "127.0.0.1:1/nothing" in out


def test_an_old_execution_runs_again_in_the_very_image(
    docker_engine: DockerEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "past"
    folder.mkdir()
    with house(folder, {"kind": "docker", "engine": docker_engine.address}) as made:
        ended = made.execute(docker_engine.image, "echo one > /valohai/outputs/out.txt")
        assert ended.state.value == "complete", ended.reason
    shutil.rmtree(folder / "repositories")
    code, out, err = call(
        capsys, "reproduce", str(ended.number), "--settings", str(folder / "luotsi.yaml"), "--json"
    )
    said: dict[str, Any] = json.loads(out)
    assert code == 0, err
    findings = {one["kind"]: one for one in said["findings"]}
    assert findings["image"]["same"]
    assert findings["output"]["name"] == "out.txt"
    assert said["result"]["image_digest"] == ended.image_digest != ""
