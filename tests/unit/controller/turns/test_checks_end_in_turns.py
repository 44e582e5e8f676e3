"""A declared check always ends, whatever becomes of its commit; what is sound runs beside what is broken."""

from pathlib import Path

import pytest

from schemas.states import FINAL_RUN, RunState
from schemas.values import short
from tests.builders.mind import Mind

STEP = """
- step:
    name: train
    image: python:3.12
    command: python train.py
"""
TRIGGER = '- trigger: { name: train, when: { push: { branches: [main] } }, run: { step: train }, paths: ["*.py"] }\n'


def commits(mind: Mind, *names: str, message: str = "Change") -> list[str]:
    """A commit for each name, pushed together."""
    shas = [mind.person.commit({name: "changed"}, f"{message} {name}") for name in names]
    mind.person.push()
    mind.turns()
    return shas


def by_sha(mind: Mind) -> dict[str, tuple[RunState, str]]:
    return {run.sha: (run.state, run.reason) for run in mind.runs()}


def test_superseded_filtered_and_skipped_checks_end(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(STEP + TRIGGER, **{"train.py": "1"})
    mind.finish(mind.waiting()[0])
    first, second, head = commits(mind, "a.py", "b", "c")
    filtered = commits(mind, "README.md")[0]
    skipped = commits(mind, "d.py", message="[skip ci]")[0]
    found = by_sha(mind)
    superseded = (RunState.NEUTRAL, f"superseded by {short(head)}")
    assert found[first] == found[second] == superseded
    # The filter looks at the whole push: a.py changed in it, though not in its head.
    assert found[head][0] is RunState.RUNNING
    assert found[filtered] == (RunState.NEUTRAL, "not affected: nothing under *.py changed")
    assert found[skipped] == (RunState.NEUTRAL, "skipped by [skip ci] in the commit message")
    mind.finish(mind.waiting()[0])
    assert all(state in FINAL_RUN for state, _ in by_sha(mind).values())
    for sha in (first, second, head, filtered, skipped):
        assert mind.notes(sha)["luotsi/train"].startswith("success: ")


def test_each_commit_of_a_push_runs_where_the_trigger_says_so(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    each = TRIGGER.replace(" }\n", ", commits: each, concurrency: { group: one, replace: none } }\n")
    mind.push(STEP + each, **{"train.py": "1"})
    mind.finish(mind.waiting()[0])
    shas = [mind.person.commit({"x": name}, message) for name, message in (("1", "a"), ("2", "[no ci]"))]
    shas += [mind.person.commit({"a.py": "3"}, "c")]
    mind.person.push()
    mind.turns()
    found = by_sha(mind)
    assert found[shas[1]] == (RunState.NEUTRAL, "skipped by [no ci] in the commit message")
    mind.finish(mind.waiting()[0])
    mind.finish(mind.waiting()[0])
    assert {row.sha for row in mind.executions()[1:]} == {shas[0], shas[2]}
    assert mind.is_over()


def test_a_branch_that_is_gone_again_has_been_answered(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(STEP + TRIGGER, **{"train.py": "1"})
    mind.person.commit({"train.py": "2"})
    mind.person.push("HEAD:refs/heads/brief")
    mind.turns()
    mind.person.push(":refs/heads/brief")
    mind.turns()
    mind.finish(mind.waiting()[0])
    assert mind.is_over()


@pytest.mark.parametrize(
    "broken",
    [
        "- step: { name: other, image: 7 }\n",
        "- trigger: { name: train-other, when: { push: {} }, run: { step: nowhere } }\n",
        "- pipeline: { name: p, nodes: [{ name: a, type: execution, step: nowhere }], edges: [] }\n",
    ],
)
def test_a_sound_trigger_runs_beside_a_broken_item(tmp_path: Path, broken: str) -> None:
    mind = Mind(tmp_path)
    sha = mind.push(STEP + TRIGGER + broken, **{"train.py": "1"})
    assert mind.notes(sha)["luotsi/config"].startswith("failure: valohai.yaml:")
    mind.finish(mind.waiting()[0])
    assert mind.notes(sha)["luotsi/train"] == "success: #1 train complete"


def test_who_wrote_the_commit_is_in_the_job(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(STEP + TRIGGER, **{"train.py": "1"})
    spec = mind.waiting()[0].spec
    assert (spec["creator_name"], spec["creator_email"]) == ("Ada", "ada@example.org")


def test_a_run_remembers_what_its_trigger_gave(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    given = "run: { step: train, parameters: { epochs: 3 }, inputs: { data: [https://x.example/a] } }"
    mind.push(
        STEP
        + "    parameters: [{ name: epochs, type: integer }]\n    inputs: [{ name: data }]\n"
        + TRIGGER.replace("run: { step: train }", given)
    )
    assert mind.run().rule["target"] == {
        "kind": "step",
        "name": "train",
        "parameters": {"epochs": 3},
        "inputs": {"data": ["https://x.example/a"]},
        "environment": None,
    }
