"""Approvals of pull requests over a real repository and a real ledger: who may, what it grants, what ends it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.core.status import HELD
from controller.ports import Environment
from schemas.states import ExecutionState, RunState
from tests.builders.fork_mind import FORKS, STEP, TRAIN, ForkMind
from tests.builders.mind import ENVIRONMENT

CONFIG = STEP + TRAIN


@pytest.fixture
def mind(tmp_path: Path) -> ForkMind:
    made = ForkMind(tmp_path)
    made.land(CONFIG)
    return made


def states(mind: ForkMind) -> list[tuple[str, str]]:
    return [(run.state.value, run.reason) for run in mind.runs() if run.trust == "untrusted"]


def test_a_fork_waits_and_an_approval_lets_exactly_its_commit_run(mind: ForkMind) -> None:
    sha = mind.fork({"train.py": "print(1)\n"})
    held = mind.run()
    assert (held.sha, held.trust, held.state) == (sha, "untrusted", RunState.NEUTRAL)
    assert held.reason in HELD
    assert mind.notes(sha)["luotsi/train"].startswith("pending: waits for approval")
    assert mind.waiting() == []
    answer = mind.approve(sha)
    assert answer == (
        f"ada approved {sha[:7]}. It runs in the environment `forks`, with no secrets, for at most 4 machine hours in all."
        " Decided again: `train`."
    )
    [row] = mind.approvals()
    run = mind.run()
    assert (run.state, run.trust, run.approval_id, run.pull_request) == (
        RunState.RUNNING,
        "untrusted",
        row.id,
        7,
    )
    assert (row.sha, row.who_id, row.who, row.environment, row.cap) == (sha, "1001", "ada", "forks", 4.0)
    assert mind.audited()[-1] == ("ada (1001)", "approve")
    records = mind.ports.stores["system"].objects  # type: ignore[attr-defined]
    assert any(f"/approval/{row.id}" in key for key in records)
    [execution] = mind.waiting()
    assert execution.environment_id == FORKS
    assert execution.spec["variable_groups"] == []
    assert execution.spec["environment_variables"] == {}
    assert "`environment: local` is ignored: untrusted code runs in forks only" in execution.spec["notes"]
    assert (
        "the variable group keys is ignored: it is not granted to untrusted code" in execution.spec["notes"]
    )
    mind.finish(execution)
    assert mind.run().state is RunState.SUCCESS
    assert mind.notes(sha)["luotsi/train"] == "success: #2 train complete"


def test_granted_groups_come_where_the_step_names_them(tmp_path: Path) -> None:
    mind = ForkMind(tmp_path, everywhere=("keys",))
    mind.policy(grants=("public", "other"))
    mind.land(CONFIG)
    sha = mind.fork({"a": "1"})
    mind.approve(sha)
    [execution] = mind.waiting()
    assert execution.spec["variable_groups"] == ["public"]
    assert execution.spec["environment_variables"] == {"MODE": "test"}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"may_write": False}, "only an account with write access"),
        ({"author_id": ""}, "only an account with write access"),
        ({"author_id": "  "}, "only an account with write access"),
        ({"number": 8}, "nothing is known of #8"),
    ],
)
def test_who_may_not_approve_changes_nothing(mind: ForkMind, facts: dict[str, Any], words: str) -> None:
    sha = mind.fork({"a": "1"})
    assert words in mind.approve(sha, **facts)
    assert mind.approvals() == []
    assert mind.run().state is RunState.NEUTRAL
    assert mind.waiting() == []


def test_only_the_whole_id_of_the_newest_head_can_be_approved(mind: ForkMind) -> None:
    old = mind.fork({"a": "1"})
    new = mind.fork({"a": "2"})
    assert "40 characters" in mind.approve(new[:12])
    assert f"its head is {new[:7]}" in mind.approve(old)
    assert "is not the head" in mind.approve(mind.head() or "")
    assert mind.approvals() == []
    assert mind.approve(new).startswith("ada approved")


def test_trusted_pull_requests_need_none_and_without_an_environment_there_is_none(mind: ForkMind) -> None:
    ours = mind.fork({"a": "1"}, fork=False)
    assert "are trusted" in mind.approve(ours)
    sha = mind.fork({"b": "1"}, number=8)
    mind.policy(environment="")
    assert "pull-requests: {environment: NAME}" in mind.approve(sha, number=8)
    mind.policy(environment="gone")
    assert "no environment gone" in mind.approve(sha, number=8)
    assert mind.approvals() == []


def test_paths_and_skip_words_count_after_an_approval_too(mind: ForkMind) -> None:
    mind.land(STEP + TRAIN.replace("pull-request: {}, ", ""))  # main's has no word on pull requests
    config = STEP + TRAIN.replace("run: {", "paths: [data/**], run: {")
    sha = mind.fork({"valohai.yaml": config})
    mind.land(CONFIG)
    skipped = mind.fork({"a": "1"}, number=8, message="x [skip ci]")
    assert [reason in HELD for _, reason in states(mind)] == [True, True]
    mind.approve(sha)
    mind.approve(skipped, number=8)
    assert [reason.split(":")[0] for _, reason in states(mind)] == [
        "not affected",
        "skipped by [skip ci] in the commit message",
    ]
    assert mind.waiting() == []
    assert mind.notes(sha)["luotsi/train"].startswith("success: neutral: not affected")


def test_a_comment_that_was_held_back_begins_with_the_approval(mind: ForkMind) -> None:
    mind.land(STEP + TRAIN.replace("pull-request: {}, ", ""))
    sha = mind.fork({"a": "1"})
    mind.said("/train", sha)
    assert states(mind) == [("neutral", "untrusted: not run before somebody approves the commit")]
    mind.approve(sha)
    assert mind.run().state is RunState.RUNNING
    [execution] = mind.waiting()
    assert execution.environment_id == FORKS
    mind.finish(execution)
    # What is said at an approved commit runs by the approval that there is.
    mind.said("/train", sha)
    assert (mind.run().state, mind.run().approval_id) == (RunState.RUNNING, mind.approvals()[0].id)


def test_the_same_comment_and_a_second_one_add_no_approval(mind: ForkMind) -> None:
    sha = mind.fork({"a": "1"})
    mind.approve(sha)
    mind.comments = 0
    assert mind.approve(sha).startswith(f"ada approved {sha[:7]}.")
    assert mind.approve(sha, author="bob", author_id="7").startswith(f"ada approved {sha[:7]} already")
    assert len(mind.approvals()) == 1


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "environment": ({"environment": "local"}, "environment for untrusted runs changed from forks to local"),
    "grants": ({"grants": ("public",)}, "granted groups changed from none to public"),
    "cap": ({"cap": 5.0}, "its cap changed from 4 machine hours to 5 machine hours"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_policy_ends_an_approval_and_what_has_not_started(mind: ForkMind, change: str) -> None:
    facts, words = CHANGES[change]
    sha = mind.fork({"a": "1"})
    mind.approve(sha)
    assert len(mind.waiting()) == 1
    mind.policy(**facts)
    mind.turns()
    [row] = mind.approvals()
    assert words in (row.void_reason or "")
    assert mind.waiting() == []
    assert states(mind) == [("cancelled", f"stopped: the approval is void: {row.void_reason}")]
    assert mind.audited()[-1] == ("controller", "void approval")
    # Putting it back brings nothing back: only another approval does, and the run begins a new round.
    mind.policy(environment="forks", grants=(), cap=4.0)
    mind.turns()
    assert mind.waiting() == []
    mind.approve(sha)
    assert (mind.run().state, mind.run().round) == (RunState.RUNNING, 2)
    mind.finish(mind.waiting()[0])
    assert mind.run().state is RunState.SUCCESS


def test_what_an_agent_runs_already_is_let_finish(mind: ForkMind) -> None:
    sha = mind.fork({"a": "1"})
    mind.approve(sha)
    [execution] = mind.waiting()
    mind.claim(execution)
    mind.policy(cap=1.0)
    mind.turns()
    assert mind.executions()[-1].state is ExecutionState.STARTED
    mind.finish(execution)
    assert mind.run().state is RunState.SUCCESS


TWO = """
- pipeline:
    name: both
    nodes:
      - { name: first, type: execution, step: train }
      - { name: second, type: execution, step: train }
    edges:
      - [first.output.*, second.input.data]
