"""The metrics of a run beside those of its base: what changed, in which direction, and what was expected. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.core.addresses import Pages
from controller.core.checks import markdown
from schemas.errors import ConfigError
from schemas.expectations import parse_expectation
from schemas.states import RunState
from schemas.values import short
from schemas.words import change, figure

KEPT = 4
"""Sentences on what a commit takes away."""
IN_TITLE = 2
"""Metrics of a first line."""

_OPERATORS = {
    ">=": "at least",
    "<=": "at most",
    ">": "above",
    "<": "below",
    "==": "exactly",
    "!=": "not",
}
_BETTER = {">=": 1, ">": 1, "<=": -1, "<": -1}


@dataclass(frozen=True, slots=True)
class Base:
    """What is compared with: a commit, and the branch where it was seen ("" where that is not known)."""

    sha: str
    branch: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric here and in the base. With `expected` (as the file says it): the value that it was held to, and the answer.

    `passed` None: nothing was expected of it. `note`: why it could not be compared. `by`: the branch that expects it, where the
    commit's own file takes that away.
    """

    metric: str
    value: float | None
    base: float | None = None
    expected: str = ""
    target: float | None = None
    passed: bool | None = None
    note: str = ""
    by: str = ""


def headline(measures: Sequence[Measure], base: Base | None) -> str:
    """`accuracy 0.962 (+0.011 against main at 3f2a91c)`: what was expected something of, as plain text."""
    words: list[str] = []
    seen: set[str] = set()
    for each in measures:
        if each.passed is None or each.value is None or each.metric in seen:
            continue
        seen.add(each.metric)
        against = ""
        if base is not None and each.base is not None:
            where = f"{base.branch} at {short(base.sha)}" if base.branch else short(base.sha)
            against = f" ({change(each.value, each.base)}{'' if words else f' against {where}'})"
        words.append(f"{each.metric} {figure(each.value)}{against}")
    return ", ".join(words[:IN_TITLE])


def verdict(judged: Sequence[Measure]) -> str:
    """`both expectations hold.`, `1 of 3 expectations does not hold.`"""
    failed = sum(1 for each in judged if not each.passed)
    if failed:
        of = f"{failed} of {len(judged)} expectations" if len(judged) > 1 else "the expectation"
        return f"{of} {'do' if failed > 1 else 'does'} not hold."
    if len(judged) == 1:
        return "the expectation holds."
    return f"{'both' if len(judged) == 2 else f'all {len(judged)}'} expectations hold."


def kept(sentences: Sequence[str], state: RunState, changes: Sequence[str] = ()) -> str:
    """What a commit takes away of its gate, and on failure what somebody does who means it; "" where it takes nothing.

    `changes`: what it makes run in place of what its base's file runs.
    """
    other = [f"⚠ {markdown.prose(one)}." for one in changes[:KEPT]]
    if not sentences:
        return "  \n".join(other)
    also = "It is held to that all the same"
    if state is RunState.SUCCESS:
        also = "It was held to that all the same, and holds"
    if state is RunState.FAILURE:
        also = (
            "A gate does not go in the change that fails it. If this is meant, somebody who may merges past this check, and "
            "from then on the new file counts"
        )
    return "  \n".join([*other, *(f"⚠ {markdown.prose(one)}." for one in sentences[:KEPT]), f"{also}."])


def named(base: Base, pages: Pages) -> str:
    """`main` at 3f2a91c, with a link."""
    commit = markdown.link(short(base.sha), pages.commit(base.sha))
    return f"{markdown.code(base.branch)} at {commit}" if base.branch else commit


def table(measures: Sequence[Measure], base: Base | None, pages: Pages) -> str:
    """A row a metric, with all that was expected of it; columns that no row fills are left out."""
    if not measures:
        return ""
    by_metric: dict[tuple[str, float | None, float | None], list[Measure]] = {}
    for each in measures:
        by_metric.setdefault((each.metric, each.value, each.base), []).append(each)
    before = named(base, pages) if base is not None else ""
    rows = [_row(same) for same in by_metric.values()]
    return markdown.table(["Metric", "Here", before, "Change", "Expected"], rows, numbers=(1, 2))


def _row(same: Sequence[Measure]) -> Sequence[str]:
    each = same[0]
    return [
        markdown.code(each.metric),
        "" if each.value is None else figure(each.value),
        "" if each.base is None else figure(each.base),
        _change(each),
        "<br>".join(said for each in same if (said := _expected(each))),
    ]


def _change(each: Measure) -> str:
    if each.value is None or each.base is None:
        return ""
    difference = each.value - each.base
    if difference == 0:
        return "→ ±0"
    arrow = "↑" if difference > 0 else "↓"
    better = _BETTER.get(_read(each.expected)[0], 0) * difference
    opinion = "" if not better else " better" if better > 0 else " worse"
    return f"{arrow} {change(each.value, each.base)}{opinion}"


def _read(expected: str) -> tuple[str, str]:
    """The operator and the right side of an expectation; empty for one that this version cannot read."""
    try:
        read = parse_expectation(expected)
    except ConfigError:
        return "", ""
    return read.operator, read.expression


def _expected(each: Measure) -> str:
    if each.passed is None:
        return ""
    operator, expression = _read(each.expected)
    limit = markdown.prose(each.note)
    if each.target is not None:
        limit = f"{_OPERATORS.get(operator, 'as expected:')} {figure(each.target)}"
    said = f"✓ {limit}" if each.passed else f"**✗ {limit}**"
    if each.target is None or "base" in expression or not operator:
        said = f"{said} ({markdown.code(expression or each.expected)})"
    return f"{said}, expected by {markdown.code(each.by)}, taken away here" if each.by else said
