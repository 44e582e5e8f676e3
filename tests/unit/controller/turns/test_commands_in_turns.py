"""Comments that are commands, over a real repository and a real ledger: each is done once, at its commit, and answered."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from controller.pulls import commands
from schemas.states import ExecutionState, RunState
from schemas.values import short
from tests.builders.mortal import Died, MortalLedger
from tests.builders.talk import CONFIG, STEP, Talk, trigger, visible


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    return Talk(tmp_path)


# Retest.


def test_retest_begins_again_what_has_failed_and_nothing_else(talk: Talk) -> None:
    talk.fail("train")
    assert talk.states() == {"train": ("failure", 1), "test": ("success", 1)}
    said = visible(talk.say("Flaky again.\n/retest"))
    assert f"At commit {short(talk.head)}" in said
    assert "begins again: round 2" in said
    assert "test" not in said.replace("/retest", "")
    assert talk.states() == {"train": ("running", 2), "test": ("success", 1)}
    assert talk.audit()[-1] == ("bare:17", "retry", "train")


def test_retest_names_one_whatever_it_came_to(talk: Talk) -> None:
    talk.fail("train")
    talk.say("/retest `test`")
    assert talk.states() == {"train": ("failure", 1), "test": ("running", 2)}


def test_retest_of_what_runs_and_of_what_has_not_failed_says_so(talk: Talk) -> None:
    said = visible(talk.say("/retest"))
    assert said.count("is still running, so nothing was begun") == 2
    for row in talk.mind.waiting():
        talk.mind.finish(row)
    said = visible(talk.say("/retest"))
    assert "nothing of it has failed" in said
    assert "/retest test" in said
    assert talk.states() == {"train": ("success", 1), "test": ("success", 1)}
    assert talk.audit() == []


def test_retest_of_no_such_check_and_of_one_that_nothing_asked_for_says_why(talk: Talk) -> None:
    said = visible(talk.say("/retest trian"))
    assert "trian is no check of it. There are: test, train" in said
    said = visible(talk.say("/retest nightly"))
    assert "did not run: not declared for pull requests to main" in said


def test_retest_twice_in_one_comment_and_in_two_begins_once(talk: Talk) -> None:
    talk.fail()
    said = talk.say("/retest train\n/retest   train\n> /retest test")
    assert said.count("/retest") == 1
    assert "is still running" in visible(talk.say("/retest train"))
    assert talk.states() == {"train": ("running", 2), "test": ("failure", 1)}


def test_a_run_of_a_push_that_the_pull_request_adopted_begins_again_for_it(tmp_path: Path) -> None:
    talk = Talk(tmp_path, STEP + trigger("train", "push: {}, pull-request: {}"))
    [run] = [run for run in talk.mind.runs() if run.sha == talk.head]
    assert (run.event, run.pull_request) == ("pull-request", 7)
    talk.fail()
    talk.say("/retest")
    [again] = [run for run in talk.mind.runs() if run.sha == talk.head]
    assert (again.id, again.round, again.pull_request, again.before) == (run.id, 2, 7, talk.base)
    talk.mind.finish(talk.mind.waiting()[0])
    assert talk.mind.notes(talk.head)["luotsi/train"].startswith("success: ")


def test_a_check_that_was_filtered_out_runs_when_it_is_named_only(tmp_path: Path) -> None:
    talk = Talk(tmp_path, STEP + trigger("docs", more=", paths: [docs/]"))
    assert talk.states() == {"docs": ("neutral", 1)}
    assert "nothing of it has failed" in visible(talk.say("/retest"))
    talk.say("/retest docs")
    assert talk.states() == {"docs": ("running", 2)}


def test_what_failed_and_was_not_required_has_failed(tmp_path: Path) -> None:
    talk = Talk(tmp_path, STEP + trigger(more=", required: false"))
    talk.fail()
    assert talk.states() == {"train": ("neutral", 1)}
    talk.say("/retest")
    assert talk.states() == {"train": ("running", 2)}


def test_a_fork_that_nobody_approved_is_not_begun_and_the_line_to_write_is_given(tmp_path: Path) -> None:
    talk = Talk(tmp_path, fork=True)
    for text in ("/retest train", "/approve"):
        assert f"/approve {talk.head}" in visible(talk.say(text))
    assert talk.states() == {"train": ("neutral", 1), "test": ("neutral", 1)}
    assert talk.mind.executions() == []


# Cancel.


def test_cancel_ends_what_runs_and_one_that_is_named(talk: Talk) -> None:
    said = visible(talk.say("/cancel train"))
    assert "train is cancelled" in said
    assert talk.states() == {"train": ("cancelled", 1), "test": ("running", 1)}
    talk.say("/cancel")
    assert talk.states() == {"train": ("cancelled", 1), "test": ("cancelled", 1)}
    assert {row.state for row in talk.mind.executions()} == {ExecutionState.STOPPED}
    assert "nothing of it is running" in visible(talk.say("/cancel"))
    assert "had ended already: cancelled, ada asked for it" in visible(talk.say("/cancel train"))
    assert [row[:2] for row in talk.audit()] == [("bare:17", "cancel")] * 2
    assert talk.mind.notes(talk.head)["luotsi/train"] == "error: cancelled: ada asked for it"


def test_commands_of_one_comment_are_done_in_their_order(talk: Talk) -> None:
    said = visible(talk.say("/cancel train\nand then\n/retest train\n/help"))
    assert (
        said.index("is cancelled") < said.index("begins again: round 2") < said.index("/promote MODEL STAGE")
    )
    assert talk.states() == {"train": ("running", 2), "test": ("running", 1)}


# What commit, who, and how often.


def test_a_head_that_moved_is_left_alone(talk: Talk) -> None:
    talk.fail()
    old = talk.head
    comment = talk.comment("/retest train\n/cancel")
    new = talk.push(CONFIG, a="1")
    said = visible(commands.answer(talk.mind.ports, talk.repository, comment))
    assert f"At commit {short(old)}" in said
    assert f"has moved on to {short(new)} since" in said
    talk.mind.turns()
    assert talk.states() == {"train": ("running", 1), "test": ("running", 1)}
    [run] = [run for run in talk.mind.runs() if (run.sha, run.trigger) == (old, "train")]
    assert run.state is RunState.CANCELLED
    assert run.round == 2


@pytest.mark.parametrize(
    "text", ["/retest", "/cancel", "/approve", "/explain", "/promote churn prod", "/help"]
)
def test_who_may_not_write_is_told_so_and_nothing_is_done(talk: Talk, text: str) -> None:
    before = talk.states()
    said = visible(talk.say(text, may_write=False, author="eve"))
    assert "eve may not write to this repository, so nothing was done" in said
    assert (talk.states(), talk.audit()) == (before, [])


def test_who_may_not_write_is_told_so_once_an_hour_and_pull_request(talk: Talk) -> None:
    eve = {"may_write": False, "author": "eve", "author_id": "66"}
    first = talk.comment("/approve x0", at="2030-01-02T03:04:05+00:00", **eve)
    said = commands.answer(talk.mind.ports, talk.repository, first)
    assert "nothing was done for /approve x0 of 2030-01-02 03:04 UTC" in visible(said)
    assert [talk.say(f"/approve x{number}", **eve) for number in range(1, 5)] == [""] * 4
    assert commands.answer(talk.mind.ports, talk.repository, first) == said, "a crash before it was kept"
    assert talk.say("/retest", may_write=False, author="mallory", author_id="67") != ""
    assert talk.say("/retest", number=8, **eve) != ""
    assert "begins" in talk.say("/cancel\n/retest train")
    talk.mind.now += timedelta(minutes=61)
    assert talk.say("/approve x6", **eve) != ""
    assert talk.say("/approve x7", **eve) == ""


def test_an_answer_says_whose_comment_it_answers(talk: Talk) -> None:
    said = visible(talk.say("/help", at="2030-01-02T03:04:05+00:00"))
    assert said.startswith(f"At commit {short(talk.head)}, as ada of 2030-01-02 03:04 UTC asked for:")


@pytest.mark.parametrize("text", ["", "Thanks!", "/train", "> /retest", "/retset", "```\n/cancel\n```"])
def test_what_is_no_command_of_ours_is_not_answered(talk: Talk, text: str) -> None:
    before = talk.states()
    assert talk.say(text) == ""
    assert talk.say(text, may_write=False) == ""
    assert talk.states() == before


def test_the_same_comment_told_again_changes_nothing_and_gets_the_same_answer(talk: Talk) -> None:
    talk.fail()
    comment = talk.comment("/retest train\n/explain")
    first = commands.answer(talk.mind.ports, talk.repository, comment)
    talk.mind.turns()
    talk.fail()
    assert commands.answer(talk.mind.ports, talk.repository, comment) == first
    talk.mind.turns()
    assert talk.states()["train"] == ("failure", 2)


@pytest.mark.parametrize("dies_at", range(7))
def test_wherever_a_controller_dies_each_command_is_done_once(talk: Talk, dies_at: int) -> None:
    talk.fail()
    comment = talk.comment("/retest train\n/retest test\n/cancel test")
    ports = talk.mind.ports
    dying = replace(ports, ledger=MortalLedger(ports.ledger, dies_at))
    with pytest.raises(Died) if dies_at < 6 else nullcontext():
        commands.answer(dying, talk.repository, comment)
    talk.mind.turns()
    said = visible(commands.answer(ports, talk.repository, comment))
    talk.mind.turns()
    assert said.count("begins again: round 2") == 2
    assert talk.states() == {"train": ("running", 2), "test": ("cancelled", 2)}
    assert [row[1:] for row in talk.audit()] == [("retry", "train"), ("retry", "test"), ("cancel", "test")]


def test_only_so_many_commands_of_a_comment_are_heard(talk: Talk) -> None:
    said = talk.say("\n".join(f"/retest x{number}" for number in range(commands.MOST + 5)))
    assert said.count("`/retest x") == commands.MOST
    assert "Only the first 20 commands" in said


# Explain.


def test_explain_says_of_every_trigger_why_it_ran_waits_or_did_not(tmp_path: Path) -> None:
    more = trigger("docs", more=", paths: [docs/]") + trigger("release", "tag: {}")
    talk = Talk(tmp_path, CONFIG + more)
    talk.mind.finish(talk.mind.waiting()[0], "error")
    said = visible(talk.say("/explain"))
    assert "asked for by pull request 7: failure, #1 fit failed" in said
    assert "asked for by pull request 7: running, #2 fit waits for an agent" in said
    assert "neutral, not affected: nothing under docs/ changed" in said
    assert "nightly did not run: not declared for pull requests to main" in said
    assert "release did not run: not declared for pull requests to main" in said


def test_explain_where_nothing_can_be_read_says_what_the_verdict_says(tmp_path: Path) -> None:
    talk = Talk(tmp_path, "- step: {}\n")
    assert "config failure: " in visible(talk.say("/explain"))


def test_what_explain_names_can_be_copied(tmp_path: Path) -> None:
    """Numbers of executions and places in the file have nothing invisible in them."""
    talk = Talk(tmp_path)
    talk.fail("train")
    assert "`#1` fit failed" in talk.say("/explain")
    talk = Talk(tmp_path / "other", STEP + "- step: { name: x, imge: y }\n")
    assert "`valohai.yaml:2" in talk.say("/explain")
