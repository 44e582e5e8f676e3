"""Expressions over metadata and parameters: what they can say, and that nothing in them can hurt."""

import operator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.conditions import MAX_DEPTH, MAX_LENGTH, holds

METADATA = {
    "accuracy": 0.95,
    "epoch": 7,
    "phase": "warm up",
    "done": True,
    "nothing": None,
    "list": [1, 2],
    "val.loss": 0.25,
    "test": {"loss": 0.5, "deep": {"er": 3}},
    "metadata": 5,
    "my-key": 1,
    "text": "12",
}
PARAMETERS = {"epochs": 7, "target": 0.9, "names": ["a", "b"], "accuracy": 0.1}


@pytest.mark.parametrize(
    "expression",
    [
        "accuracy >= 0.95",
        "metadata.accuracy > 0.9",
        "accuracy > parameter.target",
        "parameter.accuracy < metadata.accuracy",
        "epoch == parameter.epochs",
        "epoch - parameter.epochs + 1 == 1",
        "epoch // 2 == 3 and epoch / 2 == 3.5",
        "-epoch < 0",
        "phase == 'warm up'",
        "'warm' in phase",
        "'c' not in parameter.names",
        "1 in list",
        "epoch in (6, 7)",
        "done",
        "not nothing",
        "nothing is None",
        "missing is None",
        "accuracy is not None",
        "val.loss == 0.25",
        "metadata.val.loss == 0.25",
        "test.loss == 0.5",
        "metadata.test.deep.er == 3",
        "metadata == 5",
        "  accuracy > 0.5\n",
        "(accuracy > 0.5) and (epoch > 3 or done) and not (epoch > 100)",
    ],
)
def test_what_is_true(expression: str) -> None:
    assert holds(expression, METADATA, PARAMETERS)


@pytest.mark.parametrize(
    "expression",
    [
        "accuracy > 0.99",
        "parameter.accuracy > 0.5",
        "nothing",
        "phase == 'cold'",
        "accuracy is None",
        "0",
        "''",
    ],
)
def test_what_is_false(expression: str) -> None:
    assert not holds(expression, METADATA, PARAMETERS)


@pytest.mark.parametrize(
    "expression",
    [
        "missing > 1",
        "missing",
        "metadata.missing > 1",
        "parameter.missing == 1",
        "test.missing == 1",
        "accuracy.loss == 1",
        "my-key == 1",
        "max(1, 2) == 2",
        "missing(1)",
        "phase > 3",
        "text > 3",
        "phase + 'x' == 'warm upx'",
        "nothing > 0",
        "1 / 0 == 1",
        "-phase == 1",
        "{list} == 1",
        "1 in epoch",
    ],
)
def test_what_is_not_known_is_not_true_and_neither_is_its_opposite(expression: str) -> None:
    assert not holds(expression, METADATA, PARAMETERS)
    assert not holds(f"not ({expression})", METADATA, PARAMETERS)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("missing > 1 or accuracy > 0.9", True),
        ("accuracy > 0.9 or missing > 1", True),
        ("missing > 1 or accuracy > 0.99", False),
        ("missing > 1 and accuracy > 0.9", False),
        ("not (missing > 1 and accuracy > 0.99)", True),
        ("not (missing > 1 or accuracy > 0.99)", False),
        ("missing > 1 or nowhere(2) or text > 1 or done", True),
    ],
)
def test_an_unknown_can_be_outweighed(expression: str, value: bool) -> None:
    assert holds(expression, METADATA, PARAMETERS) is value


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "accuracy >",
        "accuracy > 0.5 > 0.1",
        "[1]",
        "list[0] == 1",
        "[x for x in list]",
        "lambda: 1",
        "accuracy if done else 0",
        "2 ** 9 == 512",
        "epoch % 2 == 1",
        "f'{accuracy}'",
        "b'bytes'",
        "(done := True)",
        "phase.upper() == 'WARM UP'",
        "''.join == 1",
        "accuracy\0 > 0",
        "import os",
        "max(1, key=2)",
        "9" * 5000,
        "(" * 300 + "1" + ")" * 300,
        "x" + ".x" * 4000,
        "-" * 5000 + "1",
        "1" + " + 1" * 2000,
        "True" + " " * MAX_LENGTH,
        f"{'not (' * MAX_DEPTH}False{')' * MAX_DEPTH}",
    ],
)  # fmt: skip
def test_what_the_language_does_not_have_is_never_true(expression: str) -> None:
    assert not holds(expression, METADATA, PARAMETERS)


def test_what_an_operand_breaks_breaks_the_whole() -> None:
    assert not holds("done or 2 ** 9 == 512", {}, {})
    assert not holds("2 ** 9 == 512 or True", {}, {})


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "a.b"]), values), values,
       st.lists(st.sampled_from(["a", "b", ".", "metadata", "parameter", " and ", " or ", "not ", "(", ")", ">", "==", " in ",
                                 "+", "/", "//", "-", "1", "0", "'x'", "None", " is ", ",", "{", "}"]), max_size=12))  # fmt: skip
def test_whatever_is_asked_the_answer_is_yes_or_no(
    metadata: dict[str, Any], parameter: Any, parts: list[str]
) -> None:
    assert holds("".join(parts), metadata, {"a": parameter}) in (True, False)


@given(st.integers() | st.floats(), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.integers() | st.floats(allow_nan=False, allow_infinity=False))  # fmt: skip
def test_comparisons_are_pythons(value: float, sign: str, limit: float) -> None:
    compare = {
        "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
    }[sign]  # fmt: skip
    assert holds(f"loss {sign} {limit!r}", {"loss": value}, {}) is compare(value, limit)
