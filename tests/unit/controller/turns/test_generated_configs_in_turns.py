"""Whole configs, generated, pushed to a controller with a real git repository and ledger: everything comes to an end, and rest."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.states import FINAL_RUN
from tests.builders.generated_config import Items, broken_files, files, written
from tests.builders.mind import Mind

MOST = 80
"""Executions of one example. A task of several batches, each tried again, stays below."""
IN_TURNS = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
OUTCOMES = ["complete", "complete", "complete", "error", "interrupted"]


def facts(mind: Mind) -> list[Any]:
    """What a controller that decides again would change."""
    runs = [(run.id, run.state, run.reason) for run in mind.runs()]
    return [*runs, *((row.id, row.state, row.reason) for row in mind.executions())]


def end_all(mind: Mind, outcomes: list[str]) -> None:
    """Play the agent until nothing waits. Outcomes come round."""
    for number in range(MOST):
        waiting = mind.waiting()
        if not waiting:
            return
        outcome: Any = outcomes[number % len(outcomes)]
        metadata = {"accuracy": number / 10, "loss": number % 3, "best": 2}
        mind.finish(waiting[-1], outcome, outputs={"m": b"m", "model.pkl": b"x"}, metadata=metadata)
    raise AssertionError(f"{len(mind.waiting())} executions still wait after {MOST}")


@IN_TURNS
@given(
    st.one_of(files(), files(), broken_files()), st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=6)
)
def test_whatever_is_pushed_ends_and_planning_again_plans_nothing(items: Items, outcomes: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        mind = Mind(Path(folder))
        mind.push(written(items).decode())
        planned = facts(mind)
        mind.turns()
        assert facts(mind) == planned
        end_all(mind, outcomes)
        assert all(run.state in FINAL_RUN for run in mind.runs()), facts(mind)
        ended = facts(mind)
        mind.turns()
        assert facts(mind) == ended
        assert not [run.reason for run in mind.runs() if "internal" in run.reason]
