"""Pull requests at a forge: what people push, open, write and press there, and what the forge then shows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from forges.port import Delivery
from ledger import events, inbox, verdicts
from schemas import codec
from tests.builders.github_site import Identity
from tests.builders.pull_mind import PullMind, pull_mind
from tests.parts.github_description import GitHubDescription
from tests.standins.github.model import Pull

CONFIG = """
- step: { name: train, image: "python:3.12", command: python train.py }
- trigger:
    name: train
    when: { push: { branches: [main] }, pull-request: { targets: [main] } }
    run: { step: train }
"""


@pytest.fixture(params=["app", "token"])
def identity(request: pytest.FixtureRequest) -> Identity:
    made: Identity = request.param
    return made


def test_a_pull_request_of_a_branch_runs_and_shows_its_checks(mind: PullMind) -> None:
    mind.land(CONFIG)
    pull = mind.pull("faster", {"train.py": "print(1)\n"})
    assert mind.shown(pull.head_sha)["luotsi/config"] == "success"
    (execution,) = [row for row in mind.waiting() if row.spec["commit"] == pull.head_sha]
    mind.finish(execution)
    assert mind.shown(pull.head_sha) == {"luotsi/config": "success", "luotsi/train": "success"}


def test_a_fork_runs_nothing_and_is_not_shown_as_passed(mind: PullMind) -> None:
    """A required check that waits for a person must not let the pull request be merged."""
    mind.land(CONFIG)
    before = len(mind.executions())
    pull = mind.fork_pull("fix", {"train.py": "print(2)\n"})
    assert len(mind.executions()) == before
    shown = mind.shown(pull.head_sha)
    assert shown["luotsi/config"] == "success"
    assert shown["luotsi/train"] == ("action_required" if mind.site.identity == "app" else "pending")


def test_the_branches_of_a_merge_queue_are_pull_requests_and_no_pushes(mind: PullMind) -> None:
    every = CONFIG.replace("branches: [main]", 'branches: ["**"]')
    mind.land(every)
    pull = mind.pull("faster", {"train.py": "print(1)\n"})
    mind.site.require("luotsi/train")
    sha = mind.site.queue(pull.number)
    assert not mind.site.queue_merges()
    mind.turns()
    run = next(run for run in mind.runs() if run.sha == sha)
    assert (run.event, run.trust, run.pull_request) == ("pull-request", "trusted", pull.number)
    assert len([one for one in mind.runs() if one.sha == sha]) == 1
    for execution in mind.waiting():
        mind.finish(execution)
    assert mind.shown(sha)["luotsi/train"] == "success"
    assert mind.site.queue_merges()


def test_the_same_head_again_is_the_newest_again(mind: PullMind) -> None:
    """A forced push to what stood there before is no new event, and yet what counts now."""
    mind.land(CONFIG)
    pull = mind.pull("faster", {"train.py": "print(1)\n"})
    first = pull.head_sha
    mind.site.push("faster", "print(2)\n")
    mind.turns()
    mind.site.there.bob.push_ref(mind.site.repo, "refs/heads/faster", first)
    mind.turns()
    with mind.ports.ledger.read() as connection:
        told = events.newest_pull_request(connection, mind.repository_id(), pull.number)
    assert told is not None
    assert told["head"] == first


def test_a_renamed_repository_is_the_same_one(mind: PullMind) -> None:
    mind.land(CONFIG)
    mind.site.rename("models-two")
    sha = mind.site.push("main", "print(3)\n")
    mind.turns()
    assert mind.repository().slug == "acme/models-two"
    assert mind.shown(sha)["luotsi/config"] == "success"


def test_a_push_that_was_overwritten_before_anybody_looked_has_its_verdict(mind: PullMind) -> None:
    main = mind.land(CONFIG)
    lost = mind.site.push("main", "print(4)\n")
    mind.site.push("main", "print(5)\n", onto=main)
    mind.turns()
    mind.later(660)
    with mind.ports.ledger.read() as connection:
        assert verdicts.is_judged(connection, mind.repository_id(), lost)


def test_where_there_are_no_checks_one_comment_says_the_same(
    github_description: GitHubDescription, tmp_path: Path
) -> None:
    gated = CONFIG.replace("run: { step: train }", 'run: { step: train }\n    expect: ["accuracy >= base"]')
    with pull_mind(tmp_path, str(github_description.address), "token") as mind:
        mind.land(gated)
        mind.finish(mind.waiting()[0], metadata={"accuracy": 0.9})
        pull = mind.pull("faster", {"train.py": "print(1)\n"})
        assert mind.site.comments(pull.number) == []
        mind.finish(mind.waiting()[0], metadata={"accuracy": 0.8})
        (said,) = mind.site.comments(pull.number)
        assert "✗" in said
        assert "at least 0.9" in said
        mind.site.push("faster", "print(2)\n")
        mind.turns()
        mind.finish(mind.waiting()[0], metadata={"accuracy": 0.95})
        (now,) = mind.site.comments(pull.number)
        assert "✗" not in now
        assert "accuracy 0.95 (+0.05 against main" in now
        calls = mind.site.calls
        mind.turns()
        assert mind.site.calls == calls


def test_what_waits_a_day_for_approval_is_said_once(mind: PullMind) -> None:
    def reminders(pull: Pull) -> list[str]:
        return [one for one in mind.site.comments(pull.number) if "waits for approval since" in one]

    mind.land(CONFIG)
    first = mind.fork_pull("fix", {"fix.py": "print(2)\n"})
    second = mind.pull("ours", {"train.py": "print(3)\n"})
    mind.later(23 * 3600)
    assert reminders(first) == []
    mind.later(2 * 3600)
    (said,) = reminders(first)
    assert f"/approve {first.head_sha}" in said
    mind.later(48 * 3600)
    assert len(reminders(first)) == 1
    mind.site.push_to_fork(first.number, "print(4)\n")
    mind.turns()
    mind.site.close(first.number)
    mind.later(25 * 3600)
    assert len(reminders(first)) == 1
    assert reminders(second) == []


def test_a_held_commit_that_is_no_head_any_more_waits_for_nothing(mind: PullMind) -> None:
    """Its line to approve would be refused. It has not passed either: another pull request may come with it."""
    mind.land(CONFIG)
    pull = mind.fork_pull("fix", {"fix.py": "print(2)\n"})
    old, app = pull.head_sha, mind.site.identity == "app"
    assert mind.shown(old)["luotsi/train"] == ("action_required" if app else "pending")
    mind.site.push_to_fork(pull.number, "print(4)\n")
    mind.turns()
    mind.later(60)
    words = "only the head of a pull request can be approved"
    if app:
        assert mind.shown(old)["luotsi/train"] == "cancelled"
        (check,) = [one for one in mind.site.repo.runs().values() if "superseded" in one.output["title"]]
        assert words in check.output["title"]
        assert "/approve" not in check.output["summary"]
    else:
        told = [one for one in mind.site.repo.statuses if (one.sha, one.context) == (old, "luotsi/train")]
        assert [(one.state, words in str(one.description)) for one in told] == [
            ("pending", False),
            ("pending", True),
        ]
    calls = mind.site.calls
    mind.turns()
    assert mind.site.calls == calls


@pytest.fixture
def unhooked(github_description: GitHubDescription, tmp_path: Path) -> Iterator[PullMind]:
    with pull_mind(tmp_path, str(github_description.address), hooked=False) as made:
        yield made


def test_without_a_hook_the_forge_is_asked(unhooked: PullMind) -> None:
    mind = unhooked
    mind.land(CONFIG)
    pull = mind.pull("faster", {"train.py": "print(1)\n"})
    mind.later(60)
    assert "luotsi/train" in mind.shown(pull.head_sha)
    fork = mind.fork_pull("fix", {"train.py": "print(2)\n"})
    mind.later(60)
    assert mind.shown(fork.head_sha)["luotsi/train"] == "action_required"
    assert mind.deliver() == 0


def test_a_forge_that_is_down_is_unknown_and_loses_nothing(unhooked: PullMind) -> None:
    mind = unhooked
    mind.land(CONFIG)
    mind.site.github.faults.down(calls=1_000)
    sha = mind.site.push("main", "print(6)\n")
    mind.later(60)
    assert mind.shown(sha) == {}
    assert mind.repository().deaf
    for execution in mind.waiting():
        mind.finish(execution)
    mind.site.weather_clears()
    mind.later(600)
    assert mind.shown(sha) == {"luotsi/config": "success", "luotsi/train": "success"}
    assert mind.repository().deaf is None


TWO = CONFIG.replace("name: train\n    when", "name: gate\n    when", 1)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (TWO, "takes the trigger out of valohai.yaml, which main has"),
        (None, "has no valohai.yaml"),
        ("- step: [\n", "has problems at this commit"),
    ],
)
def test_a_trigger_that_a_pull_request_takes_away_fails_its_check(
    mind: PullMind, file: str | None, words: str
) -> None:
    """A required check is neither waited for without end, nor passed by the change that takes its gate away."""
    mind.land(CONFIG)
    for pull in (
        mind.pull("ours", {"valohai.yaml": file}),
        mind.fork_pull("theirs", {"valohai.yaml": file}),
    ):
        assert mind.shown(pull.head_sha)["luotsi/train"] == "failure"
        run = next(run for run in mind.runs() if (run.sha, run.trigger) == (pull.head_sha, "train"))
        assert words in run.reason
    assert "luotsi/gate" in mind.shown(pull.head_sha) or file != TWO


def test_a_delivery_that_comes_before_its_commit_loses_nothing(mind: PullMind) -> None:
    """A forge tells of a push before git has it everywhere: at once, within minutes, or long after we gave it up."""
    mind.land(CONFIG)
    there = mind.site.there
    fork = there.eve.fork(mind.site.repo)
    for wait in (30, 3_600):
        parent = there.eve.push(fork, f"later-{wait}", {"a.txt": f"{wait}"})
        sha = there.eve.push(fork, f"later-{wait}", {"b.txt": f"{wait}"})
        early = Delivery(
            f"early {wait}", "push", "refs/heads/main", "0" * 40, sha, repository_id=mind.site.repository_id
        )
        with mind.ports.ledger.write() as connection:
            source = f"{inbox.FORGE}github"
            inbox.receive(connection, "delivery", source, early.id, codec.write(early), mind.now)
        mind.turns()
        mind.later(wait)
        pull = there.eve.open_pull_request(mind.site.repo, f"later-{wait}", source=fork)
        mind.turns()
        shown = mind.shown(pull.head_sha)
        assert shown["luotsi/config"] == "success"
        assert shown["luotsi/train"] in ("pending", "action_required")
        there.bob.push_ref(mind.site.repo, f"refs/heads/more-{wait}", sha)
        mind.turns()
        with mind.ports.ledger.read() as connection:
            assert verdicts.is_judged(connection, mind.repository_id(), parent)
            assert verdicts.unjudged(connection, 10) == []
