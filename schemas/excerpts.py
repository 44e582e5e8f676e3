"""The lines of a file around a problem, with a caret under its place. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.plain_text import visible

AROUND = 2
"""Lines shown before the one that is wrong; one is shown after it."""

WIDEST = 160


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A problem with the file's own lines: (number, text, whether it is the one) and the caret's line, if it has a place."""

    path: str
    line: int
    column: int
    message: str
    hint: str
    severity: str
    lines: tuple[tuple[int, str, bool], ...] = ()
    caret: str = ""


def excerpts(problems: Sequence[Mapping[str, Any]], text: str | None) -> tuple[Excerpt, ...]:
    """Every problem with its lines; without lines when the file or the place is not known."""
    source = (text or "").split("\n")
    return tuple(_excerpt(problem, source) for problem in problems)


def _excerpt(problem: Mapping[str, Any], source: Sequence[str]) -> Excerpt:
    line, column = int(problem.get("line") or 0), int(problem.get("column") or 0)
    facts = Excerpt(
        path=str(problem.get("path", "")),
        line=line,
        column=column,
        message=str(problem.get("message", "")),
        hint=str(problem.get("hint") or ""),
        severity=str(problem.get("severity") or "error"),
    )
    if not 1 <= line <= len(source) or not any(source):
        return facts
    skipped = max(0, column - WIDEST // 2) if column > WIDEST else 0
    first, last = max(1, line - AROUND), min(len(source), line + 1)
    lines = tuple((n, _shown(source[n - 1], skipped), n == line) for n in range(first, last + 1))
    before = _shown(source[line - 1], skipped)[: max(0, column - 1 - skipped)]
    caret = "".join("\t" if character == "\t" else " " for character in before) + "^" if column else ""
    return Excerpt(facts.path, line, column, facts.message, facts.hint, facts.severity, lines, caret)


def _shown(line: str, skipped: int) -> str:
    return visible(line.rstrip("\r")[skipped : skipped + WIDEST])
