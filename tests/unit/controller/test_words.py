"""Sentences of a check about executions that are complete."""

from typing import Any

import pytest

from controller.running import words
from schemas.states import ExecutionState


class Row:
    """What of an execution's row the sentences read."""

    def __init__(
        self, number: int, step: str, reason: str, node: str | None = None, state: str = "complete"
    ) -> None:
        self.number, self.step, self.reason, self.node = number, step, reason, node
        self.state = ExecutionState(state)


HELD = "complete after 4 s: the stop condition loss < 1 held"


@pytest.mark.parametrize(
    ("rows", "sweeps", "said"),
    [
        ([Row(1, "train", "complete after 4 s")], [], "#1 train complete"),
        ([Row(1, "train", HELD)], [], "#1 train complete: the stop condition loss < 1 held"),
        ([Row(1, "t", "complete after 4 s", "a"), Row(2, "t", "complete after 4 s", "b")], ["!1 c"], "#1 a, #2 b, !1 c complete"),
        ([Row(1, "t", HELD, "a"), Row(2, "t", "complete after 4 s", "b")], [], "#1 a, #2 b complete; #1 a: the stop condition loss < 1 held"),
        ([Row(n, "t", "complete after 4 s", f"n{n}") for n in range(1, 6)], ["!1 c"], "#1 n1, #2 n2, #3 n3 and 3 more complete"),
        ([Row(3, "train", "reused #1: same archive, image, inputs, parameters")], [], "#3 train complete"),
    ],
)  # fmt: skip
def test_what_is_complete_says_what_ended_it_early(rows: list[Any], sweeps: list[str], said: str) -> None:
    assert words.complete(rows, sweeps) == said


def test_what_goes_on_says_when_nobody_can_take_it() -> None:
    rows: list[Any] = [
        Row(1, "train", "an agent has taken it", state="started"),
        Row(2, "test", "waiting for a free slot in gpu; 3 ahead", state="queued"),
        Row(3, "test", "waiting: no agent of gpu has been heard of lately", state="queued"),
    ]
    assert words.progress(rows) == (
        "#1 train is running, #2 test waits for an agent, #3 test waits: no agent of gpu has been heard of lately"
    )
