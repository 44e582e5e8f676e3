"""The expectations of a trigger: `[node.]METRIC OP EXPRESSION`, parsed and computed without Python's `eval`.

    accuracy >= 0.9
    test.accuracy >= base - 0.005          the metric of the node `test`, against the same metric of the base
    loss < 1.1 * base.loss                 another metric of the base

A metric's name on the left is anything without spaces and comparison signs; after `base.` it has letters, digits, `_` and
`.`, since there `-` and `/` compute.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, cast, get_args

from schemas.errors import ConfigError
from schemas.repo_config import Expectation
from schemas.values import Problem

LONGEST: Final = 500
"""Characters of an expectation."""
DEEPEST: Final = 20
"""Parentheses and signs inside of each other."""

Operator = Literal[">=", "<=", ">", "<", "==", "!="]
GRAMMAR: Final = (
    "Write `METRIC OP EXPRESSION`, for example `accuracy >= 0.9` or `test.accuracy >= base - 0.005`."
)

Lookup = Callable[[str], float]
"""The base's value of the named metric; of the expectation's own for an empty name."""

_LEFT = re.compile(r"\s*(?P<subject>[^\s<>=!]+)\s*(?P<operator>[<>=!]+)\s*")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)|(?P<sign>[-+*/()]))"
)


class NotComparable(ValueError):
    """The right side has no value: no base, no such metric in it, a division by zero."""


def parse_expectation(text: str) -> Expectation:
    """Raises `ConfigError` with one problem whose column counts from 1 in `text`. A first part before a dot is the node."""
    if len(text) > LONGEST:
        raise _wrong(0, f"an expectation has at most {LONGEST} characters", "")
    left = _LEFT.match(text)
    if left is None:
        raise _wrong(0, f"`{text}` is not an expectation", GRAMMAR)
    if left["operator"] not in get_args(Operator):
        hint = f"Comparisons are {', '.join(get_args(Operator))}."
        raise _wrong(left.start("operator"), f"`{left['operator']}` is not a comparison", hint)
    node, dot, metric = left["subject"].partition(".")
    if dot and not (node and metric):
        raise _wrong(left.start("subject"), f"`{left['subject']}` is not a metric", GRAMMAR)
    try:
        _Reader(text, left.end(), lambda _: math.nan).whole()
    except NotComparable as error:
        raise _wrong(left.end(), str(error), "") from error
    return Expectation(
        text=text,
        node=node if dot else None,
        metric=metric if dot else node,
        operator=cast(Operator, left["operator"]),
        expression=text[left.end() :].strip(),
    )


def evaluate(expression: str, metric: str, base: Mapping[str, float] | None) -> float:
    """The value of a checked right side. `base` is the last metrics of the base run, None when there is none.

    Raises `NotComparable` when it has no value, and `ConfigError` for what `parse_expectation` would refuse.
    """
    value = _Reader(expression, 0, partial(_looked_up, metric, base)).whole()
    if math.isnan(value):
        raise NotComparable(f"`{expression}` has no value")
    return value


def _looked_up(metric: str, base: Mapping[str, float] | None, other: str) -> float:
    if base is None:
        raise NotComparable("there is no base")
    name = other or metric
    if name not in base:
        raise NotComparable(f"the base has no `{name}`")
    return float(base[name])


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Literal["number", "name", "sign", "end"]
    text: str
    at: int


def _tokens(text: str, start: int) -> Iterator[_Token]:
    at = start
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise _wrong(
                at, f"`{text[at]}` has no meaning here", "Numbers, `base`, `base.METRIC`, + - * / and ( )."
            )
        kind = cast(Literal["number", "name", "sign"], match.lastgroup)
        yield _Token(kind, match[kind], match.start(kind))
        at = match.end()
    yield _Token("end", "", max(end, start))


class _Reader:
    """A recursive descent over sums, products, signs and parentheses; computes while it reads."""

    def __init__(self, text: str, start: int, lookup: Lookup) -> None:
        self.tokens = list(_tokens(text, start))
        self.lookup = lookup
        self.next = 0
        self.depth = 0

    def whole(self) -> float:
        value = self.sum()
        if self.token.kind != "end":
            raise _wrong(self.token.at, f"`{self.token.text}` is not expected here", GRAMMAR)
        return value

    @property
    def token(self) -> _Token:
        return self.tokens[self.next]

    def take(self, *signs: str) -> str:
        """The next sign if it is one of these, else an empty text."""
        if self.token.kind != "sign" or self.token.text not in signs:
            return ""
        self.next += 1
        return self.tokens[self.next - 1].text

    def sum(self) -> float:
        value = self.product()
        while sign := self.take("+", "-"):
            right = self.product()
            value = value + right if sign == "+" else value - right
        return value

    def product(self) -> float:
        value = self.atom()
        while sign := self.take("*", "/"):
            right = self.atom()
            value = value * right if sign == "*" else _quotient(value, right)
        return value

    def atom(self) -> float:
        token = self.token
        self.depth += 1
        if self.depth > DEEPEST:
            raise _wrong(token.at, f"nested more than {DEEPEST} deep", "")
        try:
            return self.inner(token)
        finally:
            self.depth -= 1

    def inner(self, token: _Token) -> float:
        if sign := self.take("-", "+"):
            value = self.atom()
            return -value if sign == "-" else value
        if self.take("("):
            value = self.sum()
            if not self.take(")"):
                raise _wrong(self.token.at, f"the `(` in column {token.at + 1} is not closed", "")
            return value
        if token.kind in ("number", "name"):
            self.next += 1
            return float(token.text) if token.kind == "number" else self.named(token)
        if token.kind == "end":
            raise _wrong(token.at, "the right side ends too early", GRAMMAR)
        raise _wrong(token.at, f"`{token.text}` is not expected here", GRAMMAR)

    def named(self, token: _Token) -> float:
        first, dot, metric = token.text.partition(".")
        if first != "base" or (dot and not metric):
            message = f"`{token.text}` is not known on the right side"
            raise _wrong(token.at, message, "Only `base` (the same metric) and `base.METRIC` are.")
        return self.lookup(metric)


def _quotient(value: float, divisor: float) -> float:
    if divisor == 0:
        raise NotComparable("a division by zero")
    return value / divisor


def _wrong(at: int, message: str, hint: str) -> ConfigError:
    return ConfigError(message, [Problem("", 1, at + 1, message, hint)], hint)
