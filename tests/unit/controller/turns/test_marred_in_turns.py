"""A run that is a success although something in it ended badly says so: in its sentence, in its check and on its page."""

from pathlib import Path

import pytest

from controller.checks.text import check_of
from ledger import check_facts, outbox
from schemas.states import RunState
from tests.builders.mind import Mind

FILE = """
- step: {name: util, image: i, command: c, parameters: [{name: lr, type: float, default: 1}]}
- task:
    name: sweep
    step: util
    on-child-error: continue-and-complete
    parameters: [{name: lr, style: multiple, rules: {items: [1, 2]}}]
- pipeline:
    name: p
    nodes: [NODES]
    edges: []
- trigger: {name: t, when: {push: {}}, run: {pipeline: p}MORE}
"""
BAD = "{name: bad, type: execution, step: util, on-error: continue}"
GOOD = "{name: good, type: execution, step: util}"
SWEEP = "{name: some, type: task, task: sweep}"
EXPECT = ', expect: ["good.m >= 1"]'


def run(tmp_path: Path, nodes: str, more: str = "", metric: float = 2) -> tuple[Mind, str]:
    """A run in which the node `bad` and each first child of a task fail."""
    mind = Mind(tmp_path)
    sha = mind.push(FILE.replace("NODES", nodes).replace("MORE", more))
    for row in mind.waiting():
        if row.node == "bad" or row.child == 0:
            mind.finish(row, "error", reason="exit code 3", metadata={"m": metric}, rest=False)
        else:
            mind.finish(row, metadata={"m": metric}, rest=False)
    mind.turns()
    return mind, sha


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        (f"{BAD}, {GOOD}", "#2 good complete; but #1 bad failed: exit code 3"),
        (f"{GOOD}, {SWEEP}", "#1 good, !1 some complete; but !1 sweep: 1 of 2 complete, 1 failed"),
        (f"{SWEEP}", "!1 sweep: 1 of 2 complete, 1 failed"),
        (f"{BAD}", "nothing of it is complete; but #1 bad failed: exit code 3"),
    ],
)
def test_the_sentence_has_what_ended_badly(tmp_path: Path, nodes: str, reason: str) -> None:
    mind, _ = run(tmp_path, nodes)
    assert (mind.run().state, mind.run().reason) == (RunState.SUCCESS, reason)


@pytest.mark.parametrize(
    ("metric", "state", "said"),
    [
        (2, RunState.SUCCESS, "m 2; but #1 bad failed: exit code 3"),
        (0, RunState.FAILURE, "#1 bad failed: exit code 3"),
    ],
)
def test_a_gate_leaves_it_in_place_and_the_page_has_it_too(
    tmp_path: Path, metric: float, state: RunState, said: str
) -> None:
    mind, sha = run(tmp_path, f"{BAD}, {GOOD}", EXPECT, metric)
    assert mind.run().state is state
    assert said in mind.run().reason
    with mind.ports.ledger.read() as connection:
        ended = check_facts.ending(connection, mind.run().id)
        row = next(
            each
            for each in outbox.of_commit(connection, mind.repository_id(), sha)
            if "config" not in each.context
        )
        check = check_of(mind.ports, connection, row)
    assert ended is not None
    assert ended.gate is not None
    assert said in ended.gate["summary"], "what a run's page has as its answer"
    assert "#1 bad failed: exit code 3" in check.title
    assert ("⚠ " in check.summary) is (state is RunState.SUCCESS), (
        "beside the table, which has the state alone"
    )
