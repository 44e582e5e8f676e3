"""How entries become one command: judged by a real shell."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.command import SCRIPT, join
from schemas.errors import Refused


def run(*entries: str, folder: Path | None = None) -> tuple[int, str]:
    command = join(entries)
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


@pytest.mark.parametrize("entries", [[], [""], ["# comment"], ["\n", "  "]])
def test_nothing_to_run_is_refused(entries: list[str]) -> None:
    with pytest.raises(Refused, match="no command"):
        join(entries)


def test_a_shebang_makes_a_script_of_all_entries(tmp_path: Path) -> None:
    assert run("#!/usr/bin/env python3\nx = 1", "print(x + 1)", folder=tmp_path) == (0, "2\n")
    assert run("#!/bin/sh\necho a", "false", "echo b", folder=tmp_path) == (1, "a\n")
    assert run("#!/bin/sh", "echo a # comment", "echo b", folder=tmp_path) == (0, "a\nb\n")


@given(st.lists(st.text(st.characters(codec="ascii", categories=["L", "N"], include_characters=" "), min_size=1).map(str.strip).filter(bool), min_size=1, max_size=5))  # fmt: skip
def test_every_entry_is_run_in_order(words: list[str]) -> None:
    code, printed = run(*(f"echo '{word}'" for word in words))
    assert (code, printed.splitlines()) == (0, words)
