"""Concurrency groups over a real repository and a real ledger, with the test as the agent."""

import json
from pathlib import Path

import pytest

from ledger import agents, attempts, executions, tasks
from schemas.states import AttemptState, ExecutionState, RunState, TaskState
from schemas.values import short
from tests.builders.mind import ENVIRONMENT, Mind

STEP = """
- step:
    name: train
    image: python:3.12
    command: python train.py
- pipeline:
    name: both
    nodes:
      - { name: first, type: execution, step: train }
      - { name: second, type: execution, step: train }
    edges:
      - [first.output.*, second.input.data]
"""
STEP = STEP.replace("    command:", "    inputs: [{ name: data, optional: true }]\n    command:")


def config(replace: str, *names: str, target: str = "step: train", group: str = "{ref}") -> str:
    return STEP + "".join(
        f"- trigger: {{ name: {name}, when: {{ push: {{}} }}, run: {{ {target} }}, "
        f'concurrency: {{ group: "{group}", replace: {replace} }} }}\n'
        for name in names or ("train",)
    )


def states(mind: Mind) -> list[tuple[str, str]]:
    return [(short(run.sha), run.state.value) for run in mind.runs()]


def one_at_a_time(mind: Mind) -> bool:
    return len({row.run_id for row in mind.waiting()}) <= 1


