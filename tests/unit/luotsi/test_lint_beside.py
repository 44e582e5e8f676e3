"""`luotsi lint` in a working tree: a smoke request that is not there is warned of, wherever the tree can be seen."""

import subprocess
import sys
from pathlib import Path

import pytest

from luotsi import cli

MODEL = """\
- step: {name: train, image: i, command: c}
- endpoint: {name: serve, image: i, wsgi: app, files: [{name: m, path: m}]}
- trigger: {name: t, when: {push: }, run: {step: train}}
- model:
    name: churn
    from: {step: train, output: m}
    endpoint: serve
    stages:
      prod: {smoke: {post: wine.json}}
      dev: {smoke: }
"""
SAID = "the smoke request `wine.json` is not in this repository"


def lint(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(["lint", *arguments])
    return int(caught.value.code or 0), capsys.readouterr().out


@pytest.mark.parametrize("folder", [".", "models/eu"])
def test_a_smoke_request_is_looked_for_at_the_repositorys_top(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    here = tmp_path / folder
    here.mkdir(parents=True, exist_ok=True)
    (here / "valohai.yaml").write_text(MODEL)
    monkeypatch.chdir(here)
    assert SAID not in lint(capsys)[1], "there is no repository to be seen"
    (tmp_path / ".git").mkdir()
    code, out = lint(capsys)
    assert code == 0
    assert f"valohai.yaml:9:28: warning: {SAID}: a promotion would fail [model]" in out
    assert lint(capsys, "--strict")[0] == 1
    for place in (here, tmp_path):
        (place / "wine.json").write_text("{}")
        assert SAID not in lint(capsys)[1]
        (place / "wine.json").unlink()


def test_what_cannot_be_seen_or_read_is_not_spoken_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "luotsi", "lint", "-"]
    piped = subprocess.run(command, input=MODEL, text=True, capture_output=True, check=True)
    assert SAID not in piped.stdout
    for odd in (
        "- model: 3\n",
        "- model: {stages: {a: 1}}\n",
        "{",
        MODEL.replace("wine.json", "../wine.json"),
    ):
        (tmp_path / "valohai.yaml").write_text(odd)
        code, out = lint(capsys)
        assert (code, "smoke request" in out) == (1, False), out
    (tmp_path / "valohai.yaml").write_text(MODEL.replace("wine.json", '"a\\0b"'))
    assert "the smoke request" in lint(capsys)[1]
