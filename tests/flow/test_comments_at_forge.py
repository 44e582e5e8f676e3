"""Commands and buttons at a forge: what people write and press below a pull request, and what they then read there."""

from typing import cast

import pytest

from controller.forge import telling
from schemas.states import RunState
from schemas.values import short
from tests.builders.check_mind import CheckMind
from tests.builders.github_site import Identity
from tests.builders.pull_mind import PullMind
from tests.standins.github.model import Pull

CONFIG = """
- step: { name: train, image: "python:3.12", command: python train.py }
- trigger:
    name: train
    when: { push: { branches: [main] }, pull-request: { targets: [main] } }
    run: { step: train }
"""
BENCH = """
- trigger: { name: bench, when: { comment: /bench }, run: { step: train } }
"""


@pytest.fixture(params=["app", "token"])
def identity(request: pytest.FixtureRequest) -> Identity:
    made: Identity = request.param
    return made


@pytest.fixture
def pull(mind: PullMind) -> Pull:
    """A pull request whose check has failed."""
    mind.land(CONFIG)
    for row in mind.waiting():
        mind.finish(row)
    made = mind.pull("faster", {"train.py": "print(1)\n"})
    mind.finish(mind.waiting()[0], "error")
    assert mind.shown(made.head_sha)["luotsi/train"] == "failure"
    return made


def write(mind: PullMind, pull: Pull, text: str, who: str = "bob") -> list[str]:
    """Somebody comments; what is answered."""
    before = len(talk(mind, pull))
    getattr(mind.site.there, who).comment(pull, text)
    mind.turns()
    return talk(mind, pull)[before + 1 :]


def talk(mind: PullMind, pull: Pull) -> list[str]:
    """What was said below a pull request, without the comment that stands for checks where there are none."""
    return [one for one in mind.site.comments(pull.number) if not one.startswith("### Luotsi at ")]


def test_what_failed_begins_again_and_the_check_says_so(mind: PullMind, pull: Pull) -> None:
    [said] = write(mind, pull, "Flaky.\r\n\r\n/retest")
    assert f"At commit {short(pull.head_sha)}" in said
    assert "begins again: round 2" in said
    assert mind.shown(pull.head_sha)["luotsi/train"] in ("in_progress", "queued", "pending")
    mind.finish(mind.waiting()[0])
    assert mind.shown(pull.head_sha)["luotsi/train"] == "success"


def test_who_may_only_read_is_told_so(mind: PullMind, pull: Pull) -> None:
    [said] = write(mind, pull, "/retest", "eve")
    assert "may not write to this repository, so nothing was done" in said
    assert mind.waiting() == []


@pytest.mark.parametrize("text", ["> /retest", "Thanks, I will /retest it", "```\n/retest\n```"])
def test_what_is_quoted_or_mentioned_is_no_command(mind: PullMind, pull: Pull, text: str) -> None:
    assert write(mind, pull, text) == []
    assert mind.run("train").round == 1


def test_a_command_that_a_trigger_names_is_answered_with_its_run_or_why_there_is_none(mind: PullMind) -> None:
    mind.land(CONFIG + BENCH)
    pull = mind.pull("faster", {"train.py": "print(1)\n"})
    [said] = write(mind, pull, "/bench")
    run = mind.run("bench")
    assert f"At commit {short(pull.head_sha)}, as bob" in said
    assert f"/run/{run.id}) begins" in said
    [both] = write(mind, pull, "/help\n\n/bench")
    assert "/promote MODEL STAGE" in both
    assert ") begins" in both
    [refused] = write(mind, pull, "/bench", "eve")
    assert "may not write to this repository, so nothing was done for `/bench`" in refused
    assert write(mind, pull, "/ship-it") == [], "somebody else's"
    fork = mind.fork_pull("fix", {"fix.py": "print(2)\n"})
    [held] = write(mind, fork, "/bench")
    assert "did not run: untrusted: not run before somebody approves the commit" in held