def test_a_newer_run_takes_the_place_of_those_that_wait(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    text = config("queued")
    first, second, third = (mind.push(text, a=str(number)) for number in range(3))
    assert states(mind) == [
        (short(first), "running"),
        (short(second), "cancelled"),
        (short(third), "waiting"),
    ]
    assert mind.runs()[1].reason == f"replaced by {short(third)}"
    assert mind.notes(second)["luotsi/train"] == f"error: cancelled: replaced by {short(third)}"
    assert mind.notes(third)["luotsi/train"] == (
        f"pending: waits for train at {short(first)}, of the same concurrency group"
    )
    assert len(mind.executions()) == 1
    mind.finish(mind.waiting()[0])
    mind.finish(mind.waiting()[0])
    assert states(mind)[0][1] == states(mind)[2][1] == "success"
    assert [row.sha for row in mind.executions()] == [first, third]


def test_all_stops_the_one_that_goes_on_and_waits_until_it_has_ended(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    text = config("all")
    first = mind.push(text, a="1")
    [old] = mind.waiting()
    claimed = claim(mind, old.id)
    second = mind.push(text, a="2")
    assert states(mind) == [(short(first), "cancelled"), (short(second), "waiting")]
    assert mind.runs()[0].reason == f"replaced by {short(second)}"
    assert [row.state for row in mind.executions()] == [ExecutionState.STOPPING]
    assert one_at_a_time(mind)
    end(mind, claimed, old.id)
    assert states(mind)[1] == (short(second), "running")
    assert mind.waiting()[0].sha == second


def test_all_of_one_that_nobody_had_taken_begins_at_once(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    text = config("all")
    mind.push(text, a="1")
    second = mind.push(text, a="2")
    assert [row.state for row in mind.executions()] == [ExecutionState.STOPPED, ExecutionState.QUEUED]
    assert mind.run().sha == second


def test_a_replaced_pipeline_starts_no_other_node(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    text = config("all", target="pipeline: both")
    mind.push(text, a="1")
    [node] = mind.waiting()
    mind.finish(node)
    [node] = mind.waiting()
    assert node.node == "second"
    second = mind.push(text, a="2")
    assert [(row.node, row.sha == second) for row in mind.waiting()] == [("first", True)]
    mind.finish(mind.waiting()[0])
    mind.finish(mind.waiting()[0])
    assert mind.is_over()
    assert [run.state for run in mind.runs()] == [RunState.CANCELLED, RunState.SUCCESS]


def test_a_replaced_task_is_stopped_with_its_last_execution_and_recorded(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    sweep = (
        "- task: { name: sweep, type: manual_search, step: train, parameter-sets: [{ lr: 1 }, { lr: 2 }] }\n"
    )
    text = config("all", target="task: sweep").replace("- trigger:", sweep + "- trigger:", 1)
    text = text.replace("    inputs:", "    parameters: [{ name: lr, type: integer }]\n    inputs:", 1)
    mind.push(text, a="1")
    first, waiting = mind.waiting()
    mind.claim(first)
    second = mind.push(text, a="2")
    with mind.ports.ledger.read() as connection:
        [task] = tasks.of_run(connection, mind.runs()[0].id, 1)
    assert task.state is TaskState.STOPPING
    mind.finish(first, "stopped")
    with mind.ports.ledger.read() as connection:
        task = tasks.by_id(connection, task.id)
    assert (task.state, [row.state for row in mind.executions()[:2]]) == (
        TaskState.STOPPED, [ExecutionState.STOPPED] * 2,
    )  # fmt: skip
    assert "its run has ended" in task.reason
    [kept] = [key for key in mind.ports.stores["system"].list("records/") if "/task/" in key]
    assert json.loads(mind.ports.stores["system"].get(kept))["body"]["reason"] == task.reason
    assert {row.sha for row in mind.waiting()} == {second}
    assert waiting.id not in {row.id for row in mind.waiting()}


def test_none_replaces_nobody_and_runs_them_in_order(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    text = config("none")
    shas = [mind.push(text, a=str(number)) for number in range(3)]
    waits = f"waits for train at {short(shas[1])}, of the same concurrency group"
    assert mind.run().reason == waits
    for _ in shas:
        assert one_at_a_time(mind)
        mind.finish(mind.waiting()[0])
    assert [row.sha for row in mind.executions()] == shas
    assert {run.state for run in mind.runs()} == {RunState.SUCCESS}


def test_what_one_push_starts_does_not_replace_each_other(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(config("queued", "one", "two", "three", group="gpu"))
    while mind.waiting():
        assert one_at_a_time(mind)
        mind.finish(mind.waiting()[0])
    assert [(run.trigger, run.state.value) for run in mind.runs()] == [
        ("one", "success"),
        ("two", "success"),
        ("three", "success"),
    ]


def test_other_branches_are_other_groups(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    text = config("queued")
    mind.push(text)
    mind.person.commit({"a": "1"})
    mind.person.push("HEAD:refs/heads/other")
    mind.turns()
    assert {run.state for run in mind.runs()} == {RunState.RUNNING}


def test_a_branch_that_comes_back_runs_what_had_been_replaced(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    text = config("queued")
    mind.push(text, a="1")
    second = mind.push(text, a="2")
    third = mind.push(text, a="3")
    mind.person.push(f"+{second}:refs/heads/main")
    mind.turns()
    by_sha = {run.sha: run for run in mind.runs()}
    assert by_sha[second].state is RunState.WAITING
    assert by_sha[third].reason == f"replaced by {short(second)}"
    mind.finish(mind.waiting()[0])
    mind.finish(mind.waiting()[0])
    assert by_sha.keys() == {run.sha for run in mind.runs()}
    assert mind.executions()[-1].sha == second


def test_a_run_that_cannot_be_planned_frees_its_place(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    text = config("none")
    mind.push(text, a="1")
    mind.push(text.replace("run: { step: train }", "run: { step: train, environment: nowhere }"), a="2")
    third = mind.push(text, a="3")
    mind.finish(mind.waiting()[0])
    assert [run.state for run in mind.runs()] == [RunState.SUCCESS, RunState.ERROR, RunState.RUNNING]
    assert mind.waiting()[0].sha == third


def claim(mind: Mind, execution: str) -> str:
    with mind.ports.ledger.write() as connection:
        agent = agents.by_token(connection, "sha256:" + "a" * 64)
        assert agent is not None
        attempt = next(row for row in attempts.waiting(connection) if row.execution_id == execution)
        attempts.claim(connection, attempt.id, agent.id, ENVIRONMENT, 0, mind.now)
        return str(attempt.id)


def end(mind: Mind, attempt: str, execution: str) -> None:
    with mind.ports.ledger.write() as connection:
        attempts.end(connection, attempt, AttemptState.STOPPED, "stopped", mind.now)
        executions.end(connection, execution, ExecutionState.STOPPED, "stopped", mind.now)
    mind.turns()


@pytest.mark.parametrize("replace", ["queued", "all", "none"])
def test_an_errand_of_pushes_comes_to_an_end(tmp_path: Path, replace: str) -> None:
    mind = Mind(tmp_path)
    text = config(replace, "one", "two", group="shared")
    for number in range(4):
        mind.push(text, a=str(number))
        assert one_at_a_time(mind)
    for _ in range(20):
        if not mind.waiting():
            break
        mind.finish(mind.waiting()[0])
        assert one_at_a_time(mind)
    assert mind.is_over()
    assert {run.state for run in mind.runs()[-2:]} == {RunState.SUCCESS}
