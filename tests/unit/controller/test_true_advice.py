"""What a check advises works when somebody does it: commands are for the head, and need their trigger and an approval."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from controller.checks.text import check_of
from controller.pulls import commands
from forges.port import Check
from ledger import inbox, outbox, repositories
from ledger.repositories import RepositoryRow
from ledger.tables import inbox as table
from schemas.states import RunState
from tests.builders.fork_mind import STEP, TRAIN, ForkMind
from tests.builders.mind import Mind
from tests.builders.talk import CONFIG, Talk, visible

WHY = "the cluster moves"


def check(mind: Mind, sha: str) -> Check:
    """The check of the trigger `train` as a forge would show it now."""
    with mind.ports.ledger.read() as connection:
        rows = outbox.of_commit(connection, mind.repository_id(), sha)
        (row,) = [one for one in rows if one.context == "luotsi/train"]
        return check_of(mind.ports, connection, row)


@pytest.fixture
def mind(tmp_path: Path) -> ForkMind:
    """Main with a trigger for pull requests."""
    made = ForkMind(tmp_path)
    made.push(STEP + TRAIN)
    made.finish(made.waiting()[0])
    return made


def repository(mind: Mind) -> RepositoryRow:
    with mind.ports.ledger.read() as connection:
        return repositories.by_id(connection, mind.repository_id())


def say(mind: ForkMind, text: str, head: str) -> str:
    said = commands.answer(mind.ports, repository(mind), mind.comment(text, head))
    mind.turns()
    return visible(said)


def test_commands_are_named_for_the_head_only(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    talk.fail()
    old = talk.head
    assert "/retest train" in check(talk.mind, old).text
    talk.push(CONFIG, a="1")
    assert "/retest" not in check(talk.mind, old).text, "it would be done for the new head"
    assert "/cancel train" in check(talk.mind, talk.head).text


def test_a_run_whose_approval_is_void_names_the_line_that_lets_it_begin_again(mind: ForkMind) -> None:
    sha = mind.fork({"a": "1"})
    mind.approve(sha)
    assert "/approve" not in check(mind, sha).summary
    mind.policy(cap=5.0)
    mind.turns()
    assert mind.run().state is RunState.CANCELLED
    shown = check(mind, sha)
    assert "It begins again with another approval.\n\nWho may write" in shown.summary
    assert f"```\n/approve {sha}\n```" in shown.summary
    assert "/retest" not in shown.summary + shown.text
    say(mind, f"/approve {sha.upper()}", sha)
    assert (mind.run().state, mind.run().round) == (RunState.RUNNING, 2)


def test_a_run_whose_hours_are_used_up_names_it_too(mind: ForkMind) -> None:
    sha = mind.fork({"a": "1"})
    mind.approve(sha)
    mind.claim(mind.waiting()[0])
    mind.now += timedelta(hours=5)
    mind.turns()
    assert "used up" in check(mind, sha).title
    assert f"/approve {sha}" in check(mind, sha).summary


def test_a_failure_whose_approval_is_over_needs_both_lines(mind: ForkMind) -> None:
    sha = mind.fork({"a": "1"})
    mind.approve(sha)
    mind.finish(mind.waiting()[0], "error")
    assert "/retest train" in check(mind, sha).text
    mind.policy(cap=5.0)
    mind.turns()
    shown = check(mind, sha)
    assert "/retest" not in shown.text
    assert shown.summary.index(f"/approve {sha}") < shown.summary.index("`/retest train` lets it begin again")
    say(mind, f"/approve {sha}\n/retest train", sha)
    assert (mind.run().state, mind.run().round) == (RunState.RUNNING, 2)


def test_a_trigger_that_is_gone_is_not_advised_to_run(mind: ForkMind) -> None:
    sha = mind.fork({"valohai.yaml": STEP})
    shown = check(mind, sha)
    assert shown.state == "failure"
    assert "/retest" not in shown.text + shown.summary
    assert "/approve" not in shown.text + shown.summary


def test_an_id_in_capitals_is_one_and_a_half_one_is_none(mind: ForkMind) -> None:
    sha = mind.fork({"a": "1"})
    assert "write the whole commit id, 40 characters" in say(mind, f"/approve {sha[:39].upper()}", sha)
    assert f"approved {sha[:7]}" in say(mind, f"/approve {sha.upper()}", sha)


@pytest.mark.parametrize("name", ["luotsi/train", "`luotsi/train`", "train"])
def test_a_check_is_called_as_the_forge_shows_it_or_without_our_prefix(tmp_path: Path, name: str) -> None:
    talk = Talk(tmp_path)
    talk.fail()
    assert "begins again: round 2" in visible(talk.say(f"/retest {name}"))
    assert "is cancelled" in visible(talk.say(f"/cancel {name}"))
    assert "nightly did not run" in visible(talk.say("/retest luotsi/nightly"))


def test_in_maintenance_every_answer_says_what_is_waited_for(mind: ForkMind) -> None:
    sha = mind.fork({"a": "1"})
    mind.approve(sha)
    mind.settings(maintenance=WHY)
    mind.turns()
    rests = f"nothing new starts at present: {WHY}"
    assert f"waits already, so nothing was begun: {rests}" in say(mind, "/retest train", sha)
    said = say(mind, "/explain", sha)
    assert said.count("train") == 1
    assert f"waits: {rests}" in said
    assert check(mind, sha).title == f"waits: {rests}"
    say(mind, "/cancel", sha)
    assert f"begins again: round 2; it waits: {rests}" in say(mind, "/retest train", sha)
    mind.settings(maintenance="")
    mind.turns()
    assert "is still running, so nothing was begun" in say(mind, "/retest train", sha)


def test_a_retry_of_the_controllers_host_says_that_it_waits(mind: ForkMind) -> None:
    mind.settings(maintenance=WHY)
    [run] = mind.runs()
    with mind.ports.ledger.write() as connection:
        body = json.dumps({"run": run.id, "who": "ada"}).encode()
        inbox.receive(connection, "retry", "", "1", body, mind.now)
    mind.turns()
    with mind.ports.ledger.read() as connection:
        said = connection.scalars(select(table.c.outcome).where(table.c.kind == "retry")).one()
    assert said.endswith(f"begins again: round 2; it waits: nothing new starts at present: {WHY}")


def test_what_runs_goes_on_in_maintenance_and_is_said_to_run(mind: ForkMind) -> None:
    sha = mind.fork({"a": "1"})
    mind.approve(sha)
    mind.claim(mind.waiting()[0])
    mind.settings(maintenance=WHY)
    mind.turns()
    assert "is still running, so nothing was begun" in say(mind, "/retest train", sha)
    assert f"what of it has not begun waits: nothing new starts at present: {WHY}" in say(
        mind, "/explain", sha
    )