"""
PIPELINE = (
    STEP + "    inputs:\n      - { name: data, optional: true }\n" + TWO
    + "- trigger: { name: train, when: { pull-request: {} }, run: { pipeline: both } }\n"
)  # fmt: skip


def test_nothing_follows_in_a_pipeline_whose_approval_ended(mind: ForkMind) -> None:
    sha = mind.fork({"valohai.yaml": PIPELINE})
    mind.approve(sha)
    [first] = mind.waiting()
    mind.claim(first)
    mind.policy(cap=1.0)
    mind.turns()
    assert [row.node for row in mind.waiting()] == ["first"]
    mind.finish(first, outputs={"m": b"1"})
    assert mind.waiting() == []
    assert len(mind.executions()) == 2
    assert states(mind)[-1][1].startswith("stopped: the approval is void: its cap changed")


TASK = """
- task: { name: sweep, step: train, type: manual_search, parameter-sets: [{ n: 1 }, { n: 2 }, { n: 3 }] }
- trigger: { name: train, when: { pull-request: {} }, run: { task: sweep } }
"""


def test_nothing_follows_in_a_task_whose_approval_ended(mind: ForkMind) -> None:
    parameters = "    parameters:\n      - { name: n, type: integer, default: 0 }\n"
    sha = mind.fork({"valohai.yaml": STEP + parameters + TASK})
    mind.approve(sha)
    [first, *others] = mind.waiting()
    mind.claim(first)
    mind.policy(cap=1.0)
    mind.turns()
    assert (mind.run().state, mind.waiting()[0].id, len(mind.waiting())) == (RunState.RUNNING, first.id, 1)
    mind.finish(first)
    assert (len(mind.executions()), mind.waiting()) == (2 + len(others), [])
    assert states(mind)[-1][1].startswith("stopped: the approval is void: its cap changed")
    mind.approve(sha)
    assert len(mind.waiting()) == 3, "its next round begins from the beginning"


def test_used_up_hours_stop_every_node_that_runs(mind: ForkMind) -> None:
    mind.approve(
        mind.fork(
            {
                "valohai.yaml": PIPELINE.replace(
                    "    edges:\n      - [first.output.*, second.input.data]", "    edges: []"
                )
            }
        )
    )
    both = mind.waiting()
    for execution in both:
        mind.claim(execution)
    mind.now += timedelta(hours=2, seconds=1)
    mind.turns()
    assert [row.state for row in mind.executions()[1:]] == [ExecutionState.STOPPING] * 2, (
        "two machines, two hours each"
    )
    for execution in both:
        mind.finish(execution, "stopped")
    assert states(mind)[-1][1] == "stopped: the approval covers 4 machine hours and they are used up"
    assert mind.waiting() == []


def test_a_run_that_has_not_begun_is_held_again(mind: ForkMind) -> None:
    sha = mind.fork({"a": "1"})
    mind.approve(sha, rest=False)
    mind.fork({"a": "2"}, rest=False)
    mind.turns()
    assert [(state, reason in HELD) for state, reason in states(mind)] == [("neutral", True)] * 2
    assert mind.waiting() == []
    assert sha[:7] in mind.waiting_words()
    assert "this is another commit" in mind.waiting_words()


def test_used_up_hours_stop_all_of_it(mind: ForkMind) -> None:
    sha = mind.fork({"a": "1"})
    mind.approve(sha)
    mind.claim(mind.waiting()[0])
    mind.now += timedelta(hours=3, minutes=59)
    mind.turns()
    assert mind.run().state is RunState.RUNNING
    mind.now += timedelta(minutes=2)
    mind.turns()
    words = "stopped: the approval covers 4 machine hours and they are used up"
    assert states(mind) == [("cancelled", words)]
    assert mind.notes(sha)["luotsi/train"] == f"error: cancelled: {words}"
    assert mind.executions()[-1].state is ExecutionState.STOPPING
    mind.finish(mind.waiting()[0], "stopped")
    mind.approve(sha)
    assert (mind.run().state, mind.run().round) == (RunState.RUNNING, 2)
    mind.turns()
    assert len(mind.waiting()) == 1, "another approval has hours of its own"


def test_an_approval_is_forgotten_after_a_month(mind: ForkMind) -> None:
    sha = mind.fork({"a": "1"})
    mind.approve(sha)
    mind.finish(mind.waiting()[0])
    mind.now += timedelta(days=31)
    mind.said("/train", sha)
    assert mind.approvals()[0].void_reason == "it is older than 30 days"
    assert mind.run().reason in HELD


def test_a_commit_that_a_branch_has_too_is_a_trusted_run_of_its_own(mind: ForkMind) -> None:
    sha = mind.fork({"a": "1"})
    mind.person.push(f"{sha}:refs/heads/main")
    mind.turns()
    trusted = mind.run()
    assert (trusted.sha, trusted.trust, trusted.state) == (sha, "trusted", RunState.RUNNING)
    assert mind.waiting()[0].environment_id == ENVIRONMENT
    assert mind.waiting()[0].spec["variable_groups"] == ["keys", "public"]
    assert mind.notes(sha)["luotsi/train"].startswith("pending: #2 train")
    assert len(states(mind)) == 1


def test_where_nobody_is_trusted_branches_wait_too(mind: ForkMind) -> None:
    mind.policy(trust="nobody")
    sha = mind.fork({"a": "1"}, fork=False, trusted=True)
    assert states(mind) == [("neutral", "untrusted: not run before somebody approves the commit")]
    assert "pull requests of this repository are not trusted" in mind.waiting_words()
    mind.said("/train", sha, number=9)
    assert mind.waiting() == []
    mind.approve(sha)
    assert {row.environment_id for row in mind.waiting()} == {FORKS}


DEPLOYS = (
    STEP
    + """
