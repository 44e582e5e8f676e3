"""Tasks performed: the controller's turns over a real repository and a real ledger, with the test as the agents."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from controller import loop
from controller.attempts import results
from controller.running import scene, tasks
from ledger import inbox
from ledger import tasks as task_rows
from ledger.executions import ExecutionRow
from ledger.tables import tasks as table
from ledger.tasks import TaskRow
from schemas.states import ExecutionState, RunState, TaskState
from tests.builders.mind import Mind

STEP = """
- step:
    name: train
    image: python:3.12
    command: python train.py {parameters}
    parameters:
      - {name: lr, type: float, default: 0.5}
      - {name: depth, type: integer, default: 3}
"""
TRIGGER = """
- trigger:
    name: tune
    when:
      push: { branches: [main] }
    run: { task: sweep }
"""
GRID = """
- task:
    name: sweep
    step: train
    parameters:
      - {name: lr, style: multiple, rules: {items: [0.1, 0.2, 0.3]}}
"""
BAYESIAN = """
- task:
    name: sweep
    step: train
    type: bayesian_tpe
    execution-count: 6
    execution-batch-size: 2
    optimization-target-metric: accuracy
    optimization-target-value: 1
    parameters:
      - {name: lr, style: random, rules: {min: 0.001, max: 1, distribution: log_uniform}}
