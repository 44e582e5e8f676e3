"""The board tells a skip from a failure, and stops what it started."""

from pathlib import Path
from typing import ClassVar

import pytest

from tests.parts.board import Board, Row, State, merged, table
from tests.parts.part import Forbidden, Missing, Part, Unreachable


class Working(Part):
    key = "working"
    name = "Working part"
    stopped: ClassVar[list[str]] = []

    def start(self, folder: Path) -> None:
        self.address = str(folder)

    def stop(self) -> None:
        self.stopped.append(self.key)

    def version(self) -> str:
        return "1.2"


class Absent(Working):
    key = "absent"
    name = "Absent part"
    packages = ("no-such-package",)

    def start(self, folder: Path) -> None:
        raise Missing("not installed here")


class Kept(Working):
    key = "kept"
    name = "Kept from running"

    def start(self, folder: Path) -> None:
        raise Forbidden("operation not permitted")


class Remote(Working):
    key = "remote"
    name = "Remote part"

    def install(self) -> None:
        raise Unreachable("no answer")


class Broken(Working):
    key = "broken"
    name = "Broken part"

    def start(self, folder: Path) -> None:
        raise RuntimeError("it crashed")


def board(*, must_have: bool = True, allowed: frozenset[str] = frozenset()) -> Board:
    return Board([Working, Absent, Kept, Remote, Broken], must_have=must_have, allowed=allowed)


def test_a_part_runs_in_a_folder_that_goes_away() -> None:
    parts = board()
    with parts.use(Working) as part:
        folder = Path(part.address)
        assert folder.is_dir()
    assert not folder.exists()
    assert part.stopped == ["working"]
    assert (parts.rows["working"].state, parts.rows["working"].detail) == (State.RAN, "1.2")


@pytest.mark.parametrize(
    ("must_have", "outcome"), [(True, pytest.fail.Exception), (False, pytest.skip.Exception)]
)
def test_a_missing_part_fails_only_where_it_can_be_had(must_have: bool, outcome: type[BaseException]) -> None:
    parts = board(must_have=must_have)
    with pytest.raises(outcome, match="Absent part: not installed here"), parts.use(Absent):
        pass
    assert parts.rows["absent"].state is State.SKIPPED


def test_what_only_an_unreachable_network_has_is_skipped_and_shown() -> None:
    parts = board(must_have=True)
    with pytest.raises(pytest.skip.Exception, match="Remote part: no answer"), parts.use(Remote):
        pass
    assert parts.rows["remote"].state is State.SKIPPED
    assert any("no answer" in line for line in parts.lines())


@pytest.mark.parametrize(
    ("allowed", "outcome"),
    [(frozenset(), pytest.fail.Exception), (frozenset({"kept"}), pytest.skip.Exception)],
)
def test_a_refused_part_fails_unless_it_is_named(
    allowed: frozenset[str], outcome: type[BaseException]
) -> None:
    parts = board(must_have=False, allowed=allowed)
    with pytest.raises(outcome, match="LUOTSI_TEST_ALLOW=kept"), parts.use(Kept):
        pass
    assert parts.rows["kept"].state is State.REFUSED


def test_a_part_that_breaks_is_neither_skipped_nor_hidden() -> None:
    parts = board(must_have=False)
    with pytest.raises(RuntimeError, match="it crashed"), parts.use(Broken):
        pass
    assert parts.rows["broken"].state is State.FAILED


def test_the_table_says_how_to_get_what_did_not_run() -> None:
    parts = board(must_have=False)
    assert list(parts.lines()) == []
    with pytest.raises(pytest.skip.Exception), parts.use(Absent):
        pass
    line, reason = list(parts.lines())[1:3]
    assert line.split() == ["Absent", "part", "skipped", "apt-get", "install", "no-such-package"]
    assert reason.strip() == "not installed here"


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (State.NOT_ASKED, State.NOT_ASKED, State.NOT_ASKED),
        (State.NOT_ASKED, State.RAN, State.RAN),
        (State.NOT_ASKED, State.SKIPPED, State.SKIPPED),
        (State.RAN, State.SKIPPED, State.SKIPPED),
        (State.RAN, State.REFUSED, State.REFUSED),
        (State.SKIPPED, State.REFUSED, State.REFUSED),
        (State.RAN, State.FAILED, State.FAILED),
        (State.REFUSED, State.FAILED, State.FAILED),
    ],
)
def test_of_two_sessions_what_ran_counts_and_trouble_counts_more(
    one: State, other: State, told: State
) -> None:
    boards = [{"git": Row("git", "make .venv", state, f"in a session: {state}")} for state in (one, other)]
    for pair in (boards, boards[::-1]):
        assert merged(pair)["git"].state is told


def test_one_table_holds_the_parts_of_all_sessions() -> None:
    ran, asked = Row("git", "how", State.RAN, "2.39"), Row("git", "how")
    boards = [{"git": asked}, {"git": ran, "redis": Row("Redis", "how")}, {}]
    assert list(merged(boards)) == ["git", "redis"]
    assert [line.split()[:2] for line in table(merged(boards).values())] == [["git", "ran"], ["Redis", "not"]]
    assert list(table(merged([{"git": asked}, {}]).values())) == []
