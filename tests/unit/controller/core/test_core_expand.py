"""Tasks spelled out: styles, types, limits, and the values of every execution."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.given import given_json, given_of
from controller.core.plan import Given
from controller.core.tasks.expand import plan_fan
from controller.core.tasks.variants import Variant, values
from schemas.codec import to_json
from schemas.errors import ConfigError
from schemas.messages.job import DatumFile, Mount
from tests.builders.sweeps import config, plan

LR = "{name: lr, style: multiple, rules: {items: [0.1, 0.2]}}"
DEPTH = "{name: depth, style: linear, rules: {start: 1, end: 3, step: 1}}"


@pytest.mark.parametrize(
    ("style", "rules", "expected"),
    [
        ("single", {"value": 3}, [3]),
        ("single", {"value": [3, "a"]}, [3, "a"]),
        ("multiple", {"items": [1, "b", True]}, [1, "b", True]),
        ("multiple", {"items": ["1", "2.5", "b"], "numberify": True}, [1, 2.5, "b"]),
        ("linear", {"start": 1, "end": 5, "step": 2}, [1, 3, 5]),
        ("linear", {"start": 1, "end": 4, "step": 2}, [1, 3]),
        ("linear", {"start": 0.1, "end": 0.5, "step": 0.1}, [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("linear", {"start": 0.5, "end": 0.1, "step": -0.2}, [0.5, 0.3, 0.1]),
        ("linear", {"start": 0, "end": 0.9999999999, "step": 0.5}, [0, 0.5, 1.0]),
        ("linear", {"start": 2, "end": 9, "step": 0}, [2]),
        ("linear", {"start": 2, "end": 2, "step": 1}, [2]),
        ("linear", {"start": 0, "end": 2, "step": 0.5, "integerify": True}, [0, 1, 1, 2, 2]),
        ("logspace", {"start": -2, "end": 1, "count": 4}, [0.01, 0.1, 1, 10]),
        ("logspace", {"min": 0, "max": 2, "count": 3, "base": 2}, [1, 2, 4]),
        ("logspace", {"start": 3, "end": 9, "count": 1}, [1000]),
        ("logspace", {"start": 0, "end": 1, "count": 3, "integerify": True}, [1, 3, 10]),
    ],
)
def test_a_style_stands_for_its_values(style: str, rules: dict[str, Any], expected: list[Any]) -> None:
    found = values(Variant("sweep", "lr", style, rules), "7")
    assert found == pytest.approx(expected) if style == "logspace" else found == expected
    assert [type(value) is bool for value in found] == [type(value) is bool for value in expected]


@pytest.mark.parametrize(
    ("style", "rules", "words"),
    [
        ("single", {}, "needs the rule value"),
        ("multiple", {}, "needs the rule items"),
        ("multiple", {"items": []}, "no value"),
        ("linear", {"start": 1, "end": 2}, "needs the rule step"),
        ("linear", {"start": 1, "end": 2, "step": -1}, "never comes to 2"),
        ("linear", {"start": 0, "end": 1e300, "step": 1e-300}, "at most 1,000"),
        ("linear", {"start": 0, "end": math.inf, "step": 1}, "end is a finite number"),
        ("linear", {"start": True, "end": 2, "step": 1}, "start is a finite number"),
        ("logspace", {"end": 1, "count": 2}, "needs the rule start"),
        ("logspace", {"start": 0, "end": 1}, "needs the rule count"),
        ("logspace", {"start": 0, "end": 1, "count": 2.5}, "whole number"),
        ("logspace", {"start": 0, "end": 1, "count": 0}, "whole number"),
        ("logspace", {"start": 0, "end": 999, "count": 2}, "too large"),
        ("logspace", {"start": 0, "end": 1, "count": 2, "base": 0}, "above 0"),
        ("random", {"max": 1, "count": 2}, "needs the rule min"),
        ("random", {"min": 0, "max": 1}, "needs the rule count"),
        ("random", {"min": 2, "max": 1, "count": 2}, "is above its max"),
        ("random", {"min": 0, "max": 1, "count": 2, "distribution": "gauss"}, "no distribution gauss"),
        ("random", {"min": 0, "max": 1, "count": 2, "distribution": "log-uniform"}, "min above 0"),
        ("random", {"min": 0.2, "max": 0.8, "count": 2, "distribution": "int_uniform"}, "no integer"),
        ("random", {"min": 0, "max": 1, "count": 1001}, "at most 1,000"),
    ],
)
def test_rules_that_say_too_little_are_refused_by_name(style: str, rules: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        values(Variant("sweep", "lr", style, rules), "7")
    assert words in str(refusal.value)
    assert "task sweep, parameter lr" in str(refusal.value)


@settings(max_examples=60, deadline=None)
@given(
    low=st.floats(1e-6, 1e6),
    width=st.floats(1, 1e6),
    distribution=st.sampled_from(["uniform", "log_uniform", "int_uniform"]),
    seed=st.integers(0, 2**31),
)
def test_draws_lie_in_their_range_and_are_repeated_by_their_seed(
    low: float, width: float, distribution: str, seed: int
) -> None:
    rules = {"min": low, "max": low + width, "count": 20, "distribution": distribution}
    variant = Variant("sweep", "lr", "random", rules)
    found = values(variant, str(seed))
    assert all(low <= value <= low + width for value in found)
    assert found == values(variant, str(seed))
    assert distribution != "int_uniform" or all(isinstance(value, int) for value in found)


def test_log_uniform_draws_as_many_from_each_power() -> None:
    rules = {"min": 1e-4, "max": 1, "count": 1000, "distribution": "log_uniform"}
    found = values(Variant("sweep", "lr", "random", rules), "7")
    assert 150 < sum(value < 1e-3 for value in found) < 350


def test_a_grid_is_the_product_with_the_last_parameter_fastest() -> None:
    made = plan("type: grid_search", LR, DEPTH)
    assert [(each["lr"], each["depth"]) for each in made["sets"]] == [
        (0.1, 1), (0.1, 2), (0.1, 3), (0.2, 1), (0.2, 2), (0.2, 3),
    ]  # fmt: skip
    assert (made["count"], made["names"]) == (6, ["lr", "depth"])


def test_a_grid_has_no_combination_twice() -> None:
    rules = "{start: 0, end: 2, step: 0.5, integerify: true}"
    made = plan("type: grid_search", f"{{name: depth, style: linear, rules: {rules}}}")
    assert [each["depth"] for each in made["sets"]] == [0, 1, 2]


def test_an_integer_parameter_gets_integers() -> None:
    made = plan("", "{name: depth, style: logspace, rules: {start: 0, end: 1, count: 2}}")
    assert [repr(each["depth"]) for each in made["sets"]] == ["1", "10"]


def test_a_grid_of_too_many_is_refused_before_it_is_made() -> None:
    many = "{name: %s, style: linear, rules: {start: 1, end: 999, step: 1}}"
    with pytest.raises(ConfigError, match=r"998,001 executions. A task has at most 1,000"):
        plan("type: grid_search", many % "lr", many % "depth")


def test_every_value_must_be_one_that_the_step_takes() -> None:
    with pytest.raises(ConfigError, match=r"task sweep: .*depth.*101 is greater"):
        plan("", "{name: depth, style: multiple, rules: {items: [1, 101]}}")
    with pytest.raises(ConfigError, match="has no parameter `width`"):
        plan("", LR, width=3)


def test_manual_sets_keep_their_pairs_though_a_name_is_missing() -> None:
    made = plan(
        "type: manual-search\nparameter-sets:\n  - {lr: 0.1, depth: 1}\n  - {lr: 0.2}\n  - {depth: 3}"
    )
    assert made["sets"] == [{"lr": 0.1, "depth": 1}, {"lr": 0.2}, {"depth": 3}]
    assert made["names"] == ["lr", "depth"]


def test_manual_parameters_are_zipped_and_a_single_value_is_repeated() -> None:
    one = "{name: kind, style: single, rules: {value: 7}}"
    made = plan("type: manual_search", "{name: lr, style: multiple, rules: {items: [1, 2, 2]}}", DEPTH, one)
    assert [tuple(each.values()) for each in made["sets"]] == [(1, 1, 7), (2, 2, 7), (2, 3, 7)]
    with pytest.raises(ConfigError, match="lr has 2 values"):
        plan("type: manual_search", LR, DEPTH)


def test_sets_are_for_a_manual_search() -> None:
    with pytest.raises(ConfigError, match="Sets are for `type: manual_search`"):
        plan("parameter-sets:\n  - {lr: 0.1}")


RANDOM = "{name: lr, style: random, rules: {min: 0.001, max: 1, distribution: log_uniform}}"


def test_a_random_search_is_the_same_for_the_same_identity_only() -> None:
    made = [
        plan("type: random_search\nexecution-count: 30", RANDOM, LR.replace("lr", "kind"), identity=i)
        for i in "aab"
    ]
    assert made[0] == made[1]
    assert made[0]["sets"] != made[2]["sets"]
    assert made[0]["count"] == 30
    assert {each["kind"] for each in made[0]["sets"]} == {0.1, 0.2}


def test_a_seed_in_the_rules_is_the_seed() -> None:
    seeded = RANDOM.replace("min:", "seed: 4, min:")
    made = [plan("type: random_search\nexecution-count: 5", seeded, identity=i) for i in "ab"]
    assert made[0]["sets"] == made[1]["sets"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("type: random_search", "needs execution-count"),
        ("type: random_search\nexecution-count: 0", "execution-count is at least 1"),
        ("type: random_search\nexecution-count: 1001", "1,001 executions"),
        ("type: bayesian_tpe\nexecution-count: 5", "needs optimization-target-metric"),
        ("type: bayesian_tpe\noptimization-target-metric: a", "needs execution-count"),
        ("type: bayesian_tpe\nengine: hyperopt\nexecution-count: 5", "engine hyperopt"),
        ("type: distributed\nexecution-count: 5", "come later"),
        ("maximum-queued-executions: 0", "maximum-queued-executions is at least 1"),
    ],
)
def test_what_a_type_needs_is_said(body: str, words: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        plan(body, RANDOM.replace("min:", "count: 3, min:"))
    assert words in str(refusal.value)


def test_a_trigger_gives_one_value_or_one_for_each_execution() -> None:
    assert [each["lr"] for each in plan("", LR, lr=0.9)["sets"]] == [0.9]
    made = plan("", LR, depth=[4, 5], kind="x")
    assert [(each["lr"], each["depth"]) for each in made["sets"]] == [(0.1, 4), (0.1, 5), (0.2, 4), (0.2, 5)]
    assert made["given"]["parameters"] == {"kind": "x"}
    with pytest.raises(ConfigError, match="empty list"):
        plan("", LR, depth=[])


def test_a_parameter_that_takes_several_values_fans_out_over_lists_of_lists() -> None:
    made = plan_fan(config(""), "train", Given(parameters={"layers": [3, 4]}), "a")
    assert (made["sets"], made["given"]["parameters"]) == ([{}], {"layers": [3, 4]})
    made = plan_fan(config(""), "train", Given(parameters={"layers": [[3], [4, 5]]}), "a")
    assert made["sets"] == [{"layers": [3]}, {"layers": [4, 5]}]


def test_a_step_fans_out_over_what_is_given_several_values() -> None:
    made = plan_fan(
        config(""), "train", Given(parameters={"lr": [0.1, 0.2], "depth": [1, 2], "kind": "x"}), "a"
    )
    assert made["count"] == 4
    assert plan_fan(config(""), "train", Given(), "a")["sets"] == [{}]


def test_a_plan_keeps_all_that_is_given_through_json() -> None:
    file = DatumFile(
        "6b1f4d0e-0000-4000-8000-000000000002", "model.json", "outputs/x", 5, "sha256:" + "1" * 64
    )
    given = Given(
        parameters={"kind": "x"},
        uris={"data": ("https://example.org/a.csv",)},
        data={"models": (file,)},
        environment="gpu",
        variables={"A": "b"},
        image="other:1",
        command=["echo {parameters}"],
        mounts=[Mount("/data", "/mnt", True)],
        autorestart=True,
        notes=("the edge brought 3 files",),
    )
    body = json.loads(json.dumps(given_json(given, {"kind": "x"})))
    again = given_of(body, {"lr": 0.1})
    assert replace(again, mounts=None) == replace(given, mounts=None, parameters={"kind": "x", "lr": 0.1})
    assert [vars(mount) for mount in again.mounts] == [to_json(mount) for mount in given.mounts]


def test_fields_of_another_type_are_ignored_with_a_note() -> None:
    made = plan("execution-count: 3\nengine: optuna", LR)
    assert made["notes"] == [
        "`engine` is ignored: a grid_search does not use it",
        "`execution-count` is ignored: a grid_search does not use it",
    ]
