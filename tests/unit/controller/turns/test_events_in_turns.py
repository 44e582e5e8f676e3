"""Tags, pull requests and comments over a real repository and a real ledger, with the test as agent and forge."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from controller import loop
from controller.core.events import Comment, PullRequest
from controller.ports import Watched
from controller.pulls import events as forge_events
from ledger import events, pull_approvals, verdicts
from ledger.tables import events as events_table
from ledger.tables import ref_observations
from schemas import codec
from schemas.states import RunState
from tests.builders.mind import Mind

STEP = """
- step:
    name: train
    image: python:3.12
    command: python train.py
"""


def trigger(name: str, when: str, more: str = "") -> str:
    return f"- trigger: {{ name: {name}, when: {{ {when} }}, run: {{ step: train }}{more} }}\n"


def words(mind: Mind) -> list[tuple[str, str, str, str]]:
    return [(run.trigger, run.event, run.state.value, run.reason) for run in mind.runs()]


def branch(mind: Mind, name: str, files: dict[str, str], message: str = "Change") -> str:
    """Commit on top of main and push it to a branch."""
    mind.person.git("checkout", "--quiet", "-B", name, "origin/main")
    sha = mind.person.commit(files, message)
    mind.person.push(f"+HEAD:refs/heads/{name}")
    mind.person.git("checkout", "--quiet", "main")
    return sha


def tell(mind: Mind, event: PullRequest | Comment) -> bool:
    kind = events.PULL_REQUEST if isinstance(event, PullRequest) else events.COMMENT
    with mind.ports.ledger.write() as connection:
        new = events.tell(connection, mind.repository_id(), kind, event.key, codec.to_json(event), mind.now)
    mind.turns()
    return new


def outcomes(mind: Mind) -> list[str]:
    with mind.ports.ledger.read() as connection:
        return [row.outcome for row in connection.execute(select(events_table).order_by(events_table.c.id))]


def is_judged(mind: Mind, sha: str) -> bool:
    with mind.ports.ledger.read() as connection:
        return verdicts.is_judged(connection, mind.repository_id(), sha)


# Tags.


@pytest.mark.parametrize("annotated", [True, False])
def test_a_tag_starts_its_trigger_with_a_check_of_its_own(tmp_path: Path, annotated: bool) -> None:
    mind = Mind(tmp_path)
    config = STEP + trigger("train", 'push: {}, tag: { names: ["v*"] }', ", paths: [never]")
    sha = mind.push(config)
    if annotated:
        mind.person.tag("v1")
    else:
        mind.person.git("tag", "v1")
        mind.person.push("refs/tags/v1")
    mind.turns()
    assert [(run.event, run.occurrence, run.state) for run in mind.runs()] == [
        ("push", "", RunState.NEUTRAL),
        ("tag", "v1", RunState.RUNNING),
    ]
    mind.finish(mind.waiting()[0])
    said = mind.notes(sha)
    assert said["luotsi/train"].startswith("success: neutral: not affected")
    assert said["luotsi/train (tag)"] == "success: #1 train complete"


def test_a_tag_that_no_branch_reaches_is_judged_and_runs(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(STEP)
    mind.person.git("checkout", "--quiet", "--detach")
    before = mind.person.commit({"a": "1"}, "Before")
    sha = mind.person.commit({"valohai.yaml": STEP + trigger("train", "tag: {}")}, "Aside")
    mind.person.tag("aside")
    mind.turns()
    assert is_judged(mind, before)
    assert is_judged(mind, sha)
    assert [(run.sha, run.ref) for run in mind.runs()] == [(sha, "refs/tags/aside")]
    assert [execution.sha for execution in mind.waiting()] == [sha]


def test_a_tag_that_moves_fires_where_it_is_now_and_one_that_is_made_again_does_not(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    first = mind.push(STEP + trigger("train", "tag: {}"))
    mind.person.tag("moving")
    mind.turns()
    second = mind.push(STEP + trigger("train", "tag: {}"), a="1")
    mind.person.git("tag", "--force", "moving", second)
    mind.person.push("--force", "refs/tags/moving")
    mind.turns()
    assert [run.sha for run in mind.runs()] == [first, second]
    mind.person.push(":refs/tags/moving")
    mind.turns()
    mind.person.push("refs/tags/moving")
    mind.turns()
    assert len(mind.runs()) == 2


def watch(mind: Mind, *roots: str) -> None:
    """The settings name the repository from now on: what is there is its baseline."""
    named = Watched("shop", str(mind.person.bare), roots=roots or ("",))
    mind.ports = replace(mind.ports, settings=replace(mind.ports.settings, repositories=(named,)))
    loop.prepare(mind.ports)
    mind.turns()


def test_tags_of_the_baseline_start_nothing(tmp_path: Path) -> None:
    mind = Mind(tmp_path, repositories=())
    mind.person.commit({"valohai.yaml": STEP + trigger("train", "tag: {}, push: {}")})
    mind.person.push()
    mind.person.tag("old")
    watch(mind)
    assert mind.runs() == []
    mind.person.tag("new")
    mind.turns()
    assert [(run.occurrence, run.event) for run in mind.runs()] == [("new", "tag")]


def test_tags_that_the_registry_saw_before_they_were_events_start_nothing(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(STEP + trigger("train", "tag: {}"))
    mind.person.tag("old")
    mind.turns()
    assert len(mind.runs()) == 1
    with mind.ports.ledger.write() as connection:
        connection.execute(delete(ref_observations).where(ref_observations.c.ref == "refs/tags/old"))
    mind.ports.sights.clear()  # a process of the new version has seen nothing yet
    mind.turns()
    with mind.ports.ledger.read() as connection:
        query = select(ref_observations.c.baseline).where(ref_observations.c.ref == "refs/tags/old")
        assert connection.execute(query).scalars().all() == [True]


def test_a_branch_on_a_commit_behind_the_baseline_is_judged_and_runs(tmp_path: Path) -> None:
    mind = Mind(tmp_path, repositories=())
    old = mind.person.commit({"valohai.yaml": STEP + trigger("train", "push: {}")})
    mind.person.commit({"a": "1"})
    mind.person.push()
    watch(mind)
    assert not is_judged(mind, old)
    mind.person.push(f"{old}:refs/heads/old")
    mind.turns()
    assert is_judged(mind, old)
    assert [run.sha for run in mind.runs()] == [old]


# Pull requests.

CONFIG = STEP + trigger("train", "pull-request: { targets: [main] }, comment: /train", ', paths: ["data/**"]')


def pull_request(mind: Mind, head: str, **facts: Any) -> PullRequest:
    given: dict[str, Any] = {"number": 7, "head": head, "base_ref": "main", "base": mind.head() or ""}
    return PullRequest(**given | facts)


def test_a_pull_request_runs_at_its_head_by_what_it_changes(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(CONFIG, **{"data/a": "1"})
    main = mind.head()
    other = branch(mind, "docs", {"README.md": "More."})
    changed = branch(mind, "data", {"data/a": "2"})
    # main moves on: what it changed since is not the pull requests' doing.
    mind.push(CONFIG, **{"data/a": "3"})
    assert tell(mind, pull_request(mind, other, number=1))
    assert tell(mind, pull_request(mind, changed, number=2))
    assert not tell(mind, pull_request(mind, changed, number=2))
    first, second = mind.runs()
    assert (first.sha, first.state, first.pull_request) == (other, RunState.NEUTRAL, 1)
    assert first.reason.startswith("not affected")
    assert (second.sha, second.state, second.ref) == (changed, RunState.RUNNING, "refs/pull/2/head")
    assert second.before == main, "a gate begins at the merge base"
    assert outcomes(mind) == [
        "train not affected: nothing under data/** changed",
        "train runs",
    ]
    # Decided again: nothing is started, and nothing says that it is.
    with mind.ports.ledger.write() as connection:
        told = connection.scalars(select(events_table.c.key).order_by(events_table.c.id)).all()
        pull_approvals.ask_again(connection, mind.repository_id(), told, events.PULL_REQUEST)
    mind.turns()
    assert len(mind.runs()) == 2
    assert outcomes(mind)[1:] == ["train has its run already"]


def test_a_push_and_a_pull_request_at_one_commit_are_one_run(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(STEP + trigger("train", "push: {}, pull-request: {}"))
    mind.finish(mind.waiting()[0])
    main = mind.head()
    head = branch(mind, "feature", {"a": "1"})
    mind.turns()
    assert mind.run().event == "push"
    tell(mind, pull_request(mind, head))
    [_, run] = mind.runs()
    assert (run.event, run.pull_request, run.before, run.sha) == ("pull-request", 7, main, head)
    assert len(mind.executions()) == 2
    assert outcomes(mind) == ["train has its run already"]


def test_an_event_that_starts_a_run_wins_over_one_that_filtered_it_out(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(STEP + trigger("train", "push: { branches: [feature] }, pull-request: {}", ", paths: [a]"))
    branch(mind, "feature", {"a": "1"})
    mind.turns()
    mind.finish(mind.waiting()[0])
    mind.person.git("checkout", "--quiet", "feature")
    head = mind.person.commit({"b": "2"})
    mind.person.push("HEAD:refs/heads/feature")
    mind.turns()
    assert mind.run().state is RunState.NEUTRAL
    tell(mind, pull_request(mind, head))
    run = mind.run()
    assert (run.sha, run.state, run.event, run.reason[:2]) == (head, RunState.RUNNING, "pull-request", "#2")


@pytest.mark.parametrize(
    ("facts", "reason"), [({"fork": True}, "waits for approval"), ({"trusted": False}, "untrusted: not run")]
)
def test_untrusted_pull_requests_end_neutral_and_run_nothing(
    tmp_path: Path, facts: dict[str, bool], reason: str
) -> None:
    mind = Mind(tmp_path)
    mind.push(CONFIG, **{"data/a": "1"})
    head = branch(mind, "theirs", {"data/a": "2"})
    tell(mind, pull_request(mind, head, **facts))
    run = mind.run()
    assert (run.trust, run.state) == ("untrusted", RunState.NEUTRAL)
    assert run.reason.startswith(reason)
    assert mind.executions() == []
    assert mind.notes(head)["luotsi/train"].startswith(f"pending: {reason}")
    # The same commit in a branch of ours is another run, and the check is its own.
    tell(mind, Comment("1", 8, head, "/train", "ada", may_write=True))
    assert mind.run().trust == "trusted"
    assert mind.notes(head)["luotsi/train"].startswith("pending: #1 train")


def test_a_commit_that_cannot_be_had_is_said_and_holds_up_nobody(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(CONFIG, **{"data/a": "1"})
    tell(mind, pull_request(mind, "e" * 40, fork=True))
    assert not is_judged(mind, "e" * 40)
    mind.now += forge_events.PATIENCE
    mind.turns()
    assert is_judged(mind, "e" * 40)
    assert mind.runs() == []
    assert outcomes(mind) == ["there is no valohai.yaml to be read at eeeeeee"]
    head = branch(mind, "ours", {"data/a": "2"})
    tell(mind, pull_request(mind, head, number=8))
    assert mind.run().sha == head


# Comments.


def test_a_comment_of_somebody_who_may_write_runs_once(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(CONFIG, **{"data/a": "1"})
    head = branch(mind, "docs", {"README.md": "More."})
    tell(mind, pull_request(mind, head))
    said = Comment("41", 7, head, "/train please", "ada", may_write=True)
    assert tell(mind, said)
    assert not tell(mind, said)
    assert tell(mind, Comment("42", 7, head, "/train", "eve", may_write=False))
    filtered, run = mind.runs()
    assert filtered.state is RunState.NEUTRAL
    assert (run.event, run.occurrence, run.state) == ("comment", "41", RunState.RUNNING)
    assert outcomes(mind)[1:] == ["train runs; answered", "eve may not write to the repository; answered"]
    mind.finish(mind.waiting()[0])
    assert mind.notes(head)["luotsi/train"] == "success: #1 train complete"


def test_a_comment_on_a_fork_does_not_run_it(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(CONFIG, **{"data/a": "1"})
    head = branch(mind, "theirs", {"data/a": "2"})
    tell(mind, pull_request(mind, head, fork=True))
    tell(mind, Comment("41", 7, head, "/train", "ada", may_write=True))
    assert [(run.event, run.state) for run in mind.runs()] == [
        ("pull-request", RunState.NEUTRAL),
        ("comment", RunState.NEUTRAL),
    ]
    assert mind.executions() == []


def test_an_event_of_a_later_version_is_put_aside(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    with mind.ports.ledger.write() as connection:
        for kind, body in (("merge-group", {}), (events.PULL_REQUEST, {"number": "seven"})):
            events.tell(connection, mind.repository_id(), kind, json.dumps(body), body, mind.now)
    mind.turns()
    assert outcomes(mind) == ["not understood: merge-group", "not understood: pull-request"]
