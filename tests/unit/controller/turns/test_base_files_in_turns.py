"""A pull request is held to the file of the branch that it goes to, over a real repository and a real ledger."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from controller.checks.text import check_of
from controller.core.status import HELD
from controller.ports import Watched
from forges.port import Check
from ledger.runs import RunRow
from ledger.tables import statuses
from schemas.states import RunState
from tests.builders.fork_mind import POLICY, ForkMind

STEP = """
- step:
    name: train
    image: python:3.12
    command: python train.py
"""
EXPECT = 'expect: ["accuracy >= 0.9", "accuracy >= base - 0.01"]'
GATED = f"""{STEP}
- trigger:
    name: train
    when: {{ push: {{ branches: [main] }}, pull-request: {{ targets: [main] }}, comment: /train }}
    run: {{ step: train }}
    {EXPECT}
"""
LOW = GATED.replace(EXPECT, 'expect: ["accuracy >= 0.1"]')
FILTERED = GATED + "    paths: [nothing]\n"
OTHER = GATED.replace("targets: [main]", "targets: [other]")
OPTIONAL = GATED + "    required: false\n"
NO_EVENT = GATED.replace("pull-request: { targets: [main] }, ", "")
RENAMED = GATED.replace("name: train\n    image", "name: train2\n    image").replace(
    "step: train ", "step: train2 "
)
PIPELINE = "- pipeline: { name: whole, nodes: [{ name: fit, type: execution, step: train }], edges: [] }\n"
MANY = "- task: { name: many, step: train, parameters: [{ name: rate, style: multiple, rules: { items: [1] } }] }\n"
WHOLE = STEP + PIPELINE + GATED.removeprefix(STEP).replace("step: train", "pipeline: whole")
TASK = (
    GATED.replace(
        "command: python train.py",
        "command: python train.py {parameters}\n    parameters: [{ name: rate, type: float }]",
    )
    + MANY
)
TASK = TASK.replace("run: { step: train }", "run: { task: many }")


@pytest.fixture
def mind(tmp_path: Path) -> ForkMind:
    made = ForkMind(tmp_path)
    made.push(GATED)
    made.finish(made.waiting()[0], metadata={"accuracy": 0.95})
    return made


def ours(mind: ForkMind, config: str, number: int = 7, **facts: Any) -> str:
    """A branch of ours on top of main, whose pull request is told; its head."""
    return mind.fork({"valohai.yaml": config}, number, fork=False, **facts)


def of(mind: ForkMind, sha: str) -> RunRow:
    [run] = [run for run in mind.runs() if run.sha == sha and not run.occurrence]
    return run


def check(mind: ForkMind, sha: str) -> Check:
    where = (statuses.c.context == "luotsi/train") & (statuses.c.sha == sha)
    with mind.ports.ledger.read() as connection:
        return check_of(mind.ports, connection, connection.execute(select(statuses).where(where)).one())


@pytest.mark.parametrize("config", [LOW, FILTERED, OTHER, OPTIONAL, NO_EVENT])
def test_a_pull_request_does_not_lower_its_own_gate(mind: ForkMind, config: str) -> None:
    sha = ours(mind, config)
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.5})
    run = of(mind, sha)
    assert run.state is RunState.FAILURE
    assert run.reason.startswith("accuracy is 0.5, expected >= 0.9 (accuracy >= 0.9)")
    said = check(mind, sha)
    assert said.state == "failure"
    assert "This commit weakens the gate of `train`" in said.summary
    assert "somebody who may merges past this check" in said.summary


def test_the_lines_that_are_judged_all_the_same_are_marked(mind: ForkMind) -> None:
    sha = ours(mind, LOW)
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.92})
    said = check(mind, sha)
    assert (
        said.title
        == "accuracy is 0.92, expected >= 0.94 (accuracy >= base - 0.01), as main expects, and this change does not"
    )
    assert "✓ at least 0.9, expected by `main`, taken away here" in said.summary
    assert "**✗ at least 0.94** (`base - 0.01`), expected by `main`, taken away here" in said.summary
    assert said.summary.startswith("**Failure**: 1 of 3 expectations does not hold.")


@pytest.mark.parametrize("config", [LOW, FILTERED, OTHER, OPTIONAL, NO_EVENT])
def test_what_holds_is_green_with_a_note(mind: ForkMind, config: str) -> None:
    sha = ours(mind, config)
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.96})
    said = check(mind, sha)
    assert said.state == "success"
    assert "This commit weakens the gate of `train`" in said.summary
    assert "and holds." in said.summary


def test_a_stricter_file_adds_nothing(mind: ForkMind) -> None:
    sha = ours(mind, GATED.replace("accuracy >= 0.9", "accuracy >= 0.94"))
    assert "kept" not in of(mind, sha).rule
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.96})
    assert "weakens" not in check(mind, sha).summary


def test_a_run_that_breaks_fails_though_it_is_required_no_more(mind: ForkMind) -> None:
    sha = ours(mind, OPTIONAL)
    mind.finish(mind.waiting()[0], "error", reason="exit code 1")
    run = of(mind, sha)
    assert run.state is RunState.FAILURE
    assert run.reason.endswith("; main requires it to pass, and this change does not")


def test_a_verdict_that_a_push_had_before_is_judged_once_more(mind: ForkMind) -> None:
    mind.person.git("checkout", "--quiet", "-B", "feature", "origin/main")
    low = LOW.replace("[main]", '["**"]')
    sha = mind.person.commit({"valohai.yaml": low})
    mind.person.push("+HEAD:refs/heads/feature")
    mind.person.git("checkout", "--quiet", "main")
    mind.turns()
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.5})
    assert of(mind, sha).state is RunState.SUCCESS
    mind.told(sha, fork=False)
    run = of(mind, sha)
    assert (run.state, run.round, mind.waiting()) == (RunState.FAILURE, 1, [])
    # Another pull request of the commit, to a branch without that gate, does not take it away.
    mind.person.push(f"+{sha}:refs/heads/low")
    mind.told(sha, 8, fork=False, base_ref="low", base=sha)
    assert of(mind, sha).state is RunState.FAILURE


def test_a_command_in_a_comment_is_held_to_the_base_too(mind: ForkMind) -> None:
    sha = ours(mind, LOW)
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.5})
    mind.said("/train", sha)
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.5})
    run = mind.run()
    assert (run.event, run.state) == ("comment", RunState.FAILURE)


@pytest.mark.parametrize("config", [LOW, RENAMED, WHOLE])
def test_a_merge_queue_is_held_to_its_base(mind: ForkMind, config: str) -> None:
    base = mind.head()
    mind.person.git("checkout", "--quiet", "--detach", "origin/main")
    sha = mind.person.commit({"valohai.yaml": config})
    mind.person.push(f"+HEAD:refs/heads/gh-readonly-queue/main/pr-7-{base}")
    mind.person.git("checkout", "--quiet", "main")
    mind.turns()
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.91})
    assert of(mind, sha).state is RunState.FAILURE


def test_a_push_to_main_is_judged_by_its_own_file(mind: ForkMind) -> None:
    sha = mind.push(LOW)
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.5})
    assert of(mind, sha).state is RunState.SUCCESS


def test_a_held_check_of_a_fork_says_what_it_weakens(mind: ForkMind) -> None:
    sha = mind.fork({"valohai.yaml": NO_EVENT})
    assert of(mind, sha).reason in HELD
    said = check(mind, sha)
    assert said.state == "action-required"
    assert "This commit weakens the gate of `train`: `main` starts this run." in said.summary
    mind.approve(sha)
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.5})
    assert of(mind, sha).state is RunState.FAILURE


def test_a_fork_that_changes_nothing_under_the_bases_paths_waits_for_nobody(tmp_path: Path) -> None:
    mind = ForkMind(tmp_path)
    mind.push(FILTERED)
    other = mind.fork({"README.md": "More."})
    run = of(mind, other)
    assert (run.state, run.reason) == (RunState.NEUTRAL, "not affected: nothing under nothing changed")
    # By its own file alone a fork leaves nothing out.
    mind.push(GATED)
    assert of(mind, mind.fork({"valohai.yaml": FILTERED}, 8)).reason in HELD


def test_a_node_that_is_no_more_fails(tmp_path: Path) -> None:
    pipeline = "- pipeline:\n    name: whole\n    nodes:\n      - { name: fit, type: execution, step: train }\n    edges: []\n"
    config = STEP + pipeline + GATED.removeprefix(STEP).replace("step: train", "pipeline: whole")
    named = config.replace(EXPECT, 'expect: ["fit.accuracy >= 0.9"]')
    mind = ForkMind(tmp_path)
    mind.push(named)
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.95})
    sha = ours(mind, named.replace("name: fit", "name: other").replace("fit.accuracy", "other.accuracy"))
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.95})
    assert of(mind, sha).reason.startswith("there is no node fit any more (fit.accuracy >= 0.9), as main")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (RENAMED, "`train2` instead of `train`"),
        (WHOLE, "the pipeline `whole` instead of the step `train`"),
        (TASK, "the task `many` instead of the step `train`"),
    ],
)
def test_another_name_of_what_runs_lowers_no_gate(mind: ForkMind, config: str, said: str) -> None:
    sha = ours(mind, config)
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.91})
    run = of(mind, sha)
    assert run.state is RunState.FAILURE
    assert run.reason.startswith("accuracy is 0.91, expected >= 0.94 (accuracy >= base - 0.01)")
    told = check(mind, sha)
    assert told.summary.startswith("**Failure**: 1 of 2 expectations does not hold.")
    assert f"⚠ This change makes `train` run {said}." in told.summary
    assert "weakens" not in told.summary
    # And the other way: the base's run is the pipeline's, or of the step by its new name.
    mind.push(f"{config}# Landed.\n")
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.96})
    back = ours(mind, GATED, 8)
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.94})
    assert of(mind, back).reason == "accuracy is 0.94, expected >= 0.95 (accuracy >= base - 0.01)"


def test_what_the_base_expects_fails_where_nothing_can_be_compared(mind: ForkMind) -> None:
    mind.push(GATED.replace("base - 0.01", "base.best - 0.01"))
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.95})
    sha = ours(mind, LOW)
    mind.finish(mind.waiting()[0], metadata={"accuracy": 0.95})
    assert of(mind, sha).reason == (
        "not comparable: the base has no `best` (accuracy >= base.best - 0.01), as main expects, and this change does not"
    )


def test_a_held_check_says_that_something_else_would_run(mind: ForkMind) -> None:
    said = check(mind, mind.fork({"valohai.yaml": RENAMED}))
    assert said.state == "action-required"
    assert "⚠ This change makes `train` run `train2` instead of `train`." in said.summary


def test_a_base_before_all_that_was_judged_counts_too(tmp_path: Path) -> None:
    mind = ForkMind(tmp_path, repositories=())
    old = mind.person.commit({"valohai.yaml": GATED})
    mind.person.commit({"a": "1"})
    mind.person.push()
    mind.settings(repositories=(Watched("shop", str(mind.person.bare), pulls=POLICY),))
    mind.turns()
    for number, config in ((7, LOW), (8, STEP)):
        mind.person.git("checkout", "--quiet", "--detach", old)
        sha = mind.person.commit({"valohai.yaml": config})
        mind.person.push(f"+HEAD:refs/pull/{number}/head")
        mind.told(sha, number, fork=False)
        if config is LOW:
            mind.finish(mind.waiting()[0], metadata={"accuracy": 0.5})
        assert of(mind, sha).state is RunState.FAILURE
