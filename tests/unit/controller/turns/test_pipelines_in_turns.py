"""Pipelines in the controller's turns, over a real repository and ledger; the test plays the agents."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from controller.running import pipelines
from ledger import tables
from ledger.runs import RunRow
from schemas.states import ExecutionState, RunState
from tests.builders.pipeline_mind import A, B, C, PipelineMind, with_

AB = "[['a.output.*.bin', b.input.model]]"
ABC = "[['a.output.*.bin', b.input.model], ['b.dependency.x', c.dependency.x]]"


@pytest.fixture
def mind(tmp_path: Path) -> PipelineMind:
    return PipelineMind(tmp_path)


def test_nodes_run_one_after_the_other_and_the_run_succeeds(mind: PipelineMind) -> None:
    mind.start(f"[{A}, {B}, {C}]", ABC)
    assert mind.started() == ["a"]
    assert mind.last.reason == "#1 a waits for an agent"
    mind.end("a", outputs={"m.bin": b"weights"})
    assert mind.started() == ["b"]
    assert [file["name"] for file in mind.of("b").spec["inputs"][0]["data"]] == ["m.bin"]
    assert mind.states() == {"a": "complete", "b": "queued", "c": "created"}
    mind.end("b")
    mind.end("c")
    assert mind.ended() == ("complete", RunState.SUCCESS)
    assert mind.last.reason == "#1 a, #2 b, #3 c complete"
    assert mind.turn() == 0, "a pipeline that has ended is left alone"


def test_a_failure_names_its_node_and_reason_and_ends_the_rest(mind: PipelineMind) -> None:
    mind.start(f"[{A}, {B}, {C}]", AB)
    assert mind.started() == ["a", "c"]
    mind.end("a", "error", reason="exit code 3")
    assert mind.of("c").state is ExecutionState.STOPPED
    assert mind.states() == {"a": "error", "b": "skipped", "c": "stopped"}
    assert (mind.entry("b")["reason"], mind.entry("a")["reason"]) == ("a failed", "exit code 3")
    assert mind.ended() == ("error", RunState.FAILURE)
    assert mind.last.reason == "#1 a failed: exit code 3"


def test_what_runs_is_asked_to_stop_once_and_then_waited_for(mind: PipelineMind) -> None:
    mind.start(f"[{A}, {C}]")
    mind.claim(mind.of("c"))
    mind.end("a", "error")
    assert mind.of("c").state is ExecutionState.STOPPING
    assert mind.ended() == ("started", RunState.RUNNING)
    assert mind.last.reason == "#2 c is being stopped"
    assert mind.turn() == 0, "waiting for a stop changes nothing"
    mind.end("c", "stopped")
    assert mind.ended() == ("error", RunState.FAILURE)


def test_stop_next_and_continue(mind: PipelineMind) -> None:
    nodes = f"[{with_(A, 'on-error: stop-next')}, {with_(B, 'on-error: continue')}, {C}]"
    mind.start(nodes, "[['a.dependency.x', c.dependency.x]]")
    mind.end("a", "error", reason="no data")
    assert mind.states() == {"a": "error", "b": "queued", "c": "skipped"}
    mind.end("b", "error", reason="tolerated")
    assert mind.ended() == ("error", RunState.FAILURE)
    assert mind.last.reason == "#1 a failed: no data", "a tolerated failure is no reason"


def test_continue_hands_on_what_there_is(mind: PipelineMind) -> None:
    mind.start(f"[{with_(A, 'on-error: continue')}, {B}]", AB)
    mind.end("a", "error", outputs={"half.bin": b"1"})
    assert [file["name"] for file in mind.of("b").spec["inputs"][0]["data"]] == ["half.bin"]
    mind.end("b")
    assert mind.ended() == ("complete", RunState.SUCCESS)
    assert mind.last.reason.startswith("#2 b complete; but #1 a failed: ")


def test_retry_makes_three_executions_and_then_stops_all(mind: PipelineMind) -> None:
    mind.start(f"[{with_(A, 'on-error: retry')}, {B}]", AB)
    for number in (1, 2):
        mind.end("a", "error", reason=f"try {number}")
        assert mind.last.reason == f"#{number + 1} a waits for an agent (try {number + 1} of 3)"
        assert mind.states() == {"a": "queued", "b": "created"}
    mind.end("a", "error", reason="try 3")
    assert [row.number for row in mind.executions() if row.node == "a"] == [1, 2, 3]
    assert mind.ended() == ("error", RunState.FAILURE)
    assert mind.last.reason == "#3 a failed 3 times: try 3"


def test_a_retry_that_succeeds_is_a_success(mind: PipelineMind) -> None:
    mind.start(f"[{with_(A, 'on-error: retry')}, {B}]", AB)
    mind.end("a", "error", outputs={"bad.bin": b"0"})
    mind.end("a", outputs={"good.bin": b"1"})
    assert [file["name"] for file in mind.of("b").spec["inputs"][0]["data"]] == ["good.bin"]
    mind.end("b")
    assert mind.ended() == ("complete", RunState.SUCCESS)
    assert mind.last.reason == "#2 a, #3 b complete; but #2 a took 2 tries"


def test_a_stopped_execution_stops_the_pipeline_and_is_not_tried_again(mind: PipelineMind) -> None:
    mind.start(f"[{with_(A, 'on-error: retry')}, {B}]", AB)
    mind.end("a", "stopped")
    assert mind.ended() == ("stopped", RunState.CANCELLED)
    assert mind.last.reason == "a was stopped"


def test_a_node_that_cannot_be_planned_fails_with_its_sentence(mind: PipelineMind) -> None:
    mind.start(
        f"[{with_(A, 'on-error: retry')}, {with_(B, 'on-error: retry')}]",
        "[[a.metadata.best, b.parameter.rate]]",
    )
    mind.end("a")
    assert mind.ended() == ("error", RunState.FAILURE)
    assert mind.last.reason == "b failed: a printed no best, which b.parameter.rate needs"
    assert len(mind.executions()) == 1


def test_a_tolerated_node_that_cannot_be_planned_lets_the_others_go_on(mind: PipelineMind) -> None:
    nodes = f"[{A}, {with_(B, 'on-error: continue')}, {C}]"
    mind.start(nodes, "[[a.metadata.best, b.parameter.rate], [b.dependency.x, c.dependency.x]]")
    mind.end("a")
    assert mind.started() == ["c"]
    mind.end("c")
    assert mind.ended() == ("complete", RunState.SUCCESS)
    why = "b failed: a printed no best, which b.parameter.rate needs"
    assert mind.last.reason == f"#1 a, #2 c complete; but {why}"


def action(when: str, then: str, if_: str = "") -> str:
    condition = f", if: '{if_}'" if if_ else ""
    return f"actions: [{{when: {when}, then: {then}{condition}}}]"


@pytest.mark.parametrize(
    ("then", "state", "run"),
    [("stop-pipeline", "stopped", RunState.CANCELLED), ("error-pipeline", "error", RunState.FAILURE)],
)
def test_an_action_ends_the_pipeline_when_its_condition_holds(
    mind: PipelineMind, then: str, state: str, run: RunState
) -> None:
    mind.start(f"[{with_(A, action('node-complete', then, 'metadata.loss > 3'))}, {B}]", AB)
    mind.end("a", metadata={"loss": 4.5})
    assert mind.states() == {"a": "complete", "b": "skipped"}
    assert mind.ended() == (state, run)
    assert mind.last.reason == f"a says {then} at node-complete: metadata.loss > 3"


@pytest.mark.parametrize("metadata", [{"loss": 2}, {}, {"loss": "high"}])
def test_an_action_whose_condition_does_not_hold_changes_nothing(
    mind: PipelineMind, metadata: dict[str, Any]
) -> None:
    mind.start(f"[{with_(A, action('node-complete', 'stop-pipeline', 'metadata.loss > 3'))}, {B}]", AB)
    mind.end("a", metadata=metadata)
    assert mind.started() == ["b"]


def test_all_conditions_must_hold_and_parameters_can_be_asked(mind: PipelineMind) -> None:
    both = "actions: [{when: node-complete, then: stop-pipeline, if: ['metadata.loss > 3', 'parameter.size > 1']}]"
    mind.start(f"[{with_(A, both)}, {B}]", AB)
    mind.end("a", metadata={"loss": 4})
    assert mind.started() == ["b"], "the size is 1"


def test_an_action_at_node_starting_ends_it_before_the_node_begins(mind: PipelineMind) -> None:
    mind.start(
        f"[{A}, {with_(B, action('node-starting', 'stop-pipeline', 'parameter.rate < 0.1'))}]",
        "[[a.metadata.rate, b.parameter.rate]]",
    )
    mind.end("a", metadata={"rate": 0.01})
    assert mind.states() == {"a": "complete", "b": "skipped"}
    assert mind.ended() == ("stopped", RunState.CANCELLED)


def test_an_action_at_node_error_is_heard_after_the_last_try(mind: PipelineMind) -> None:
    node = with_(A, "on-error: retry, " + action("[node-error]", "[noop, stop-pipeline]"))
    mind.start(f"[{node}, {C}]")
    mind.end("a", "error")
    assert mind.started() == ["a", "c"] or mind.started() == ["c", "a"]
    mind.end("a", "error")
    mind.end("a", "error", reason="last")
    assert mind.ended() == ("error", RunState.FAILURE)
    assert mind.last.reason.startswith("#4 a failed 3 times: last; a says stop-pipeline at node-error")


def test_a_tolerated_failure_with_a_stop_action_stops(mind: PipelineMind) -> None:
    node = with_(A, "on-error: continue, " + action("node-error", "stop-pipeline"))
    mind.start(f"[{node}, {B}]", AB)
    mind.end("a", "error")
    assert mind.ended() == ("stopped", RunState.CANCELLED)


def test_a_node_waits_for_approval_and_then_begins(mind: PipelineMind) -> None:
    mind.start(f"[{A}, {with_(B, action('node-starting', 'require-approval'))}, {C}]", AB)
    mind.end("a")
    mind.end("c")
    assert mind.states()["b"] == "created"
    assert mind.entry("b")["reason"] == 'waits for approval: luotsi approve "=1/b"'
    assert mind.last.state is RunState.RUNNING
    assert mind.last.reason == 'b waits for approval: luotsi approve "=1/b"'
    assert mind.turn() == 0
    mind.approve("b")
    assert mind.started() == ["b"]
    assert "waits" not in mind.entry("b")
    mind.end("b")
    assert mind.ended() == ("complete", RunState.SUCCESS)
    with mind.ports.ledger.read() as connection:
        [row] = connection.execute(select(tables.audit).where(tables.audit.c.what == "approve"))
        assert (row.who, row.subject, row.detail) == ("ada", mind.pipeline.id, {"node": "b"})
    mind.approve("b", "eve")
    assert mind.approvals() == ["ada"], "the first approval stands"
    assert {"approval", "pipeline"} <= mind.recorded()


def test_an_approval_that_is_needed_only_sometimes(mind: PipelineMind) -> None:
    node = with_(B, action("node-starting", "require-approval", "parameter.rate > 1"))
    mind.start(f"[{A}, {node}]", "[[a.metadata.rate, b.parameter.rate]]")
    mind.end("a", metadata={"rate": 0.5})
    assert mind.started() == ["b"]


def test_what_waits_for_approval_is_skipped_when_the_pipeline_fails(mind: PipelineMind) -> None:
    mind.start(f"[{A}, {with_(B, action('node-starting', 'require-approval'))}]")
    mind.end("a", "error")
    assert mind.states() == {"a": "error", "b": "skipped"}
    assert mind.ended() == ("error", RunState.FAILURE)


def test_reuse_executions_takes_an_earlier_result(mind: PipelineMind) -> None:
    mind.start(f"[{A}]", "[]", ", reuse-executions: true")
    mind.end("a", outputs={"m.bin": b"1"})
    mind.turns()
    again = mind.person.commit({}, "The same files")
    mind.person.push()
    mind.turns()
    assert mind.last.sha == again
    assert mind.of("a").reused_id is not None
    assert mind.ended() == ("complete", RunState.SUCCESS)


def test_a_person_stops_the_pipeline(mind: PipelineMind) -> None:
    mind.start(f"[{A}, {B}, {C}]", AB)
    mind.cancel("ada")
    assert mind.states() == {"a": "stopped", "b": "skipped", "c": "stopped"}
    assert mind.ended() == ("stopped", RunState.CANCELLED)
    assert mind.last.reason == "stopped on request of ada"
    with mind.ports.ledger.write() as connection:
        assert not pipelines.stop(connection, mind.pipeline, "again", mind.now)


def test_the_pipeline_of_a_run_that_has_ended_comes_to_an_end(mind: PipelineMind) -> None:
    mind.start(f"[{A}, {B}]", AB)
    run: RunRow = mind.last
    with mind.ports.ledger.write() as connection:
        from ledger import runs

        runs.set_state(connection, run, RunState.CANCELLED, "replaced", mind.now)
    mind.turns()
    assert mind.states() == {"a": "stopped", "b": "skipped"}
    assert mind.ended() == ("stopped", RunState.CANCELLED)
    assert mind.last.reason == "replaced"


def test_an_input_edge_hands_on_the_files_that_a_pattern_came_to(mind: PipelineMind) -> None:
    node = with_(A, "override: {inputs: [{name: raw, default: 's3://lake/day=*/x.csv'}]}")
    mind.start(f"[{node}, {B}]", "[[a.input.raw, b.input.model]]")
    exact = ["s3://lake/day=1/x.csv", "s3://lake/day=2/x.csv"]
    mind.claim(mind.of("a"), inputs={"raw": exact})
    mind.end("a")
    assert mind.of("b").spec["inputs"][0]["uris"] == exact
