"""Expectations: grammar, places of mistakes, arithmetic."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import ConfigError
from schemas.expectations import NotComparable, evaluate, parse_expectation
from schemas.repo_config import Expectation
from tests.builders.marked_yaml import marked


def test_the_parts_of_an_expectation() -> None:
    assert parse_expectation("test.accuracy >= base - 0.005") == Expectation(
        text="test.accuracy >= base - 0.005",
        node="test",
        metric="accuracy",
        operator=">=",
        expression="base - 0.005",
    )
    assert parse_expectation("  loss<0.1 ").expression == "0.1"


@pytest.mark.parametrize(
    ("text", "node", "metric", "operator"),
    [
        ("a == 1", None, "a", "=="),
        ("a != 1", None, "a", "!="),
        ("a > 1", None, "a", ">"),
        ("a <= 1", None, "a", "<="),
        ("val/top-5 >= 1", None, "val/top-5", ">="),
        ("n.val.loss < 1", "n", "val.loss", "<"),
        ("tarkkuus_ä >= 1", None, "tarkkuus_ä", ">="),
    ],
)
def test_nodes_metrics_and_comparisons(text: str, node: str | None, metric: str, operator: str) -> None:
    expectation = parse_expectation(text)
    assert (expectation.node, expectation.metric, expectation.operator) == (node, metric, operator)


WRONG = [
    ("§accuracy", "is not an expectation"),
    ("§", "is not an expectation"),
    ("§>= 3", "is not an expectation"),
    ("a §=> 1", "`=>` is not a comparison"),
    ("a §= 1", "`=` is not a comparison"),
    ("a §=== 1", "`===` is not a comparison"),
    ("§.a > 1", "`.a` is not a metric"),
    ("§a. > 1", "`a.` is not a metric"),
    ("a >§", "the right side ends too early"),
    ("a > 1 +§  ", "the right side ends too early"),
    ("a > 1 §2", "`2` is not expected here"),
    ("a > (1§", "the `(` in column 5 is not closed"),
    ("a > 1§)", "`)` is not expected here"),
    ("a > 2 * §/ 3", "`/` is not expected here"),
    ("a > §best", "`best` is not known on the right side"),
    ("a > §base.", "`base.` is not known on the right side"),
    ("a > §__import__", "`__import__` is not known"),
    ("a > abs§'x'", "`'` has no meaning here"),
    ("a > 1 §, 2", "`,` has no meaning here"),
    ("a > 2 *§* 3", "`*` is not expected here"),
    ("a > §[1]", "`[` has no meaning here"),
    ("a > §1 / 0", "a division by zero"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[case[0] for case in WRONG])
def test_mistakes_have_a_column(text: str, message: str) -> None:
    case = marked(text)
    with pytest.raises(ConfigError) as caught:
        parse_expectation(case.text.decode())
    (problem,) = caught.value.problems
    assert message in problem.message
    assert (problem.line, problem.column) == (1, case.column)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("0.9", 0.9),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("8 / 2 / 2", 2.0),
        ("1 - 2 - 3", -4.0),
        ("-base", -0.8),
        ("- - 2", 2.0),
        ("2 * -3", -6.0),
        ("base - 0.3", 0.5),
        ("base.loss * 1.5", 3.0),
        ("base.val.loss", 7.0),
        ("base + base.loss", 2.8),
    ],
)
def test_arithmetic(expression: str, value: float) -> None:
    base = {"accuracy": 0.8, "loss": 2.0, "val.loss": 7.0}
    assert evaluate(expression, "accuracy", base) == pytest.approx(value)


@pytest.mark.parametrize(
    ("expression", "base", "words"),
    [
        ("base", None, "there is no base"),
        ("base.f1 * 2", {"accuracy": 1.0}, "the base has no `f1`"),
        ("base", {"f1": 1.0}, "the base has no `accuracy`"),
        ("1 / base", {"accuracy": 0.0}, "a division by zero"),
        ("base", {"accuracy": math.nan}, "`base` has no value"),
        ("1e999 - 1e999", {}, "has no value"),
    ],
)
def test_what_has_no_value_says_why(expression: str, base: dict[str, float] | None, words: str) -> None:
    with pytest.raises(NotComparable, match=words):
        evaluate(expression, "accuracy", base)


def test_without_a_base_numbers_alone_still_count() -> None:
    assert evaluate("1 - 0.5", "accuracy", None) == 0.5


@pytest.mark.parametrize("expression", ["(" * 19 + "1" + ")" * 19, "-" * 19 + "1"])
def test_nesting_has_a_limit(expression: str) -> None:
    parse_expectation(f"a > {expression}")
    with pytest.raises(ConfigError, match="nested more than 20 deep"):
        parse_expectation(f"a > ({expression})" if "(" in expression else f"a > --{expression}")


def test_length_has_a_limit() -> None:
    with pytest.raises(ConfigError, match="at most 500 characters"):
        parse_expectation("a > " + "1+" * 10_000 + "1")


NUMBERS = st.floats(min_value=-1e6, max_value=1e6).map(lambda number: f"({number!r})".replace("(-", "-("))
SUMS = st.recursive(
    NUMBERS,
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(SUMS)
def test_numbers_compute_as_in_python(expression: str) -> None:
    expected = eval(expression)  # only what the strategy above wrote
    assert evaluate(expression, "a", None) == expected


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="ab.ase0123456789+-*/()<>=! ", max_size=60))
def test_any_text_is_an_expectation_or_a_problem_with_a_column(text: str) -> None:
    try:
        expectation = parse_expectation(text)
    except ConfigError as error:
        columns = [problem.column for problem in error.problems]
    else:
        assert expectation.metric
        assert expectation.expression in text
        columns = [1]
    assert [1 <= column <= len(text) + 1 for column in columns] == [True]
