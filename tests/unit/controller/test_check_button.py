"""The button that ends what a check has started."""

from pathlib import Path

import pytest

from controller.pulls import commands
from tests.builders.talk import Talk


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    return Talk(tmp_path)


def press(talk: Talk, context: str, may_write: bool = True) -> str:
    said = commands.stop(talk.mind.ports, talk.repository, talk.head, context, "17", "ada", may_write)
    talk.mind.turns()
    return said


def test_it_ends_the_run_of_its_check_and_no_other(talk: Talk) -> None:
    assert press(talk, "luotsi/train").endswith("train is cancelled")
    assert talk.states() == {"train": ("cancelled", 1), "test": ("running", 1)}
    assert {row[0] for row in talk.audit()} == {"bare:17"}


def test_pressed_again_it_finds_nothing_to_end(talk: Talk) -> None:
    press(talk, "luotsi/train")
    assert "train had ended already" in press(talk, "luotsi/train")
    assert talk.states()["train"] == ("cancelled", 1)


def test_it_is_for_those_who_may_write(talk: Talk) -> None:
    assert "may not write to the repository: nothing was done" in press(talk, "luotsi/train", may_write=False)
    assert talk.states()["train"] == ("running", 1)
