"""What the ledger keeps of answers to comments, and of runs that begin again, the same on SQLite and on PostgreSQL."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from ledger import inbox, replies, repositories, rounds, runs
from ledger.database import Ledger
from ledger.runs import NewRun
from schemas.states import RunState

NOW = datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
A, B = "a" * 40, "b" * 40


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    with ledger.write() as connection:
        for name in ("wine", "tea"):
            repositories.ensure(connection, name, f"/{name}.git", "main", NOW, ("", "eu"))
    return ledger


def of(connection: Connection, name: str = "wine") -> str:
    found = repositories.by_name(connection, name)
    assert found is not None
    return found.id


def texts(connection: Connection, now: datetime = NOW) -> list[str]:
    return [row.text for row in replies.undelivered(connection, now)]


def test_one_comment_has_one_answer(ledger: Ledger) -> None:
    with ledger.write() as connection:
        wine, tea = of(connection), of(connection, "tea")
        assert replies.say(connection, wine, 7, "k" * 300, "first", NOW)
        assert not replies.say(connection, wine, 7, "k" * 300, "second", LATER)
        assert replies.say(connection, tea, 7, "k" * 300, "another repository's", NOW)
        assert texts(connection) == ["first", "another repository's"]


def test_an_answer_is_delivered_once_and_tried_again_not_too_soon(ledger: Ledger) -> None:
    with ledger.write() as connection:
        for key in ("1", "2"):
            replies.say(connection, of(connection), 7, key, f"to {key}", NOW)
        [first, second] = replies.undelivered(connection, NOW)
        replies.troubled(connection, [first.id], "the forge is down", LATER)
        assert texts(connection) == ["to 2"]
        assert texts(connection, LATER) == ["to 1", "to 2"]
        replies.delivered(connection, second.id, "forge-2", LATER)
        replies.delivered(connection, second.id, "never", LATER)
        assert texts(connection, LATER) == ["to 1"]
        [row] = replies.undelivered(connection, LATER)
        assert row.trouble == "the forge is down"
        replies.delivered(connection, row.id, "forge-1", LATER)
        assert texts(connection, LATER) == []


def test_a_part_of_an_answer_is_begun_once_and_keeps_what_it_came_to(ledger: Ledger) -> None:
    with ledger.write() as connection:
        wine, tea = of(connection), of(connection, "tea")
        assert replies.begin_part(connection, wine, "0 c1", NOW) == (NOW, None)
        assert replies.begin_part(connection, wine, "0 c1", LATER) == (NOW, None)
        replies.end_part(connection, wine, "0 c1", "train begins again")
        assert replies.begin_part(connection, wine, "0 c1", LATER) == (NOW, "train begins again")
        assert replies.begin_part(connection, tea, "0 c1", LATER) == (LATER, None)
        assert inbox.unhandled(connection) == []


def test_a_refusal_is_answered_once_in_a_while_and_to_the_same_comment_again(ledger: Ledger) -> None:
    with ledger.write() as connection:
        wine = of(connection)

        def refuse(comment: str, now: datetime, key: str = "eve") -> bool:
            return replies.refuse(connection, wine, key, comment, now)

        soon = NOW + replies.QUIET - timedelta(seconds=1)
        assert [refuse("1", NOW), refuse("2", soon), refuse("1", soon)] == [True, False, True]
        assert refuse("2", soon, "mallory")
        late = NOW + replies.QUIET
        assert [refuse("3", late), refuse("4", late), refuse("3", late)] == [True, False, True]
        assert inbox.unhandled(connection) == []


def test_where_enough_comments_were_made_the_next_waits_for_the_first_of_them(ledger: Ledger) -> None:
    with ledger.write() as connection:
        wine, tea = of(connection), of(connection, "tea")
        minute = timedelta(minutes=1)
        for number, source in enumerate((wine, tea, wine)):
            replies.say(connection, source, 7, str(number), "An answer", NOW)
        for number, row in enumerate(replies.undelivered(connection, NOW)):
            replies.delivered(connection, row.id, f"forge-{number}", NOW + timedelta(seconds=number))
        now = NOW + timedelta(seconds=10)
        replies.say(connection, wine, 7, "never", "For nobody", now, told=True)

        def full(limit: int, among: list[str], at: datetime = now) -> datetime | None:
            return replies.full_until(connection, among, limit, minute, at)

        assert full(3, [wine, tea]) == NOW + minute
        assert full(4, [wine, tea]) is None
        assert full(2, [wine]) == NOW + minute
        assert full(2, [tea]) is None
        assert full(3, [wine, tea], NOW + minute) is None


def test_refusals_go_last_and_are_counted_alone_too_and_one_that_is_dropped_is_not(ledger: Ledger) -> None:
    with ledger.write() as connection:
        wine, minute = of(connection), timedelta(minutes=1)
        for key in (f"{replies.REFUSED}1", f"{replies.REFUSED}2", "3"):
            replies.say(connection, wine, 7, key, key, NOW)
        rows = replies.undelivered(connection, NOW)
        assert [row.key[-1] for row in rows] == ["3", "1", "2"]
        assert [replies.is_refusal(row) for row in rows] == [False, True, True]
        for row in rows[:2]:
            replies.delivered(connection, row.id, f"forge-{row.id}", NOW)
        replies.drop(connection, rows[2].id, NOW)
        assert texts(connection) == []

        def full(limit: int, refusals: bool) -> datetime | None:
            return replies.full_until(connection, [wine], limit, minute, LATER, refusals=refusals)

        assert [full(1, True), full(2, True)] == [NOW + minute, None]
        assert [full(2, False), full(3, False)] == [NOW + minute, None]


def test_repositories_take_turns_from_the_one_that_was_answered_longest_ago(ledger: Ledger) -> None:
    """When room is made one answer at a time, the oldest first would be all of the one that asks most."""
    with ledger.write() as connection:
        for name, keys in (("wine", "123"), ("tea", "45")):
            for key in keys:
                replies.say(connection, of(connection, name), 7, key, key, NOW)
        assert texts(connection) == ["1", "4", "2", "5", "3"]
        answered = []
        for number in range(5):
            now = NOW + timedelta(seconds=number)
            (row, *_) = replies.undelivered(connection, now)
            replies.delivered(connection, row.id, f"forge-{row.id}", now)
            answered.append(row.text)
        assert answered == ["1", "4", "2", "5", "3"]


def run(connection: Connection, state: RunState, sha: str = A, project: int = 0, name: str = "wine") -> str:
    repository = of(connection, name)
    projects = repositories.projects_of(connection, repository)
    rule = {"target": {"kind": "step", "name": "fit"}}
    made = runs.create(
        connection,
        NewRun(repository, projects[project].id, "train", sha, "refs/heads/main", B, rule, state=state),
        NOW,
    )
    assert made is not None
    return made


def test_the_next_round_is_opened_once_and_for_ended_runs_only(ledger: Ledger) -> None:
    with ledger.write() as connection:
        known = runs.by_id(connection, run(connection, RunState.WAITING))
        assert rounds.open_next(connection, known, "again", LATER) is None
        runs.set_state(connection, known, RunState.FAILURE, "it failed", NOW, {"passed": False})
        ended = runs.by_id(connection, known.id)
        opened = rounds.open_next(connection, ended, "again", LATER, "group")
        assert opened is not None
        assert (opened.id, opened.round, opened.state) == (known.id, 2, RunState.WAITING)
        assert (opened.reason, opened.created_at, opened.concurrency_group) == ("again", LATER, "group")
        assert (opened.before, opened.ref, opened.rule) == (known.before, known.ref, known.rule)
        assert [row.id for row in runs.open_runs(connection)] == [known.id]
        # Whoever looked at the round before comes too late, also when the new one has ended.
        assert rounds.open_next(connection, ended, "again", LATER) is None
        runs.set_state(connection, opened, RunState.SUCCESS, "complete", LATER)
        assert rounds.open_next(connection, ended, "again", LATER) is None


def test_the_runs_of_a_commit_are_those_of_all_folders_of_one_repository(ledger: Ledger) -> None:
    with ledger.write() as connection:
        mine = {run(connection, RunState.SUCCESS), run(connection, RunState.WAITING, project=1)}
        run(connection, RunState.SUCCESS, sha=B)
        run(connection, RunState.SUCCESS, name="tea")
        assert {row.id for row in rounds.of_commit(connection, of(connection), A)} == mine
