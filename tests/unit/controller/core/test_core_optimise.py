"""The Bayesian search: seeded, filled again from the trials, and better than chance."""

from typing import Any

import pytest

from controller.core.tasks.optimise import Trial, ask
from schemas.errors import ConfigError
from tests.builders.sweeps import plan

HEAD = "type: bayesian_tpe\nexecution-count: {count}\nexecution-batch-size: {batch}\noptimization-target-metric: score"
X = "{name: lr, style: random, rules: {min: 0.01, max: 10}}"
DEPTH = "{name: depth, style: linear, rules: {start: 1, end: 9, step: 2}}"
KIND = '{name: kind, style: multiple, rules: {items: ["1", "2"]}}'
POWER = "{name: lr, style: logspace, rules: {start: -4, end: 0, count: 5}}"


def search(count: int = 20, batch: int = 5, *parameters: str, value: float | None = 0.0) -> dict[str, Any]:
    goal = "" if value is None else f"\noptimization-target-value: {value}"
    return plan(HEAD.format(count=count, batch=batch) + goal, *(parameters or (X, DEPTH, KIND)))


def rounds(made: dict[str, Any], score: Any) -> list[Trial]:
    trials: list[Trial] = []
    while len(trials) < made["count"]:
        trials += [Trial(values, score(values)) for values in ask(made, trials)]
    return trials


def off(values: dict[str, Any]) -> float:
    return float(abs(values["lr"] - 3) + abs(values["depth"] - 7) + (values["kind"] == "1"))


def scores(trials: list[Trial]) -> list[float]:
    return [trial.metric for trial in trials if trial.metric is not None]


def test_the_same_trials_give_the_same_next_round() -> None:
    made = search()
    trials = rounds(search(10), off)
    assert ask(made, trials) == ask(made, list(trials))
    assert ask(made, trials[:5]) != ask(made, trials)
    assert ask({**made, "seed": made["seed"] + 1}, trials) != ask(made, trials)


def test_rounds_have_their_size_and_the_last_is_what_is_left() -> None:
    made = search(7, 5)
    first = [Trial(values, 1.0) for values in ask(made, [])]
    assert (len(first), len(ask(made, first))) == (5, 2)


def test_values_lie_in_the_space() -> None:
    for trial in rounds(search(30, 10), off):
        assert 0.01 <= trial.values["lr"] <= 10
        assert trial.values["depth"] in (1, 3, 5, 7, 9)
        assert trial.values["kind"] in ("1", "2")


def test_it_comes_closer_than_its_start_at_random() -> None:
    trials = rounds(search(40, 4), off)
    assert sum(scores(trials[20:])) < 0.7 * sum(scores(trials[:20]))


def test_it_seeks_the_target_value_and_without_one_the_highest() -> None:
    near = rounds(search(40, 4, X, value=3.0), lambda values: values["lr"])
    assert sum(abs(score - 3) for score in scores(near[30:])) / 10 < 1
    high = rounds(search(40, 4, X, value=None), lambda values: values["lr"])
    assert sum(scores(high[30:])) / 10 > 7


def test_failed_trials_count_and_do_not_mislead() -> None:
    made = search(30, 5)
    trials = rounds(made, lambda values: None if values["kind"] == "1" else off(values))
    assert len(trials) == 30
    assert len(rounds(made, lambda values: None)) == 30


def test_a_logspace_is_searched_between_its_ends() -> None:
    made = search(10, 5, POWER)
    assert made["space"]["lr"] == {"kind": "float", "low": 1e-4, "high": 1.0, "log": True, "step": None}
    assert all(1e-4 <= trial.values["lr"] <= 1 for trial in rounds(made, lambda values: values["lr"]))


def test_the_ends_of_the_space_must_be_values_that_the_step_takes() -> None:
    with pytest.raises(ConfigError, match="greater than the maximum"):
        search(10, 5, "{name: depth, style: random, rules: {min: 1, max: 101}}")


def test_without_a_batch_size_it_learns_from_every_execution() -> None:
    body = "type: bayesian_tpe\nexecution-count: 9\noptimization-target-metric: score"
    assert plan(body, X)["batch"] == 1
    assert plan(body + "\nmaximum-queued-executions: 3", X)["batch"] == 3
