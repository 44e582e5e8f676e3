"""`luotsi run` stores what nobody may write any more while the command runs, as agents do, and gives it back in the end."""

from pathlib import Path

import pytest

from luotsi import cli
from schemas import codec
from schemas.messages.result import Result
from tests.builders.git_repository import GitRepository

SHELL = r"""
put() { mkdir -p "$(dirname "$VH_OUTPUTS_DIR/$1")"; echo "$2" > "$VH_OUTPUTS_DIR/$1"; chmod 444 "$VH_OUTPUTS_DIR/$1"; }
gone() { while [ -e "$VH_OUTPUTS_DIR/$1" ]; do sleep 0.1; done; }
put a/m.bin 1; gone a/m.bin
put a/m.bin 2; gone a/m.bin
put linked/x secret; gone linked/x; rm -r "$VH_OUTPUTS_DIR/linked"; ln -s "$PWD" "$VH_OUTPUTS_DIR/linked"
echo late > "$VH_OUTPUTS_DIR/late"
ls "$VH_OUTPUTS_DIR"
"""


def test_files_are_stored_meanwhile_and_lie_in_the_folder_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = GitRepository(tmp_path / "repository")
    step = "- step: {name: live, image: i, command: sh live.sh}\n"
    made.commit({"valohai.yaml": step, "live.sh": SHELL})
    monkeypatch.chdir(made.path)
    with pytest.raises(SystemExit) as caught:
        cli.main(["run", "live", "--process", "--folder", str(tmp_path / "out")])
    folder = tmp_path / "out"
    assert not caught.value.code
    result = codec.read(Result, (folder / "result.json").read_bytes())
    assert [output.name for output in result.outputs] == ["a/m.bin", "a/m.bin", "linked/x", "late"]
    assert (folder / "outputs/a/m.bin").read_text() == "2\n"
    assert (folder / "earlier-outputs/1/a/m.bin").read_text() == "1\n"
    assert (folder / "earlier-outputs/3/linked/x").read_text() == "secret\n"
    assert not (folder / "repository/x").exists(), "no link of the command is followed"
    assert (folder / "outputs/late").read_text() == "late\n"
    assert not (folder / ".agent").exists()
    assert "uploaded a/m.bin while the command runs" in (folder / "logs/log.txt").read_text()
