"""A person lets a run begin again: a new round of steps, pipelines and tasks, in which nothing of an earlier one is taken."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Table, func, select

from controller.pulls.asker import Asker
from controller.triggering import retrying
from controller.triggering.retrying import Retry
from controller.watching import coverage, observe
from ledger import repositories, runs
from ledger.runs import RunRow
from ledger.tables import audit, executions, pipelines, tasks, verdicts
from schemas.states import ExecutionState, RunState
from tests.builders.mind import Mind
from tests.builders.pipeline_mind import A, B, PipelineMind

ADA = Asker("test:1", "ada", "a test")
STEP = "- step: { name: train, image: python:3.12, command: python train.py }\n"
TASK = (
    "- task: { name: sweep, type: manual_search, step: train, parameter-sets: [{ lr: 1 }, { lr: 2 }] }\n"
    "- step: { name: train, image: python:3.12, command: python train.py, parameters: [{ name: lr, type: float }] }\n"
)


def trigger(name: str = "train", run: str = "step: train", more: str = "") -> str:
    return (
        f"- trigger: {{ name: {name}, when: {{ push: {{}}, pull-request: {{}} }}, run: {{ {run} }}{more} }}\n"
    )


def retry(mind: Mind, run: RunRow) -> Retry:
    """As a comment, a button or a verb has it done."""
    wanted = retrying.prepare(mind.ports, run)
    with mind.ports.ledger.write() as connection:
        repository = repositories.by_id(connection, run.repository_id)
        came = retrying.retry(connection, mind.ports, repository, wanted, ADA, mind.now)
    mind.turns()
    return came


def records(mind: Mind, kind: str) -> list[tuple[str, int]]:
    """(state, round) of every record of a kind, by their keys."""
    store = mind.ports.stores["system"]
    found = [
        json.loads(store.get(key))["body"] for key in sorted(store.list("records/")) if f"/{kind}/" in key
    ]
    return [(body["state"], body.get("round", 0)) for body in found]


def count(mind: Mind, table: Table) -> int:
    with mind.ports.ledger.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_a_failed_run_begins_again_in_a_round_of_its_own(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    sha = mind.push(STEP + trigger())
    mind.finish(mind.waiting()[0], "error")
    failed = mind.run()
    assert mind.notes(sha)["luotsi/train"].startswith("failure: ")
    came = retry(mind, failed)
    assert came.run is not None
    assert (mind.run().id, mind.run().round, mind.run().state) == (failed.id, 2, RunState.RUNNING)
    assert mind.notes(sha)["luotsi/train"].startswith("pending: ")
    [first, second] = mind.executions()
    assert (first.state, second.state) == (ExecutionState.ERROR, ExecutionState.QUEUED)
    mind.finish(second)
    assert mind.notes(sha)["luotsi/train"] == "success: #2 train complete"
    assert records(mind, "run") == [("failure", 1), ("success", 2)]
    with mind.ports.ledger.read() as connection:
        repository = repositories.by_id(connection, failed.repository_id)
        covered = coverage.of_repository(
            connection, repository, observe.mirror_of(mind.ports, repository), None
        )
    assert (covered.missing, covered.commits, count(mind, verdicts)) == ((), 2, 2)


def test_a_run_that_goes_on_is_left_alone_and_one_that_is_retried_twice_begins_once(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(STEP + trigger())
    assert retry(mind, mind.run()) == Retry(None, retrying.RUNNING)
    mind.finish(mind.waiting()[0], "error")
    failed = mind.run()
    assert retry(mind, failed).run is not None
    assert retry(mind, failed) == Retry(None, retrying.RUNNING)
    assert (len(mind.executions()), mind.run().round) == (2, 2)
    mind.finish(mind.waiting()[0], "error")
    assert retry(mind, mind.run()).run is not None
    assert (len(mind.executions()), mind.run().round) == (3, 3)


def test_no_old_result_serves_a_retry(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(STEP + trigger(more=", reuse: true"))
    mind.finish(mind.waiting()[0])
    mind.push(STEP + trigger(more=", reuse: true"))
    assert mind.executions()[-1].reused_id is not None
    assert retry(mind, mind.run()).run is not None
    [again] = mind.waiting()
    assert again.reused_id is None


def test_a_pipeline_is_made_anew_with_a_number_of_its_own(tmp_path: Path) -> None:
    mind = PipelineMind(tmp_path)
    mind.start(f"[{A}, {B}]", "[[a.output.*, b.input.model]]", ", reuse-executions: true")
    mind.end("a", outputs={"m.bin": b"1"})
    mind.end("b", "error")
    old = mind.pipeline
    assert mind.ended() == ("error", RunState.FAILURE)
    assert retry(mind, mind.run()).run is not None
    new = mind.pipeline
    assert (new.id == old.id, new.number, new.round) == (False, old.number + 1, 2)
    assert [(row.node, row.reused_id) for row in mind.waiting()] == [("a", None)]
    mind.end("a", outputs={"m.bin": b"2"})
    mind.end("b")
    assert mind.ended() == ("complete", RunState.SUCCESS)
    assert records(mind, "run") == [("failure", 1), ("success", 2)]
    assert sorted(records(mind, "pipeline")) == [("complete", 2), ("error", 1)]


def test_a_pipeline_that_is_retried_while_its_old_executions_still_end_goes_on_by_itself(
    tmp_path: Path,
) -> None:
    mind = PipelineMind(tmp_path)
    mind.start(f"[{A}, {B}]")
    mind.claim(mind.of("a"))
    mind.claim(mind.of("b"))
    run = mind.run()
    with mind.ports.ledger.write() as connection:
        repository = repositories.by_id(connection, run.repository_id)
        assert retrying.cancel(connection, mind.ports, repository, run, ADA, mind.now)
    old = [mind.of("a"), mind.of("b")]
    assert retry(mind, run).run is not None
    for execution in old:
        mind.finish(execution, "stopped")
    assert [row.state for row in mind.executions()[:2]] == [ExecutionState.STOPPED] * 2
    assert mind.run().state is RunState.RUNNING
    mind.end("a")
    mind.end("b")
    assert mind.ended() == ("complete", RunState.SUCCESS)
    assert count(mind, pipelines) == 2


def test_a_task_is_made_anew(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(TASK + trigger(run="task: sweep"))
    for row in mind.waiting():
        mind.finish(row, "error")
    assert mind.run().state is RunState.FAILURE
    assert retry(mind, mind.run()).run is not None
    assert len(mind.waiting()) == 2
    for row in mind.waiting():
        mind.finish(row)
    assert mind.run().state is RunState.SUCCESS
    assert count(mind, tasks) == 2
    assert sorted(records(mind, "task")) == [("complete", 2), ("error", 1)]


def test_a_filtered_run_begins_when_a_person_asks_for_it(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    group = ", paths: [src/], concurrency: { group: '{trigger}', replace: all }"
    mind.push(STEP + trigger(more=group), a="1")
    mind.push(STEP + trigger(more=group), a="2")
    run = mind.run()
    assert (run.state, run.concurrency_group) == (RunState.NEUTRAL, None)
    assert retry(mind, run).run is not None
    assert mind.run().concurrency_group == "train"
    mind.finish(mind.waiting()[0])
    assert mind.run().state is RunState.SUCCESS


def test_a_retry_takes_its_place_in_its_group_as_the_newest(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    text = STEP + trigger(more=", concurrency: { group: one, replace: all }")
    first = mind.push(text, a="1")
    second = mind.push(text, a="2")
    assert [run.state for run in mind.runs()] == [RunState.CANCELLED, RunState.RUNNING]
    [replaced] = [run for run in mind.runs() if run.sha == first]
    assert retry(mind, replaced).run is not None
    states = {run.sha: run.state for run in mind.runs()}
    assert states == {first: RunState.RUNNING, second: RunState.CANCELLED}


def test_a_run_whose_trigger_cannot_be_read_any_more_says_so(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(STEP + trigger())
    mind.finish(mind.waiting()[0], "error")
    with mind.ports.ledger.write() as connection:
        connection.execute(verdicts.update().values(text=None))
    assert retry(mind, mind.run()) == Retry(None, retrying.GONE)
    assert mind.run().round == 1


@pytest.mark.parametrize("name", ["ada", "@everyone\nand more", ""])
def test_what_a_person_did_is_in_the_audit_with_the_account_and_their_name_notifies_nobody(
    tmp_path: Path, name: str
) -> None:
    mind = Mind(tmp_path)
    mind.push(STEP + trigger())
    run = mind.run()
    with mind.ports.ledger.write() as connection:
        repository = repositories.by_id(connection, run.repository_id)
        who = Asker("github:7", name, "comment 12")
        assert retrying.cancel(connection, mind.ports, repository, run, who, mind.now)
        assert not retrying.cancel(connection, mind.ports, repository, run, who, mind.now)
    mind.turns()
    assert mind.run().state is RunState.CANCELLED
    assert [row.state for row in mind.executions()] == [ExecutionState.STOPPED]
    assert "@" not in mind.run().reason
    assert "\n" not in mind.run().reason
    with mind.ports.ledger.read() as connection:
        [row] = connection.execute(select(audit).where(audit.c.what == "cancel")).all()
    assert (row.who, row.subject, row.detail["by"]) == ("github:7", run.id, "comment 12")


def test_a_result_that_comes_for_an_earlier_round_changes_nothing_of_the_new_one(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(STEP + trigger())
    [old] = mind.waiting()
    mind.claim(old)
    run = mind.run()
    with mind.ports.ledger.write() as connection:
        repository = repositories.by_id(connection, run.repository_id)
        retrying.cancel(connection, mind.ports, repository, run, ADA, mind.now)
    assert retry(mind, run).run is not None
    mind.finish(old)
    assert mind.run().state is RunState.RUNNING
    with mind.ports.ledger.read() as connection:
        assert runs.by_id(connection, run.id).round == 2
    assert len(mind.waiting()) == 1
    assert count(mind, executions) == 2
