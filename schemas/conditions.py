"""Expressions over metadata and parameters: a step's or task's `stop-condition`, the `if` of a pipeline's action.

The language is leval's, a small part of Python (https://github.com/valohai/leval). Names: a bare key of the metadata, `metadata.KEY`,
`parameter.KEY`; a key with dots, or one inside a nested object, is written with dots. A hyphen is a minus: a key that has
one cannot be named. What is not known yet is neither true nor false: `unknown or true` is true, `unknown and false` is
false, and anything else that rests on it is unknown, which at the end counts as false.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from leval.evaluator import Evaluator
from leval.excs import EvaluatorError, InvalidOperands, InvalidOperation, NoSuchFunction, NoSuchValue
from leval.universe.default import EvaluationUniverse

MAX_DEPTH = 8
MAX_LENGTH = 10_000
"""Characters. Longer expressions are never true."""

_UNKNOWN = (NoSuchValue, NoSuchFunction, InvalidOperands, TypeError, ArithmeticError)
_WRONG = (EvaluatorError, TypeError, ValueError, ArithmeticError, SyntaxError, RecursionError, MemoryError)

_MISSING = object()


def holds(expression: str, metadata: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Whether the expression is true of these latest values. Never raises: what cannot be evaluated is not true."""
    try:
        return bool(_Bounded(_Names(metadata, parameters)).evaluate_expression(expression))
    except _WRONG:
        return False


class _Names(EvaluationUniverse):
    """What names mean, and a logic with a third value for what is not known."""

    def __init__(self, metadata: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        super().__init__()
        self._scopes = {"metadata": metadata, "parameter": parameters}

    def get_value(self, name: str | tuple[str, ...]) -> Any:
        """leval asks with a tuple for a name with dots."""
        parts = (name,) if isinstance(name, str) else name
        found = _MISSING
        if len(parts) > 1 and parts[0] in self._scopes:
            found = _find(self._scopes[parts[0]], parts[1:])
        if found is _MISSING:
            found = _find(self._scopes["metadata"], parts)
        if found is _MISSING:
            raise NoSuchValue(f"nothing is known of {'.'.join(parts)}")
        return found

    def evaluate_bool_op(self, op: ast.AST, value_getters: list[Callable[[], Any]]) -> bool:
        """`and` and `or` from left to right, as far as needed; an operand that is not known may be outweighed."""
        decides = isinstance(op, ast.Or)
        unknown: Exception | None = None
        for getter in value_getters:
            try:
                if bool(getter()) is decides:
                    return decides
            except _UNKNOWN as error:
                unknown = error
        if unknown:
            raise unknown
        return not decides


class _Bounded(Evaluator):
    """leval with our limits. `not` of an unknown is unknown; only `is None` asks whether something is there."""

    def __init__(self, universe: _Names) -> None:
        super().__init__(universe, max_depth=MAX_DEPTH, max_length=MAX_LENGTH, loose_not_operator=False)

    def parse(self, expression: str) -> ast.AST:
        """Once for an expression: it is evaluated at every metadata line."""
        return _parsed(expression.strip())

    def visit_Attribute(self, node: ast.Attribute) -> Any:  # noqa: N802 - ast.NodeVisitor finds it by this name
        """Dotted names. leval follows the dots by recursion, before it looks at any limit."""
        dots: ast.AST = node
        for _ in range(MAX_DEPTH):
            if not isinstance(dots, ast.Attribute):
                return super().visit_Attribute(node)  # type: ignore[no-untyped-call]
            dots = dots.value
        raise InvalidOperation("too many dots in one name", node=node)


@lru_cache(maxsize=256)
def _parsed(expression: str) -> ast.AST:
    return ast.parse(expression, "<expression>", "eval")


def _find(values: Mapping[str, Any], parts: Sequence[str]) -> Any:
    """The value under a key that is all the parts with dots, or the value inside a nested object."""
    for end in range(len(parts), 0, -1):
        found = values.get(".".join(parts[:end]), _MISSING)
        if end == len(parts) and found is not _MISSING:
            return found
        if isinstance(found, Mapping):
            inner = _find(found, parts[end:])
            if inner is not _MISSING:
                return inner
    return _MISSING
