"""luotsi.yaml may change while a process runs: what is valid is taken up, what is not is said and changes nothing."""

import os
from pathlib import Path

import pytest

from luotsi import installation
from luotsi.reloading import Reloading

WINE = "repositories: [{ name: wine, address: /srv/wine.git }]\n"


def reloading(tmp_path: Path, text: str | None = WINE, settled: float = 0.0) -> Reloading:
    file = tmp_path / "luotsi.yaml"
    if text is not None:
        file.write_text(text)
    return Reloading(installation.opened(file), every=0.0, settled=settled)


def names(made: Reloading) -> list[str]:
    return [one.name for one in made.current.repositories()]


def test_the_same_file_is_the_same_installation(tmp_path: Path) -> None:
    made = reloading(tmp_path)
    first = made.current
    os.utime(tmp_path / "luotsi.yaml")
    assert made.current.settings.values == first.settings.values
    assert made.current is made.current


def test_a_valid_change_is_taken_up(tmp_path: Path) -> None:
    made = reloading(tmp_path)
    (tmp_path / "luotsi.yaml").write_text(WINE.replace("wine", "beer"))
    assert names(made) == ["beer"]
    assert made.trouble == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("repositories: [\n", "cannot be read"),
        ("repositorys: []\n", "there is no setting `repositorys`"),
        (
            "pull-requests:\n  cap: lots\n",
            "the settings are not valid; luotsi.yaml:2: `cap` must be a number, not text. Machine hours",
        ),
        ("redis: ${NOT_SET_ANYWHERE}\n", "NOT_SET_ANYWHERE"),
        (None, "is gone"),
    ],
)
def test_what_is_not_valid_changes_nothing_and_is_told_until_it_is(
    tmp_path: Path, text: str | None, words: str
) -> None:
    made, file = reloading(tmp_path), tmp_path / "luotsi.yaml"
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    assert names(made) == ["wine"]
    assert words in made.trouble
    file.write_text(WINE.replace("wine", "beer"))
    assert names(made) == ["beer"]
    assert made.trouble == ""


def test_a_secret_in_a_file_of_its_own_counts(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old-token-of-ours")
    made = reloading(tmp_path, "forges: { github: { kind: github, token: 'file:token' } }\n")
    before = made.current
    (tmp_path / "token").write_text("new-token-of-ours!")
    now = made.current
    assert now is not before
    assert now.settings.get("forges", "github", "token") == "new-token-of-ours!"


def test_a_file_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    made, file = reloading(tmp_path, settled=1e9), tmp_path / "luotsi.yaml"
    file.write_text("")
    assert names(made) == ["wine"]
    file.write_text(WINE.replace("wine", "beer"))
    assert names(made) == ["wine"]
    assert names(made) == ["beer"], "it was the same at two looks"


def test_an_installation_without_a_file_gets_one(tmp_path: Path) -> None:
    made = reloading(tmp_path, None)
    assert names(made) == []
    (tmp_path / "luotsi.yaml").write_text(WINE)
    assert names(made) == ["wine"]


def test_what_could_not_be_taken_up_waits_for_another_change(tmp_path: Path) -> None:
    made, file = reloading(tmp_path), tmp_path / "luotsi.yaml"
    kept = made.current
    file.write_text(WINE.replace("wine", "beer"))
    assert names(made) == ["beer"]
    made.refuse(kept, "the ledger has it otherwise")
    assert names(made) == ["wine"]
    assert made.trouble == "the ledger has it otherwise"
    file.write_text(WINE.replace("wine", "cellar"))
    assert names(made) == ["cellar"]
    assert made.trouble == ""