"""
EXPECT = '    expect: ["accuracy >= 0.9", "loss < 0.5"]\n'


@pytest.fixture
def mind(tmp_path: Path) -> Mind:
    return Mind(tmp_path)


def limited(task: str, *fields: str) -> str:
    return task.replace(
        "    step: train\n", "    step: train\n" + "".join(f"    {each}\n" for each in fields)
    )


def sweep(mind: Mind) -> TaskRow:
    """The newest task."""
    with mind.ports.ledger.read() as connection:
        last = connection.scalars(select(table.c.id).order_by(table.c.number.desc())).first()
        assert last is not None
        return task_rows.by_id(connection, last)


def rates(rows: list[ExecutionRow]) -> list[float]:
    return [row.spec["parameters"]["lr"] for row in rows]


def finish_all(mind: Mind, **metadata: Any) -> None:
    while waiting := mind.waiting():
        lr = waiting[0].spec["parameters"]["lr"]
        mind.finish(waiting[0], metadata={"accuracy": 1 - lr, "loss": lr, **metadata})


def test_a_grid_is_one_check_with_its_best(mind: Mind) -> None:
    sha = mind.push(STEP + GRID + TRIGGER + EXPECT)
    rows = mind.executions()
    assert rates(rows) == [0.1, 0.2, 0.3]
    assert [row.child for row in rows] == [0, 1, 2]
    assert rows[0].spec["commands"] == ["python train.py --lr=0.1 --depth=3"]
    assert (rows[0].spec["task_counter"], rows[0].spec["child"]) == (1, 0)
    assert mind.run().reason == "!1 sweep: 0 of 3 complete, 3 queued"
    finish_all(mind)
    said = "!1 sweep: 3 of 3 complete, best #1 accuracy 0.9 with lr 0.1"
    assert (mind.run().state, mind.run().reason) == (RunState.SUCCESS, said)
    assert (sweep(mind).state, sweep(mind).reason) == (TaskState.COMPLETE, said)
    assert mind.notes(sha)["luotsi/tune"] == f"success: {said}"


def test_each_expectation_is_judged_on_the_child_that_is_best_for_it(mind: Mind) -> None:
    mind.push(STEP + GRID + TRIGGER + '    expect: ["accuracy >= 0.95", "loss < 0.1", "depth == 4"]\n')
    for row, (accuracy, loss, depth) in zip(
        mind.waiting(), [(0.99, 0.9, 3), (0.5, 0.05, 4), (0.6, 0.6, 5)], strict=True
    ):
        mind.finish(row, metadata={"accuracy": accuracy, "loss": loss, "depth": depth})
    assert mind.run().state is RunState.SUCCESS


def test_a_bayesian_task_is_judged_on_the_child_nearest_to_its_target(mind: Mind) -> None:
    mind.push(STEP + BAYESIAN + TRIGGER + '    expect: ["loss < 0.1"]\n')
    while waiting := mind.waiting():
        first = waiting[0].child == 0
        mind.finish(waiting[0], metadata={"accuracy": 0.9 if first else 0.5, "loss": 0.5 if first else 0.01})
    assert mind.run().state is RunState.FAILURE
    assert mind.run().reason.startswith(
        "loss is 0.5, expected < 0.1 (loss < 0.1); !1 sweep: 6 of 6 complete, best #1"
    )


def test_a_base_is_the_best_of_the_task_before(mind: Mind) -> None:
    expect = '    expect: ["accuracy >= base - 0.01"]\n'
    mind.push(STEP + GRID + TRIGGER + expect)
    finish_all(mind)
    mind.push(STEP + GRID + TRIGGER + expect, "Again", **{"other.txt": "x"})
    finish_all(mind, accuracy=0.5)
    assert mind.run().state is RunState.FAILURE
    assert "accuracy is 0.5, expected >= 0.89" in mind.run().reason


def test_no_more_run_at_once_than_may(mind: Mind) -> None:
    mind.push(STEP + limited(GRID, "maximum-queued-executions: 2") + TRIGGER)
    assert rates(mind.waiting()) == [0.1, 0.2]
    mind.finish(mind.waiting()[1])
    assert rates(mind.waiting()) == [0.1, 0.3]
    finish_all(mind)
    assert (len(mind.executions()), mind.run().state) == (3, RunState.SUCCESS)


@pytest.mark.parametrize(
    ("rule", "state", "started", "said"),
    [
        ("continue-and-complete", RunState.SUCCESS, 3, "2 of 3 complete, 1 failed"),
        ("continue-and-error", RunState.FAILURE, 3, "2 of 3 complete, 1 failed"),
        (
            "stop_all_and_error",
            RunState.FAILURE,
            1,
            "#1 with lr 0.1 failed: exit code 7; 0 of 3 complete, 1 failed",
        ),
        (None, RunState.FAILURE, 3, "2 of 3 complete, 1 failed"),
    ],
)
def test_a_child_fails(mind: Mind, rule: str | None, state: RunState, started: int, said: str) -> None:
    fields = ["maximum-queued-executions: 1", *([f"on-child-error: {rule}"] if rule else [])]
    mind.push(STEP + limited(GRID, *fields) + TRIGGER)
    mind.finish(mind.waiting()[0], "error", reason="exit code 7")
    finish_all(mind)
    assert len(mind.executions()) == started
    assert (mind.run().state, mind.run().reason) == (state, f"!1 sweep: {said}")


def test_a_condition_stops_the_task_as_complete(mind: Mind) -> None:
    mind.push(
        STEP
        + limited(GRID, 'stop-condition: "accuracy > 0.7"')
        + TRIGGER
        + EXPECT.replace(', "loss < 0.5"', "")
    )
    mind.finish(mind.waiting()[1], metadata={"accuracy": 0.95})
    assert not mind.waiting(), "those that nobody had taken are stopped"
    assert mind.run().state is RunState.SUCCESS
    assert mind.run().reason == (
        "!1 sweep: stopped by its condition, accuracy > 0.7, at #2; 1 of 3 complete, 2 stopped, "
        "best #2 accuracy 0.95 with lr 0.2"
    )


def test_a_stopped_task_starts_nothing_and_ends_with_its_last_execution(mind: Mind) -> None:
    mind.push(STEP + limited(GRID, "maximum-queued-executions: 1") + TRIGGER)
    body = json.dumps({"task": sweep(mind).id, "who": "ada"}).encode()
    for delivery in ("first", "second"):
        with mind.ports.ledger.write() as connection:
            inbox.receive(connection, "cancel", "ada", delivery, body, mind.now)
    mind.turn()
    assert sweep(mind).state is TaskState.STOPPING
    mind.turns()
    assert (sweep(mind).state, len(mind.executions())) == (TaskState.STOPPED, 1)
    assert (mind.run().state, mind.run().reason) == (
        RunState.CANCELLED, "!1 sweep: stopped on request of ada; 0 of 3 complete, 1 stopped",
    )  # fmt: skip


def test_a_bayesian_task_asks_round_by_round_and_a_restart_changes_nothing(tmp_path: Path) -> None:
    tried = []
    for name in ("steady", "restarted"):
        folder = tmp_path / name
        folder.mkdir()
        mind = Mind(folder)
        mind.push(STEP + BAYESIAN + TRIGGER)
        for round_number in range(3):
            assert len(mind.executions()) == 2 * (round_number + 1)
            waiting = mind.waiting()
            plan = sweep(mind).plan
            mind.finish(waiting[1], metadata={"accuracy": rates(waiting)[1]}, rest=False)
            if name == "restarted":
                # Only the ledger is left of a controller that ends here: the plan is as it was before.
                loop.prepare(mind.ports)
            mind.turns()
            assert sweep(mind).plan == plan, "a round is asked for when the one before is over"
            mind.finish(
                waiting[0], "complete" if round_number else "error", metadata={"accuracy": rates(waiting)[0]}
            )
        tried.append(rates(mind.executions()))
        assert mind.run().state is RunState.FAILURE
    assert len(set(tried[0])) == 6


def test_children_of_a_stale_scene_are_not_started_again(mind: Mind) -> None:
    mind.push("- step: {name: a, image: b, command: c}\n")
    mind.person.commit(
        {"valohai.yaml": STEP + limited(GRID, "maximum-queued-executions: 1") + TRIGGER}, "Tune"
    )
    mind.person.push()
    while not mind.executions():
        mind.turn()
    mind.finish(mind.waiting()[0], rest=False)
    results.collect(mind.ports)
    stale = scene.read(mind.ports, mind.run())
    assert tasks.move(mind.ports, stale, stale.tasks[-1])
    assert not tasks.move(mind.ports, stale, stale.tasks[-1])
    assert len(mind.executions()) == 2


def test_what_cannot_be_planned_is_said_before_anything_starts(mind: Mind) -> None:
    mind.push(STEP + limited(GRID, "type: distributed", "execution-count: 2") + TRIGGER)
    assert mind.run().state is RunState.ERROR
    assert "come later" in mind.run().reason
    assert not mind.executions()


def test_a_run_that_ends_otherwise_takes_its_task_with_it(mind: Mind) -> None:
    mind.push(STEP + GRID + TRIGGER)
    scene.finish(mind.ports, mind.run(), RunState.CANCELLED, "replaced by a newer run")
    mind.turns()
    assert sweep(mind).state is TaskState.STOPPED
    assert all(row.state is ExecutionState.STOPPED for row in mind.executions())


def test_a_final_task_is_a_record(mind: Mind) -> None:
    mind.push(STEP + GRID + TRIGGER)
    finish_all(mind)
    kept = [key for key in mind.ports.stores["system"].list("records/") if "/task/" in key]
    assert len(kept) == 1
    body = json.loads(mind.ports.stores["system"].get(kept[0]))["body"]
    assert (body["number"], body["state"], body["reason"]) == (1, "complete", sweep(mind).reason)
    assert body["children"] == [row.id for row in mind.executions()]
    assert body["plan"] == sweep(mind).plan


def test_what_a_task_leaves_for_the_nodes_after_it(mind: Mind) -> None:
    mind.push(STEP + GRID + TRIGGER)
    for row in mind.waiting():
        outputs = {"model.json": b"{}", f"only-{row.number}.txt": b"x"}
        mind.finish(row, outputs=outputs, metadata={"accuracy": row.number}, rest=False)
    mind.turns()
    with mind.ports.ledger.read() as connection:
        left = tasks.finished(connection, sweep(mind))
    assert [file.name for file in left.outputs] == ["model.json", "only-1.txt", "only-2.txt", "only-3.txt"]
    assert f"/{mind.executions()[0].id}/" in f"/{left.outputs[0].key}"
    assert left.metadata == {"accuracy": [1, 2, 3]}
    assert left.spec["parameters"] == {"lr": [0.1, 0.2, 0.3], "depth": 3}
    assert left.spec["notes"] == ["several executions of !1 sweep made model.json: the first one's is taken"]


def test_children_reuse_what_was_done_where_the_task_lets_them(mind: Mind) -> None:
    config = STEP + limited(GRID, "reuse-children: true") + TRIGGER + "    reads: [train.py]\n" + EXPECT
    mind.push(config, **{"train.py": "print(1)"})
    for row in mind.waiting():
        mind.finish(row, metadata={"accuracy": 1 - row.spec["parameters"]["lr"], "loss": 0.1})
    wider = config.replace("[0.1, 0.2, 0.3]", "[0.05, 0.1, 0.3]")
    mind.push(wider, "Search elsewhere")
    assert rates(mind.waiting()) == [0.05]
    finish_all(mind)
    assert [row.reused_id is not None for row in mind.executions()[3:]] == [False, True, True]
    assert mind.run().reason.startswith("!2 sweep: 3 of 3 complete, best #4 accuracy 0.95 with lr 0.05")


PIPELINE = """
- step:
    name: check
    image: python:3.12
    command: python check.py
    inputs: [{name: models}]
