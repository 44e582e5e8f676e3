"""The controller's turns over a real repository and a real ledger, with the test as the agent."""

from pathlib import Path

from schemas.states import RunState
from tests.builders.mind import Mind

STEP = """
- step:
    name: train
    image: python:3.12
    command: python train.py
- trigger:
    name: train
    when:
      push: { branches: [main] }
    run: { step: train }
    expect: ["accuracy >= 0.9"]
"""


def test_a_push_becomes_a_run_an_execution_and_a_word(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    sha = mind.push(STEP)
    [execution] = mind.waiting()
    mind.finish(execution, metadata={"accuracy": 0.93})
    assert mind.run().state is RunState.SUCCESS
    assert mind.notes(sha)["luotsi/train"].startswith("success: ")


def test_a_turn_without_news_changes_nothing(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(STEP)
    assert mind.turn() == 0
