"""A push and a pull request share a run at one commit; the check shows the pull request's verdict, against its own base."""

from pathlib import Path

import pytest

from controller.core.events import PullRequest
from ledger import events
from schemas import codec
from schemas.states import RunState
from tests.builders.mind import Mind

CONFIG = """
- step:
    name: train
    image: python:3.12
    command: python train.py
- pipeline:
    name: whole
    nodes:
      - {{ name: train, type: execution, step: train }}
    edges: []
- trigger:
    name: train
    when: {{ push: {{}}, pull-request: {{ targets: [main] }} }}
    run: {{ {target} }}
    expect: ["accuracy >= base"]
"""


def measured(mind: Mind, accuracy: float) -> None:
    mind.finish(mind.waiting()[0], metadata={"accuracy": accuracy})


def pull(mind: Mind, head: str) -> None:
    event = PullRequest(7, head, "main", mind.head() or "")
    with mind.ports.ledger.write() as connection:
        body = codec.to_json(event)
        assert events.tell(connection, mind.repository_id(), events.PULL_REQUEST, event.key, body, mind.now)
    mind.turns()


def feature(mind: Mind, *accuracies: float) -> list[str]:
    """Commits of a branch, each pushed by itself and measured."""
    mind.person.git("checkout", "--quiet", "-B", "feature", "origin/main")
    shas = []
    for accuracy in accuracies:
        shas.append(mind.person.commit({"train.py": str(accuracy)}))
        mind.person.push("+HEAD:refs/heads/feature")
        mind.turns()
        measured(mind, accuracy)
    return shas


@pytest.mark.parametrize("target", ["step: train", "pipeline: whole"])
def test_one_that_has_ended_is_judged_once_more_and_runs_nothing(tmp_path: Path, target: str) -> None:
    mind = Mind(tmp_path)
    mind.push(CONFIG.format(target=target))
    measured(mind, 0.90)
    _, head = feature(mind, 0.95, 0.92)
    assert mind.run().state is RunState.FAILURE, "worse than the branch's previous head"
    pull(mind, head)
    run = mind.run()
    assert (run.state, run.event, run.pull_request, run.round) == (RunState.SUCCESS, "pull-request", 7, 1)
    assert run.before == mind.head()
    assert mind.notes(head)["luotsi/train"].startswith("success: accuracy 0.92 (+0.02 against")
    assert len(mind.executions()) == 3
    # main goes on: another event of the pull request, whose merge base is the same.
    mind.person.git("checkout", "--quiet", "main")
    mind.push(CONFIG.format(target=target) + "# More.\n")
    measured(mind, 0.99)
    pull(mind, head)
    after = next(one for one in mind.runs() if one.sha == head)
    assert after == run


def test_one_that_goes_on_is_judged_by_the_pull_requests_base(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(CONFIG.format(target="step: train"))
    measured(mind, 0.90)
    feature(mind, 0.95)
    head = mind.person.commit({"train.py": "more"})
    mind.person.push("HEAD:refs/heads/feature")
    mind.turns()
    pull(mind, head)
    measured(mind, 0.92)
    assert mind.run().state is RunState.SUCCESS


def test_a_push_that_comes_later_leaves_the_pull_requests_verdict(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(CONFIG.format(target="step: train"))
    measured(mind, 0.90)
    _, head = feature(mind, 0.95, 0.92)
    pull(mind, head)
    mind.person.push(f"{head}:refs/heads/other")
    mind.turns()
    assert (mind.run().state, mind.run().event) == (RunState.SUCCESS, "pull-request")
    assert len(mind.executions()) == 3
