"""A fork's run begins again by the approval that stands, and by no other."""

from pathlib import Path

import pytest

from controller.pulls import commands
from ledger import repositories
from schemas.states import RunState
from tests.builders.fork_mind import STEP, TRAIN, ForkMind


@pytest.fixture
def mind(tmp_path: Path) -> ForkMind:
    """Main with a trigger for pull requests."""
    made = ForkMind(tmp_path)
    made.push(STEP + TRAIN)
    for row in made.waiting():
        made.finish(row)
    return made


def say(mind: ForkMind, text: str, head: str) -> str:
    with mind.ports.ledger.read() as connection:
        repository = repositories.by_id(connection, mind.repository_id())
    said = commands.answer(mind.ports, repository, mind.comment(text, head))
    mind.turns()
    return said


def failed(mind: ForkMind) -> str:
    """An approved head of a fork whose run has failed."""
    head = mind.fork({"a": "1"})
    say(mind, f"/approve {head}", head)
    mind.finish(mind.waiting()[0], "error")
    assert (mind.run().sha, mind.run().trust, mind.run().state) == (head, "untrusted", RunState.FAILURE)
    return head


def test_it_begins_again_by_the_approval_that_stands(mind: ForkMind) -> None:
    head = failed(mind)
    approval = mind.run().approval_id
    assert "begins again: round 2" in say(mind, "/retest", head)
    assert (mind.run().round, mind.run().approval_id, approval is None) == (2, approval, False)
    [row] = mind.waiting()
    assert row.spec["environment_name"] == "forks"
    mind.finish(row)
    assert mind.run().state is RunState.SUCCESS


@pytest.mark.parametrize("change", ["environment", "head"])
def test_it_does_not_begin_again_when_the_approval_has_ended(mind: ForkMind, change: str) -> None:
    head = failed(mind)
    if change == "environment":
        mind.policy(environment="local")
    else:
        mind.fork({"a": "2"})
    said = say(mind, "/retest", head)
    assert "no approval lets it run" in said
    assert f"/approve {head}" in said
    [run] = [run for run in mind.runs() if (run.sha, run.trust) == (head, "untrusted")]
    assert (run.state, run.round) == (RunState.FAILURE, 1)
    assert mind.waiting() == []


def test_a_comment_at_an_approved_commit_does_not_move_its_rights_to_the_next(mind: ForkMind) -> None:
    head = failed(mind)
    new = mind.fork({"a": "2"})
    assert "waits for approval" in say(mind, "/retest train", new)
    assert mind.waiting() == []
    assert head != new