def test_a_comment_that_is_edited_into_a_command_is_none(mind: PullMind, pull: Pull) -> None:
    comment = mind.site.there.bob.comment(pull, "Hello")
    mind.turns()
    mind.site.edit(str(comment.id), "/retest")
    mind.turns()
    assert len(talk(mind, pull)) == 1
    assert mind.run("train").round == 1


def test_our_own_answer_is_no_command(mind: PullMind, pull: Pull) -> None:
    [said] = write(mind, pull, "/help")
    assert "/promote MODEL STAGE" in said
    mind.turns()
    assert len(talk(mind, pull)) == 2


@pytest.mark.parametrize("identity", ["app"])
def test_the_buttons_of_a_check_begin_and_end_its_run(mind: PullMind, pull: Pull) -> None:
    """A token's statuses have none."""
    mind.site.rerequest(pull.head_sha, "luotsi/train")
    mind.turns()
    assert (mind.run("train").round, mind.run("train").state) == (2, RunState.RUNNING)
    mind.site.rerequest(pull.head_sha, "luotsi/train", "cancel")
    mind.turns()
    assert mind.run("train").state is RunState.CANCELLED
    assert mind.shown(pull.head_sha)["luotsi/train"] == "cancelled"


@pytest.mark.parametrize("identity", ["app"])
def test_many_comments_are_answered_at_a_pace_and_refusals_once(mind: PullMind, pull: Pull) -> None:
    """The forge counts all that is made, and checks need most of it. A token's kept comment would be one of them."""
    for number in range(14):
        mind.site.there.eve.comment(pull, f"/approve x{number}")
        mind.site.there.bob.comment(pull, f"/retest y{number}")

    def answers() -> list[str]:
        return [one for one in talk(mind, pull) if "\n\n<!-- luotsi " in one]

    mind.turns()
    most, period = telling.COMMENTS[0]
    assert len(answers()) == most
    mind.later(period.total_seconds())
    assert len(answers()) == 15
    assert sum("may not write" in one for one in answers()) == 1


def test_strangers_hold_up_nobody_who_may_write(mind: PullMind, pull: Pull) -> None:
    """Nor the comment that stands for checks: refusals go last, a few at a time, and not at all when they are late."""
    for number in range(40):
        stranger = mind.site.there.github.person(f"stranger{number}")
        mind.site.repo.collaborators[stranger.id] = "read"
        stranger.comment(pull, "/retest")
    mind.turns()

    def refused() -> int:
        return sum("may not write" in one for one in talk(mind, pull))

    most, period = telling.REFUSALS[0]
    assert refused() == most
    mind.later(period.total_seconds() / 2)
    [said] = write(mind, pull, "/help", "bob")[-1:]
    assert "/promote MODEL STAGE" in said
    mind.later(period.total_seconds())
    assert refused() == 2 * most
    mind.later(telling.STALE.total_seconds())
    mind.later(period.total_seconds())
    assert refused() == 2 * most, "nobody reads them any more"


@pytest.mark.parametrize("identity", ["app"])
def test_a_button_of_a_check_that_waits_for_approval_is_answered_once(mind: PullMind, pull: Pull) -> None:
    fork = mind.fork_pull("fix", {"fix.py": "print(2)\n"})
    for _ in range(3):
        mind.site.rerequest(fork.head_sha, "luotsi/train")
        mind.turns()
    [said] = talk(mind, fork)
    assert f"/approve {fork.head_sha}" in said
    assert mind.waiting() == []
    assert mind.shown(fork.head_sha)["luotsi/train"] == "action_required"


@pytest.mark.parametrize("identity", ["token"])
def test_the_one_line_of_a_failed_status_begins_with_the_error(mind: PullMind, pull: Pull) -> None:
    write(mind, pull, "/retest")
    [execution] = mind.waiting()
    CheckMind.printed(cast(CheckMind, mind), execution, ["epoch 1", "ValueError: no rows"], minutes=0)
    (newest, *_) = [one for one in reversed(mind.site.repo.statuses) if one.context == "luotsi/train"]
    assert newest.state == "failure"
    assert (newest.description or "").startswith("ValueError: no rows; #")
