"""What the check of a valohai.yaml says: the file's own lines with a caret, and remarks at their places. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from controller.core.checks import markdown
from forges.port import Annotation
from schemas.excerpts import Excerpt, excerpts
from schemas.plain_text import visible
from schemas.words import plural, sentence

SHOWN = 3
"""Problems whose lines stand in the summary; all of them are remarks at their lines."""
LEVELS: dict[str, Literal["notice", "warning", "failure"]] = {"warning": "warning"}
LINT = "luotsi lint"


def summary(state: str, words: str, problems: Sequence[Mapping[str, Any]], text: str | None) -> str:
    """One screen: what is wrong and where, and how to know it before a commit does."""
    if not problems:
        return f"**{state.capitalize()}**: {sentence(markdown.prose(words))}"
    errors = sum(1 for each in problems if _level(each) == "failure")
    counted = " and ".join(
        plural(count, one)
        for count, one in ((errors, "problem"), (len(problems) - errors, "warning"))
        if count
    )
    stops = " What needs something broken does not start; the rest does." if errors else ""
    ordered = sorted(problems, key=lambda each: _level(each) != "failure")
    hidden = len(problems) - SHOWN
    return markdown.joined(
        [
            f"**{state.capitalize()}**: {counted}.{stops}",
            *map(_shown, excerpts(ordered[:SHOWN], text)),
            f"{hidden} more: all are remarks at their lines." if hidden > 0 else "",
            f"{markdown.code(LINT)} says the same before a commit does.",
        ]
    )


def _shown(found: Excerpt) -> str:
    place = f"{found.path}, line {found.line}" if found.line else found.path
    hint = f" {markdown.prose(found.hint)}" if found.hint else ""
    said = f"{markdown.code(place)}: {sentence(markdown.prose(found.message))}{hint}"
    if not found.lines:
        return said
    width = len(str(found.lines[-1][0]))
    lines = []
    for number, source, wrong in found.lines:
        lines.append(f"{number:>{width}} | {source}")
        if wrong and found.caret:
            lines.append(f"{'':>{width}} | {found.caret}")
    return f"{said}\n\n{markdown.block(lines)}"


def annotations(problems: Sequence[Mapping[str, Any]]) -> tuple[Annotation, ...]:
    """A remark a problem. A place that is not known is the file's first line."""
    return tuple(_annotation(each) for each in problems)


def _annotation(problem: Mapping[str, Any]) -> Annotation:
    message, hint = visible(str(problem.get("message", ""))), visible(str(problem.get("hint") or ""))
    return Annotation(
        path=str(problem.get("path", "")),
        line=max(1, int(problem.get("line") or 0)),
        message=hint or message,
        title=markdown.line(message) if hint else "",
        column=int(problem.get("column") or 0) if problem.get("line") else 0,
        level=_level(problem),
    )


def _level(problem: Mapping[str, Any]) -> Literal["notice", "warning", "failure"]:
    return LEVELS.get(str(problem.get("severity")), "failure")
