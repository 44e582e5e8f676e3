"""The gate: metrics against expectations, and against the run before."""

import math
from dataclasses import replace
from typing import Any

import pytest

from controller.core.gate import Base, figure, judge, judge_each
from schemas.expectations import parse_expectation
from schemas.ranking import number

SHA = "3f2a91c" + "0" * 33


def gate(
    expectation: str, metadata: dict[str, Any], base: dict[str, Any] | None = None, required: bool = False
) -> Any:
    before = None if base is None else Base(SHA, {"evaluate": base})
    return judge([parse_expectation(expectation)], {"evaluate": metadata}, "evaluate", before, required)


@pytest.mark.parametrize(
    ("expectation", "value", "passed"),
    [
        ("accuracy >= 0.9", 0.9, True),
        ("accuracy >= 0.9", 0.89, False),
        ("accuracy > 0.9", 0.9, False),
        ("loss <= 1/2", 0.5, True),
        ("loss < 0.5", 0.5, False),
        ("accuracy == 1", 1, True),
        ("accuracy != 1", 1, False),
        ("accuracy >= 0.9", "0.95", True),
        ("accuracy >= 0.9", float("nan"), False),
        ("accuracy >= 0.9", None, False),
        ("accuracy >= 0.9", True, False),
        ("accuracy >= 0.9", "ninety", False),
    ],
)
def test_a_number_is_compared_and_anything_else_fails(expectation: str, value: Any, passed: bool) -> None:
    found = gate(expectation, {expectation.split(maxsplit=1)[0]: value})
    assert found.passed is passed


def test_a_missing_metric_fails_and_says_which() -> None:
    found = gate("accuracy >= 0.9", {"loss": 1})
    assert not found.passed
    assert "evaluate printed no number for accuracy" in found.summary


def test_the_base_is_the_same_metric_of_the_run_before() -> None:
    assert gate("accuracy >= base - 0.005", {"accuracy": 0.957}, {"accuracy": 0.96}).passed
    assert not gate("accuracy >= base - 0.005", {"accuracy": 0.95}, {"accuracy": 0.96}).passed


def test_another_metric_of_the_base_can_be_named() -> None:
    assert gate("accuracy >= base.best * 0.9", {"accuracy": 0.95}, {"best": 1.0, "accuracy": 0.1}).passed


def test_without_a_base_it_passes_with_words_unless_one_is_required() -> None:
    found = gate("accuracy >= base", {"accuracy": 0.1})
    assert found.passed
    assert found.lines[0].note == "no earlier run to compare against"
    assert not gate("accuracy >= base", {"accuracy": 0.1}, required=True).passed


def test_the_summary_suffices() -> None:
    found = gate("accuracy >= 0.9", {"accuracy": 0.962}, {"accuracy": 0.951})
    assert found.summary == "accuracy 0.962 (+0.011 against 3f2a91c)"
    assert gate("accuracy >= 0.99", {"accuracy": 0.962}).summary == (
        "accuracy is 0.962, expected >= 0.99 (accuracy >= 0.99)"
    )


def test_a_node_can_be_named() -> None:
    metadata: dict[str, dict[str, Any]] = {"train": {"loss": 0.2}, "evaluate": {"loss": 9}}
    found = judge([parse_expectation("train.loss <= 0.5")], metadata, "evaluate", None, False)
    assert found.passed


@pytest.mark.parametrize(
    ("text", "named", "here", "there", "passed"),
    [
        # Without a node: the final one here with the final one there, however either is called.
        ("accuracy >= base", None, "train2", "train", False),
        ("accuracy >= base - 0.1", None, "train2", "train", True),
        # What a pipeline's file leaves to its one final node has that one's name all the same.
        ("accuracy >= base", "train2", "train2", "train", False),
        ("accuracy >= base", None, "train", "", False),
        # A node that is named is compared with the one of that name, and with nothing where there is none.
        ("train.accuracy >= base", "train", "train", "evaluate", False),
        ("train2.accuracy >= base", "train2", "train2", "train", True),
    ],
)
def test_the_final_node_here_is_compared_with_the_final_node_there(
    text: str, named: str | None, here: str, there: str, passed: bool
) -> None:
    expectation = replace(parse_expectation(text), node=named)
    before = Base(SHA, {"train": {"accuracy": 0.96}, "evaluate": {"accuracy": 0.1}}, there)
    assert judge([expectation], {here: {"accuracy": 0.91}}, here, before, False).passed is passed


@pytest.mark.parametrize(
    ("by", "before", "passed"),
    [
        ("", Base(SHA, {"train": {"loss": 1}}), True),
        ("main", Base(SHA, {"train": {"loss": 1}}), False),
        ("main", None, True),
    ],
)
def test_what_a_base_expects_fails_where_its_run_cannot_be_compared_with(
    by: str, before: Base | None, passed: bool
) -> None:
    question = (parse_expectation("accuracy >= base"), {"train": {"accuracy": 0.9}}, before)
    found = judge_each([question], "train", base_required=False, by=by)
    assert found.passed is passed
    if not passed:
        assert found.summary == (
            "not comparable: the base has no `accuracy` (accuracy >= base), as main expects, and this change does not"
        )


@pytest.mark.parametrize(("value", "expected"), [(0.5, "0.5"), (1, "1"), (0.96218, "0.9622"), (1e9, "1e+09")])
def test_figures_are_short(value: float, expected: str) -> None:
    assert figure(value) == expected


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, "inf", "1e999", [], {}, None, True])
def test_what_is_no_finite_number_is_none(value: Any) -> None:
    assert number(value) is None
