"""Which runs get a variable group: by the branch that their code is of, and by their event."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.executions import ExecutionRow
from schemas.states import RunState
from tests.builders.grant_mind import CANARY, CONFIG, STEP, TRAIN, GrantMind


@pytest.fixture
def mind(tmp_path: Path) -> GrantMind:
    return GrantMind(tmp_path)


def notes(execution: ExecutionRow) -> str:
    return "\n".join(execution.spec["notes"])


def test_a_push_is_of_its_branch(mind: GrantMind) -> None:
    assert mind.has(mind.of(mind.root))
    assert notes(mind.of(mind.root)) == ""
    feature = mind.of(mind.on("feature"))
    assert not mind.has(feature)
    assert "the variable group prod is ignored: it is for the branch main only, and this is feature" in notes(
        feature
    )
    assert mind.secrets(feature) == {"READ_TOKEN": "open-to-all"}, "what has no limits comes as before"


def test_patterns_name_many_branches(tmp_path: Path) -> None:
    mind = GrantMind(tmp_path, branches=("main", "release/*"))
    assert mind.has(mind.of(mind.on("release/1")))
    for branch in ("releases/1", "Release/1", "x/release/1", "mainly", "refs/heads/main"):
        other = mind.of(mind.on(branch))
        assert not mind.has(other), branch
        assert f"it is for the branches main and release/* only, and this is {branch}" in notes(other)


def test_a_pull_request_is_of_the_branch_it_comes_from_and_not_of_the_one_it_goes_to(tmp_path: Path) -> None:
    mind = GrantMind(
        tmp_path, CONFIG.replace("push: {}", "push: { branches: [main] }"), branches=("main", "safe")
    )
    evil = mind.on("feature")
    mind.pull(evil, "feature")
    assert not mind.has(mind.of(evil))
    assert "it is for the branches main and safe only, and the pull request comes from feature" in notes(
        mind.of(evil)
    )
    good = mind.on("safe")
    mind.pull(good, "safe", 8)
    assert mind.has(mind.of(good))


@pytest.mark.parametrize(
    "facts",
    [{"head_ref": "refs/heads/main"}, {"head_ref": ""}, {"head_ref": "main", "fork": True}],
    ids=["a branch that is called like a ref", "nobody says", "a fork's branch of our name"],
)
def test_no_name_makes_a_pull_request_one_of_ours(tmp_path: Path, facts: dict[str, Any]) -> None:
    mind = GrantMind(tmp_path, CONFIG.replace("push: {}", "push: { branches: [main] }"))
    sha = mind.on("feature")
    mind.pull(sha, "feature", **facts)
    if "fork" in facts:
        mind.approve(sha)
    assert not mind.has(mind.of(sha))


def test_a_branch_that_is_called_as_a_merge_queues_stands_for_itself(tmp_path: Path) -> None:
    mind = GrantMind(tmp_path, branches=("main", "safe"))
    mind.pull(mind.on("safe"), "safe", 8)
    for number in (8, 9):
        queued = mind.on(f"gh-readonly-queue/main/pr-{number}-{mind.root}")
        assert (mind.run().sha, mind.run().pull_request) == (queued, number)
        assert not mind.has(mind.of(queued)), "the number in its name is not what a forge told"
        assert "and this is gh-readonly-queue/main/pr-" in notes(mind.of(queued))
    mind.limit(branches=("main", "gh-readonly-queue/main/*"))
    assert mind.has(mind.of(mind.on(f"gh-readonly-queue/main/pr-9-{mind.root}")))


def test_a_tag_is_of_the_branches_that_contain_it(mind: GrantMind) -> None:
    off = mind.on("feature")
    mind.tag("v2", off)
    execution = mind.of(off, "tag")
    assert not mind.has(execution)
    assert "it is for the branch main only, and none of them contains the tagged commit" in notes(execution)
    mind.tag("main", off)
    assert not mind.has(mind.of(off, "tag")), "a tag that is called main is no branch"
    mind.tag("v1", mind.root)
    assert mind.has(mind.of(mind.root, "tag"))
    mind.limit(branches=("release/*",))
    assert CANARY not in mind.secrets(mind.of(mind.root, "tag")).values()


def test_a_comment_is_of_its_pull_requests_branch(mind: GrantMind) -> None:
    sha = mind.on("feature")
    mind.pull(sha, "feature")
    mind.said("/train", sha)
    assert not mind.has(mind.of(sha, "comment"))
    mind.limit(branches=("feature",))
    mind.said("/train", sha)
    assert mind.has(mind.of(sha, "comment"))
    # Nobody has told of this one: its branch is not known, though the commit is one of main.
    mind.limit()
    mind.said("/train", mind.root, number=99)
    assert not mind.has(mind.of(mind.root, "comment"))


def test_a_schedule_is_of_the_branch_that_it_asks_for(tmp_path: Path) -> None:
    for branch, expected in (("main", True), ("nightly", False)):
        when = f"schedule: {{ cron: '0 4 * * *', branch: {branch} }}"
        mind = GrantMind(
            tmp_path / branch,
            CONFIG.replace('schedule: { cron: "0 4 * * *" }', when).replace("push: {}, ", ""),
        )
        head = mind.on("nightly") if branch == "nightly" else mind.root
        mind.now += timedelta(days=1)
        mind.turns()
        assert mind.has(mind.of(head, "schedule")) is expected


def test_events_are_limits_of_their_own(tmp_path: Path) -> None:
    mind = GrantMind(tmp_path, branches=(), events=("push", "tag"))
    assert mind.has(mind.of(mind.on("feature")))
    mind.tag("v1", mind.root)
    assert mind.has(mind.of(mind.root, "tag"))
    mind.pull(mind.root, "main")
    mind.said("/train", mind.root)
    commented = mind.of(mind.root, "comment")
    assert not mind.has(commented)
    assert "it is for pushes and tags only, and not for comments" in notes(commented)


def test_what_a_step_needs_and_does_not_get_is_an_error_that_says_why(tmp_path: Path) -> None:
    needs = STEP + "    environment-variables:\n      - { name: TOKEN, optional: false }\n"
    mind = GrantMind(tmp_path, needs + TRAIN)
    assert mind.has(mind.of(mind.root))
    mind.on("feature")
    assert mind.run().state is RunState.ERROR
    assert "needs the environment variable TOKEN, and nothing gives it" in mind.run().reason
    assert (
        "The variable group prod has it, and it is for the branch main only, and this is feature."
        in mind.run().reason
    )


def test_a_repositorys_group_is_limited_as_well(tmp_path: Path) -> None:
    mind = GrantMind(tmp_path, CONFIG.replace("[prod, open]", "[open]"), everywhere=("prod",))
    assert mind.has(mind.of(mind.root))
    feature = mind.of(mind.on("feature"))
    assert not mind.has(feature)
    assert "the variable group prod is ignored" in notes(feature)


def test_the_claim_asks_the_settings_as_they_are_now(mind: GrantMind) -> None:
    execution = mind.of(mind.root)
    assert mind.secrets(execution)["TOKEN"] == CANARY
    for limits in ({"branches": ("release/*",)}, {"events": ("tag",)}):
        mind.limit(**limits)
        assert mind.secrets(execution) == {"READ_TOKEN": "open-to-all"}
    mind.limit()
    assert mind.secrets(execution)["TOKEN"] == CANARY


def test_a_pull_request_of_a_pushed_commit_takes_nothing_from_its_run(mind: GrantMind) -> None:
    execution = mind.of(mind.root)
    mind.limit(events=("push",))
    # Anybody may open one at the head of main while its run goes on.
    mind.on("copy", rest=False)
    mind.person.push(f"+{mind.root}:refs/heads/copy")
    mind.pull(mind.root, "copy")
    run = next(run for run in mind.runs() if run.id == execution.run_id)
    assert (run.event, run.pull_request, run.ref) == ("pull-request", 7, "refs/heads/main")
    assert mind.secrets(execution)["TOKEN"] == CANARY


def test_code_of_another_commit_must_be_of_such_a_branch_as_well(tmp_path: Path) -> None:
    mind = GrantMind(tmp_path)
    off, earlier = mind.on("feature"), mind.root
    for commit, expected in ((off, False), (earlier, True)):
        pipeline = f"""