- endpoint: { name: predict, image: x, server-command: serve }
- deployment: { name: shop, defaults: { target: local } }
- pipeline:
    name: both
    nodes:
      - { name: first, type: execution, step: train }
      - { name: out, type: deployment, deployment: shop, endpoints: [predict] }
    edges: []
- trigger: { name: train, when: { pull-request: {} }, run: { pipeline: both } }
"""
)


def test_untrusted_code_never_serves(mind: ForkMind) -> None:
    mind.approve(mind.fork({"valohai.yaml": DEPLOYS}))
    assert "untrusted code never serves" in states(mind)[-1][1]
    assert mind.waiting() == []


def test_untrusted_pipelines_take_no_other_commits_code_and_trusted_ones_none_of_forks(
    mind: ForkMind,
) -> None:
    other = mind.fork({"train.py": "evil\n"}, number=8)
    named = PIPELINE.replace("step: train }", f"step: train, commit: {other} }}", 1)
    mind.approve(mind.fork({"valohai.yaml": named}))
    assert "takes everything from the approved one" in states(mind)[-1][1]
    mind.push(named.replace("pull-request: {}", "push: {}"))
    assert mind.run().trust == "trusted"
    assert "in no branch and no tag" in mind.run().reason
    assert mind.waiting() == []


def test_groups_of_untrusted_runs_replace_nothing_that_is_trusted(tmp_path: Path) -> None:
    mind = ForkMind(tmp_path)
    grouped = CONFIG.replace("run: {", "concurrency: { group: all, replace: all }, run: {")
    mind.push(grouped)
    [ours] = mind.waiting()
    mind.approve(mind.fork({"a": "1"}))
    assert {row.environment_id for row in mind.waiting()} == {ENVIRONMENT, FORKS}
    assert ours.id in {row.id for row in mind.waiting()}


def test_the_words_of_a_held_check(mind: ForkMind) -> None:
    sha = mind.fork({"train.py": "print(2)\n", "valohai.yaml": CONFIG + "# more\n", "README.md": "x"})
    said = mind.waiting_words()
    assert "it comes from a fork by eve. It waits since 2030-01-02 03:0" in said
    assert f"```\n/approve {sha}\n```" in said
    assert "Who may write to the repository" in said
    assert "in the environment `forks`, with no secrets, for at most 4 machine hours in all" in said
    assert "⚠ It changes what would run: `train.py`, `valohai.yaml`. Look at that" in said
    mind.fork({"README.md": "y"})
    assert "⚠" not in mind.waiting_words()
    mind.policy(grants=("public",))
    assert "with the variable groups `public` where its steps name them" in mind.waiting_words()
    mind.policy(environment="")
    said = mind.waiting_words()
    assert "cannot be approved at present" in said
    assert "/approve" not in said
    mind.settings(environments=(Environment(ENVIRONMENT, "local"),))
    mind.policy(environment="forks")
    assert "no environment forks" in mind.waiting_words()
