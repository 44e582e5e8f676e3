"""An execution whose agent is lost goes to another one, unless its step says that it must not."""

from pathlib import Path

import pytest

from schemas.states import ExecutionState
from tests.builders.mind import Mind

CONFIG = """\
- step: {name: train, image: i, command: c%s}
- trigger: {name: t, when: {push: }, run: {step: train}}
"""


@pytest.mark.parametrize("field", ["", ", autorestart: true"])
def test_a_lost_execution_is_tried_again(tmp_path: Path, field: str) -> None:
    mind = Mind(tmp_path)
    mind.push(CONFIG % field)
    mind.finish(mind.waiting()[0], "interrupted", reason="the machine went down")
    (execution,) = mind.waiting()
    assert execution.state is ExecutionState.QUEUED
    assert "attempt 1 was lost" in execution.reason


def test_it_is_not_where_the_step_says_so(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(CONFIG % ", autorestart: false")
    mind.finish(mind.waiting()[0], "interrupted", reason="the machine went down")
    (execution,) = mind.executions()
    assert execution.state is ExecutionState.CRASHED
    assert execution.reason == "the machine went down; its step says `autorestart: false`"
    assert mind.is_over()


def test_an_exit_code_is_never_tried_again(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(CONFIG % ", autorestart: true")
    mind.finish(mind.waiting()[0], "error")
    assert [row.state for row in mind.executions()] == [ExecutionState.ERROR]
