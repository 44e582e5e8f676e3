"""What a forge is told, and how often: lost answers, a short budget, drift, and what serves."""

from pathlib import Path

import pytest

from controller.core import status
from ledger import outbox, registry
from tests.builders.pull_mind import PullMind, pull_mind
from tests.builders.served import served
from tests.flow.test_pull_requests import CONFIG
from tests.parts.github_description import GitHubDescription

MOST_CALLS = 6
"""API calls of a run on average (design: at most six)."""


def train(mind: PullMind, text: str) -> str:
    sha = mind.site.push("main", text)
    mind.turns()
    for execution in mind.waiting():
        mind.finish(execution)
    return sha


def test_a_run_costs_at_most_six_calls(mind: PullMind) -> None:
    mind.land(CONFIG)
    for execution in mind.waiting():
        mind.finish(execution)
    before, runs = mind.site.calls, 5
    for number in range(runs):
        pull = mind.pull(f"branch-{number}", {"train.py": f"print({number})\n"})
        mind.later(40)
        for execution in mind.waiting():
            mind.claim(execution)
        mind.later(40)
        for execution in mind.waiting():
            mind.finish(execution)
        assert mind.shown(pull.head_sha)["luotsi/train"] == "success"
    assert (mind.site.calls - before) / runs <= MOST_CALLS


@pytest.mark.parametrize("kind", ["down", "cut", "error", "lost"])
def test_an_answer_that_was_lost_leaves_one_check(mind: PullMind, kind: str) -> None:
    mind.land(CONFIG)
    sha = mind.site.push("main", "print(1)\n")
    mind.site.trouble(kind)  # type: ignore[arg-type]
    mind.turns()
    mind.later(120)
    for execution in mind.waiting():
        mind.finish(execution)
    mind.later(120)
    checks = mind.site.checks(sha)
    assert sorted(check.context for check in checks) == ["luotsi/config", "luotsi/train"]
    assert {check.state for check in checks} == {"success"}


def test_final_words_come_first_where_few_calls_are_left(mind: PullMind) -> None:
    mind.land(CONFIG)
    for execution in mind.waiting():
        mind.finish(execution)
    train(mind, "print(1)\n")
    mind.site.spend_budget(60)
    mind.later(1)
    sha = mind.site.push("main", "print(2)\n")
    mind.turns()
    assert mind.shown(sha) == {"luotsi/config": "success"}
    for execution in mind.waiting():
        mind.finish(execution)
    assert mind.shown(sha) == {"luotsi/config": "success", "luotsi/train": "success"}


def test_words_that_are_not_final_are_said_at_a_pace(mind: PullMind) -> None:
    mind.land(CONFIG)
    (execution,) = mind.waiting()
    before = mind.site.calls
    for number in range(20):
        with mind.ports.ledger.write() as connection:
            (row,) = [
                one
                for one in outbox.of_commit(connection, mind.repository_id(), execution.spec["commit"])
                if one.context == "luotsi/train"
            ]
            words = status.clip(f"#1 train is running: {number}")
            new = outbox.NewStatus(row.repository_id, row.sha, row.context, "pending", words, "", final=False)
            outbox.say(connection, new, mind.now)
        mind.turn()
    assert mind.site.calls - before <= 1
    mind.finish(execution)
    assert mind.shown(execution.spec["commit"])["luotsi/train"] == "success"


def test_a_check_that_goes_on_is_told_anew_at_growing_distances(mind: PullMind) -> None:
    """Its word stays the same for hours; the place in the queue and the metrics do not."""
    sha = mind.land(CONFIG)
    mind.turns()
    (first,) = [one for one in mind.site.repo.runs().values() if one.name == "luotsi/train"]
    before = mind.site.github.calls["checks/update"]
    mind.claim(mind.waiting()[0])
    for _ in range(60):
        mind.later(60)
    told = mind.site.github.calls["checks/update"] - before
    assert 1 <= told <= MOST_CALLS
    (same,) = [one for one in mind.site.repo.runs().values() if one.name == "luotsi/train"]
    assert (same.id, mind.shown(sha)["luotsi/train"]) == (first.id, "in_progress")


def test_what_somebody_changed_is_put_right(mind: PullMind) -> None:
    mind.land(CONFIG)
    for execution in mind.waiting():
        mind.finish(execution)
    sha = train(mind, "print(1)\n")
    mind.site.overwrite(sha, "luotsi/train")
    assert mind.shown(sha)["luotsi/train"] == "cancelled"
    mind.later(900)
    assert mind.shown(sha)["luotsi/train"] == "success"
    calls = mind.site.calls
    mind.turns()
    assert mind.site.calls == calls


def test_a_status_that_somebody_changed_is_put_right(
    github_description: GitHubDescription, tmp_path: Path
) -> None:
    with pull_mind(tmp_path, str(github_description.address), "token") as mind:
        sha = mind.land(CONFIG)
        for execution in mind.waiting():
            mind.finish(execution)
        mind.site.overwrite(sha, "luotsi/train")
        assert mind.shown(sha)["luotsi/train"] == "error"
        mind.later(900)
        assert mind.shown(sha)["luotsi/train"] == "success"


MODEL = served()


def promoted(mind: PullMind, version: str, number: int) -> str:
    sha = mind.land(MODEL, **{"train.py": f"# {version}\n"})
    for execution in mind.waiting():
        mind.finish(execution, outputs={"model.pkl": version.encode()})
    mind.site.tag(f"churn@{version}", sha)
    mind.site.tag(f"churn#prod#{number}", sha)
    mind.turns()
    for execution in mind.waiting():
        mind.finish(execution)
    return sha


def test_what_serves_is_a_deployment_until_another_takes_its_place(mind: PullMind) -> None:
    first = promoted(mind, "v1.0.0", 1)
    assert mind.site.shown_deployments(first) == [("churn/prod", "success")]
    (shown,) = mind.site.repo.deployments.values()
    with mind.ports.ledger.read() as connection:
        (serving,) = registry.promotions_of(connection, mind.repository_id())
    assert shown.told["production_environment"]
    assert shown.statuses[-1].told["environment_url"] == serving.address != ""
    assert f"/r/shop/commit/{first}#" in shown.statuses[-1].told["log_url"]
    second = promoted(mind, "v1.1.0", 2)
    assert mind.site.shown_deployments(first) == [("churn/prod", "inactive")]
    assert mind.site.shown_deployments(second) == [("churn/prod", "success")]
