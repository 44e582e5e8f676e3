"""The gate: a run's metrics against what its trigger expects. Computed here, never by the job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemas.errors import ConfigError
from schemas.expectations import evaluate, parse_expectation
from schemas.ranking import number
from schemas.repo_config import Expectation
from schemas.values import short

NOT_HERE = ", and this change does not"
"""Behind what a base's file says and the commit's own does not."""


@dataclass(frozen=True, slots=True)
class Line:
    """One expectation, answered. `target` is the right side's value; None where it could not be had.

    `by`: the branch whose file expects it, where the commit's own takes it away.
    """

    text: str
    metric: str
    value: float | None
    base: float | None
    target: float | None
    passed: bool
    note: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """The answer of all lines together, with the sentence that a forge shows."""

    lines: tuple[Line, ...]
    base_sha: str | None
    passed: bool
    summary: str


@dataclass(frozen=True, slots=True)
class Base:
    """The run compared against: its commit, the last metrics of each of its nodes, and its own final node.

    `final`: "" where it is called as here.
    """

    sha: str
    metadata: Mapping[str, Mapping[str, Any]]
    final: str = ""


def judge(
    expectations: Sequence[Expectation],
    metadata: Mapping[str, Mapping[str, Any]],
    final: str,
    base: Base | None,
    base_required: bool,
) -> Gate:
    """Answer every expectation. `metadata`: last values by node; `final`: the node meant where none is named."""
    return judge_each([(each, metadata, base) for each in expectations], final, base_required)


Question = tuple[Expectation, Mapping[str, Mapping[str, Any]], Base | None]
"""An expectation, and the values that it is judged by: of a task another execution may be the best for each of them."""


def judge_each(questions: Sequence[Question], final: str, base_required: bool, by: str = "") -> Gate:
    """Answer each expectation by its own values. The base is the same commit for all of them.

    `by`: the branch whose file has these expectations, where it is not the commit's own. A node of theirs that is no more
    fails by its name, and so does what cannot be compared with the base: else a change could take away what is compared.
    """
    lines = tuple(
        _line(each, metadata, final, base, (base_required, base_required or bool(by)))
        for each, metadata, base in questions
    )
    if by:
        lines = tuple(
            replace(_gone(line, each, metadata), by=by)
            for line, (each, metadata, _) in zip(lines, questions, strict=True)
        )
    sha = next((base.sha for _, _, base in questions if base is not None), None)
    return together([Gate(lines, sha, True, "")])


def together(gates: Sequence[Gate]) -> Gate:
    """One answer of several, with a sentence on all of their lines."""
    lines = tuple(line for gate in gates for line in gate.lines)
    sha = next((gate.base_sha for gate in gates if gate.base_sha is not None), None)
    return Gate(lines, sha, all(line.passed for line in lines), _summary(lines, sha))


def asked_node(expectation: Expectation) -> str | None:
    """The node that an expectation's own text names; None where it leaves that to the final one, whatever that is called."""
    return None if expectation.node is None else parse_expectation(expectation.text).node


def _gone(line: Line, expectation: Expectation, metadata: Mapping[str, Mapping[str, Any]]) -> Line:
    if expectation.node is None or expectation.node in metadata:
        return line
    return replace(line, passed=False, note=f"there is no node {expectation.node} any more")


def _line(
    expectation: Expectation,
    metadata: Mapping[str, Mapping[str, Any]],
    final: str,
    base: Base | None,
    required: tuple[bool, bool],
) -> Line:
    """`required`: whether there has to be a base, and whether one that is there has to be comparable."""
    node = expectation.node or final
    same = asked_node(expectation) or (base.final if base else "") or node
    value = number(metadata.get(node, {}).get(expectation.metric))
    there = _numbers(base.metadata.get(same, {})) if base else None
    before = there.get(expectation.metric) if there else None
    needs_base = "base" in expectation.expression

    def line(passed: bool, note: str, target: float | None = None) -> Line:
        return Line(expectation.text, expectation.metric, value, before, target, passed, note)

    if value is None:
        return line(False, f"{node} printed no number for {expectation.metric}")
    if needs_base and there is None:
        if required[0]:
            return line(False, "there is no earlier run to compare against, and the trigger requires one")
        return line(True, "no earlier run to compare against")
    try:
        target = evaluate(expectation.expression, expectation.metric, there)
    except (ConfigError, ValueError, KeyError, ArithmeticError) as error:
        return line(needs_base and not required[1], f"not comparable: {error}")
    passed = _compare(value, expectation.operator, target)
    note = (
        ""
        if passed
        else f"{expectation.metric} is {figure(value)}, expected {expectation.operator} {figure(target)}"
    )
    return line(passed, note, target)


def _compare(value: float, operator: str, target: float) -> bool:
    match operator:
        case ">=":
            return value >= target
        case "<=":
            return value <= target
        case ">":
            return value > target
        case "<":
            return value < target
        case "==":
            return value == target
        case _:
            return value != target


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {key: found for key, value in values.items() if (found := number(value)) is not None}


def figure(value: float) -> str:
    """A number as people read it: at most four digits after the point."""
    return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) < 1e6 else f"{value:.4g}"


def _summary(lines: Sequence[Line], base_sha: str | None) -> str:
    """`accuracy 0.962 (+0.011 against 3f2a91c)`, and for a failed gate the line that fails first."""
    failed = next((line for line in lines if not line.passed), None)
    if failed is not None:
        said = f"{failed.note} ({failed.text})"
        return f"{said}, as {failed.by} expects{NOT_HERE}" if failed.by else said
    words: list[str] = []
    seen: set[str] = set()
    for line in lines:
        if line.value is None or line.metric in seen:
            continue
        seen.add(line.metric)
        change = ""
        if base_sha is not None and line.base is not None:
            change = f" ({line.value - line.base:+.4g} against {short(base_sha)})"
        words.append(f"{line.metric} {figure(line.value)}{change}")
    return ", ".join(words)
