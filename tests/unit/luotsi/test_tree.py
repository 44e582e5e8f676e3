"""A workspace: one tree in it, and nothing made by those who only look."""

import os
from pathlib import Path

import pytest

from luotsi import installation, processes, tree, wiring
from schemas.errors import ConfigError, Stalled


def test_a_second_tree_is_refused_with_the_workspace_and_the_process(tmp_path: Path) -> None:
    opened = installation.opened(tmp_path / "luotsi.yaml")
    processes.write(opened.workspace.folder("pids") / "up.json", os.getppid(), ["up"])

    with pytest.raises(
        Stalled, match=f"workspace {tmp_path} is in use by process {os.getppid()}, another `luotsi up`"
    ):
        tree.refuse_a_second(opened)


def test_a_tree_that_is_gone_refuses_nobody(tmp_path: Path) -> None:
    opened = installation.opened(tmp_path / "luotsi.yaml")
    tree.refuse_a_second(opened)


def test_a_verb_that_only_reads_makes_no_ledger(tmp_path: Path) -> None:
    opened = installation.opened(tmp_path / "luotsi.yaml")
    with pytest.raises(Stalled, match="there is no ledger yet"):
        wiring.ledger(opened, read_only=True)
    assert not (tmp_path / "ledger.sqlite").exists()


def test_settings_that_are_a_folder_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="are a folder"):
        installation.opened(tmp_path)
    monkeypatch.setenv("LUOTSI_SETTINGS", "")
    monkeypatch.chdir(tmp_path)
    assert installation.opened(None).settings.file == tmp_path / "luotsi.yaml"
