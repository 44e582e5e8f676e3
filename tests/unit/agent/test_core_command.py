"""How entries become one command: judged by a real shell."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.command import SCRIPT, join
from schemas.errors import Refused
from schemas.shell import Joiner


def run(*entries: str, folder: Path | None = None, joiner: Joiner = "&&") -> tuple[int, str]:
    command = join(entries, joiner)
    argv = command.argv(str(folder))
    if command.is_script:
        assert folder
        (folder / SCRIPT).write_text(command.text)
        (folder / SCRIPT).chmod(0o755)
    done = subprocess.run(argv, capture_output=True, text=True)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("entries", "code", "printed"),
    [
        (["echo a", "echo b"], 0, "a\nb\n"),
        (["echo a", "false", "echo b"], 1, "a\n"),
        (["exit 7", "echo b"], 7, ""),
        (["export X=1; cd /", 'echo "$X $PWD"'], 0, "1 /\n"),
        (["echo a # a comment", "echo b"], 0, "a\nb\n"),
        (["# only a comment", "", "echo b", "  # another\n# and one more"], 0, "b\n"),
        (["cat <<END\nhere\nEND", "echo b"], 0, "here\nb\n"),
        (["if true\nthen echo a\nfi", "echo b"], 0, "a\nb\n"),
        (["echo a \\", "echo b"], 0, "a\nb\n"),
        (["echo 'a\nb'", "echo c"], 0, "a\nb\nc\n"),
        (["false || echo saved", "echo b"], 0, "saved\nb\n"),
        (["false; true", "echo b"], 0, "b\n"),
        (["echo one; exit 3"], 3, "one\n"),
    ],
)
def test_entries_run_one_after_the_other_in_one_shell(entries: list[str], code: int, printed: str) -> None:
    assert run(*entries) == (code, printed)


@pytest.mark.parametrize(
    ("entries", "code", "printed"),
    [
        (["echo a", "false", "echo b"], 0, "a\nb\n"),
        (["true", "false"], 1, ""),
        (["exit 7", "echo b"], 7, ""),
        (["export X=1; cd /", 'echo "$X $PWD"'], 0, "1 /\n"),
        (["echo a # a comment", "echo b"], 0, "a\nb\n"),
        (["cat <<END\nhere\nEND", "echo b"], 0, "here\nb\n"),
        (["echo a \\", "echo b"], 0, "a\nb\n"),
    ],
)
def test_with_semicolons_the_last_entrys_code_counts(entries: list[str], code: int, printed: str) -> None:
    assert run(*entries, joiner=";") == (code, printed)


@pytest.mark.parametrize("entries", [[], [""], ["# comment"], ["\n", "  "]])
def test_nothing_to_run_is_refused(entries: list[str]) -> None:
    with pytest.raises(Refused, match="no command"):
        join(entries)


def test_a_shebang_makes_a_script_of_all_entries(tmp_path: Path) -> None:
    assert run("#!/usr/bin/env python3\nx = 1", "print(x + 1)", folder=tmp_path) == (0, "2\n")
    assert run("#!/bin/sh\necho a", "false", "echo b", folder=tmp_path) == (1, "a\n")
    assert run("#!/bin/sh", "echo a # comment", "echo b", folder=tmp_path) == (0, "a\nb\n")
    assert run("#!/bin/sh\nfalse", "echo b", folder=tmp_path, joiner=";") == (0, "b\n")


@given(st.lists(st.text(st.characters(codec="ascii", categories=["L", "N"], include_characters=" "), min_size=1).map(str.strip).filter(bool), min_size=1, max_size=5))  # fmt: skip
def test_every_entry_is_run_in_order(words: list[str]) -> None:
    code, printed = run(*(f"echo '{word}'" for word in words))
    assert (code, printed.splitlines()) == (0, words)


def test_the_shell_is_bash_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "activate").write_text("NAME=activated")
    entries = [
        f"source {tmp_path}/activate",
        'words=(one "$NAME")',
        '[[ ${words[1]} == act* ]] && echo "${words[@]}"',
    ]
    assert run(*entries) == (0, "one activated\n")
    assert run('[ "$(basename "$BASH")" = bash ]') == (0, "")


@pytest.fixture(params=[True, False], ids=["bash", "sh"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A PATH with bash, or without."""
    (tmp_path / "bin").mkdir()
    for name in ("sleep", "sh", *(["bash"] if request.param else [])):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    return str(tmp_path / "bin")


def started(path: str, *entries: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(join(entries).argv(""), env={"PATH": path}, stdout=subprocess.PIPE)


def test_the_command_keeps_the_number_of_the_process_that_was_started(path: str) -> None:
    with started(path, "echo $$ ${BASH:+bash}", "exit 5") as shell:
        printed, _ = shell.communicate()
    assert printed.split()[0] == str(shell.pid).encode()
    assert (b"bash" in printed) == (
        (Path(path) / "bash").exists() or Path("/bin/sh").resolve().name == "bash"
    )
    assert shell.returncode == 5


def test_a_shell_that_is_told_to_end_lets_its_program_end_and_starts_no_other(path: str) -> None:
    with started(path, "echo up; sleep 1; echo never", "echo never") as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == b"up\n"
        shell.terminate()
        assert shell.stdout.read() == b""
    assert shell.returncode == 143


def test_the_code_of_a_program_that_tidied_up_is_kept(path: str) -> None:
    with started(path, "sh -c 'echo up; sleep 1; exit 7'; echo never") as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == b"up\n"
        shell.terminate()
        assert shell.stdout.read() == b""
    assert shell.returncode == 7


def test_a_trap_of_the_commands_own_is_the_one_that_counts(path: str) -> None:
    with started(path, "trap 'echo mine; exit 9' TERM", "echo up; sleep 1; echo never") as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == b"up\n"
        shell.terminate()
        assert shell.stdout.read() == b"mine\n"
    assert shell.returncode == 9