- pipeline:
    name: both
    nodes: [{{name: a, type: execution, step: train, commit: {commit}}}]
    edges: []
- trigger: {{ name: both, when: {{ push: {{ branches: [main] }} }}, run: {{ pipeline: both }} }}
"""
        sha = mind.on("main", files={"valohai.yaml": STEP + pipeline})
        execution = mind.of(sha)
        assert execution.spec["commit"] == commit
        assert mind.has(execution) is expected


# A commit that was tried elsewhere comes to main.


@pytest.mark.parametrize("ends", ["waiting", "complete", "error"])
def test_a_commit_that_comes_to_main_runs_again_with_what_is_mains(mind: GrantMind, ends: str) -> None:
    sha = mind.on("feature")
    mind.pull(sha, "feature")
    if ends != "waiting":
        mind.finish(mind.of(sha), "complete" if ends == "complete" else "error")
    old = mind.of(sha)
    mind.person.push(f"{sha}:refs/heads/main")
    mind.turns()
    run = mind.run("train")
    assert (run.sha, run.ref, run.event, run.round) == (sha, "refs/heads/main", "push", 2)
    assert mind.has(mind.of(sha))
    assert mind.of(sha).id != old.id
    assert not mind.has(old)
    assert [each.id for each in mind.waiting()][-1] == mind.of(sha).id
    # It has all that there is: nothing that comes later makes it begin a third time.
    mind.person.push(f"{sha}:refs/heads/other", f"{sha}:refs/heads/feature")
    mind.turns()
    assert mind.run("train").round == 2


def test_an_error_for_want_of_a_variable_is_made_good_by_main(tmp_path: Path) -> None:
    needs = STEP + "    environment-variables:\n      - { name: TOKEN, optional: false }\n"
    mind = GrantMind(tmp_path, needs + TRAIN)
    sha = mind.on("feature")
    assert mind.run().state is RunState.ERROR
    mind.person.push(f"{sha}:refs/heads/main")
    mind.turns()
    assert mind.run().round == 1, "nothing had begun"
    assert mind.has(mind.of(sha))


def test_a_run_that_lacked_nothing_does_not_begin_again(tmp_path: Path) -> None:
    free = STEP + STEP.replace("name: train", "name: free").replace("[prod, open]", "[open]")
    mind = GrantMind(tmp_path, free + TRAIN.replace("step: train", "step: free"))
    sha = mind.on("feature")
    mind.finish(mind.of(sha))
    mind.person.push(f"{sha}:refs/heads/main")
    mind.turns()
    assert (mind.run().round, mind.run().ref) == (1, "refs/heads/feature")