- pipeline:
    name: both
    nodes:
      - {name: tune, type: task, task: sweep%s}
      - {name: check, type: execution, step: check}
    edges:
      - ["tune.output.*.json", check.input.models]
- trigger:
    name: tune
    when:
      push: { branches: [main] }
    run: { pipeline: both }
    expect: ["tune.loss < 0.15"]
"""


def test_a_task_is_a_node_whose_best_is_judged_and_whose_files_go_on(mind: Mind) -> None:
    mind.push(STEP + GRID + PIPELINE % "")
    for row in mind.waiting():
        loss = row.spec["parameters"]["lr"]
        mind.finish(row, outputs={f"{row.child}.json": b"{}"}, metadata={"loss": loss}, rest=False)
    mind.turns()
    assert (sweep(mind).node, sweep(mind).state) == ("tune", TaskState.COMPLETE)
    assert sweep(mind).reason == "!1 sweep: 3 of 3 complete, best #1 loss 0.1 with lr 0.1"
    [check] = mind.waiting()
    assert [file["name"] for file in check.spec["inputs"][0]["data"]] == ["0.json", "1.json", "2.json"]
    mind.finish(check)
    assert (mind.run().state, mind.run().reason) == (RunState.SUCCESS, "loss 0.1")


@pytest.mark.parametrize(("on_error", "started"), [("", 1), (", on-error: continue", 3)])
def test_a_node_stops_its_task_at_the_first_failure_where_it_stops_the_pipeline(
    mind: Mind, on_error: str, started: int
) -> None:
    mind.push(STEP + limited(GRID, "maximum-queued-executions: 1") + PIPELINE % on_error)
    while rows := [row for row in mind.waiting() if row.task_id]:
        mind.finish(rows[0], "error", reason="exit code 7")
    assert len([row for row in mind.executions() if row.task_id]) == started
    assert sweep(mind).state is TaskState.ERROR


def test_an_optimising_task_leaves_the_metadata_of_its_best(mind: Mind) -> None:
    mind.push(STEP + BAYESIAN + TRIGGER)
    finish_all(mind)
    best = min(mind.executions(), key=lambda row: row.spec["parameters"]["lr"])
    with mind.ports.ledger.read() as connection:
        left = tasks.finished(connection, sweep(mind))
    assert left.metadata == best.metadata
    assert left.spec["parameters"]["lr"] == best.spec["parameters"]["lr"]


def test_a_tolerated_task_that_failed_is_not_called_complete(mind: Mind) -> None:
    mind.push(STEP + GRID + (PIPELINE % ", on-error: continue").partition("    expect:")[0])
    first, *others = mind.waiting()
    mind.finish(first, outputs={"a.json": b"{}"}, rest=False)
    for row in others:
        mind.finish(row, "error", reason="exit code 7", rest=False)
    mind.turns()
    [check] = mind.waiting()
    mind.finish(check)
    assert sweep(mind).state is TaskState.ERROR
    said = (mind.run().state, mind.run().reason)
    assert said == (RunState.SUCCESS, "#4 check complete; but !1 sweep: 1 of 3 complete, 2 failed")
