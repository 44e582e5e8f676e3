"""What a lint found: every file with its problems, and the words, the colours and the JSON about it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from luotsi.linting import beside, names
from luotsi.linting.sources import Source
from luotsi.terminal import fold, line, styled
from schemas import codec
from schemas.parse_config import parse_config
from schemas.repo_config import RepoConfig
from schemas.values import Problem

WIDEST = 120
"""Columns of the user's line that are shown; of a longer one, the part around the place."""
MORE = "more"
"""The rule of the line that says how many problems are not shown."""
LEAST = 20
GUTTER = 10
"""Columns before the line, and for the dots at its ends."""
COLOURS = {"error": "red", "warning": "yellow"}
WORD = re.compile(r"""'[^']*'|"[^"]*"|\[[^\]]*\]|\{[^}]*\}|[^\s,:\[\]{}]+:?(?=\s|$)|[^\s,\[\]{}]+|.""")


@dataclass(frozen=True, slots=True)
class Checked:
    """One file: what it says and what is wrong with it, in the order of lines."""

    source: Source
    config: RepoConfig
    problems: tuple[Problem, ...]

    def count(self, severity: str) -> int:
        """Problems of one severity. That there are more than are shown is none of them."""
        return sum(problem.severity == severity and problem.rule != MORE for problem in self.problems)


def check(source: Source, known: names.Known | None = None) -> Checked:
    """Judge one file; with `known`, against an installation too, and against the repository it lies in. Never raises."""
    config = parse_config(source.text, source.name)
    found = list(config.problems)
    if known is not None:
        found += names.unknown(source.text, source.name, known)
    if source.top is not None:
        found += beside.missing(source.text, source.name, source.top)
    order = sorted(found, key=lambda problem: (problem.line == 0, problem.line, problem.column))
    return Checked(source, config, tuple(order))


def in_words(checked: Sequence[Checked], width: int | None = None) -> Iterator[Text]:
    """Line by line, as a compiler says it; the last line is the sum. `width`: of the terminal, None where it is none."""
    for one in checked:
        lines = one.source.text.decode("utf-8-sig", "replace").splitlines()
        for problem in one.problems:
            if problem.rule == MORE:
                continue
            yield from _problem(problem, lines, width)
            yield line()
    yield from _summary(checked)


def as_json(checked: Sequence[Checked]) -> dict[str, Any]:
    """The same for machines."""
    return {
        "ok": not any(one.count("error") for one in checked),
        "errors": sum(one.count("error") for one in checked),
        "warnings": sum(one.count("warning") for one in checked),
        "files": [
            {
                "path": one.source.name,
                **contents(one.config),
                "problems": [codec.to_json(problem) for problem in one.problems],
            }
            for one in checked
        ],
    }


def contents(config: RepoConfig) -> dict[str, list[str]]:
    """The names of the sound items, by kind; a kind without any is left out."""
    official = config.valohai
    kinds = {
        kind: list(getattr(official, kind, {})) if official else []
        for kind in ("steps", "tasks", "pipelines", "endpoints", "deployments")
    }
    kinds["triggers"] = [trigger.name for trigger in config.triggers]
    kinds["models"] = [model.name for model in config.models]
    return {kind: found for kind, found in kinds.items() if found}


def _problem(problem: Problem, lines: list[str], width: int | None) -> Iterator[Text]:
    place = f"{problem.path}:{problem.line}:{problem.column}" if problem.line else problem.path
    severity = styled(problem.severity, _bold(problem.severity))
    rule = styled(f" [{problem.rule}]", "dim") if problem.rule else ""
    yield fold(line(styled(place, "bold"), ": ", severity, f": {problem.message}", rule), width, 4)
    if 0 < problem.line <= len(lines):
        room = WIDEST if width is None else max(LEAST, min(WIDEST, width - GUTTER))
        yield from _excerpt(problem, lines[problem.line - 1], room)
    if problem.hint:
        yield fold(line(styled("  hint: ", "cyan"), problem.hint), width, 8)


def _excerpt(problem: Problem, source: str, room: int = WIDEST) -> Iterator[Text]:
    """The line, or what of it has `room`, and below it a caret under the word that is meant."""
    at = min(max(problem.column - 1, 0), len(source))
    word = WORD.match(source, at)
    length = len(word[0].rstrip(":") or ".") if word else 1
    start = max(0, min(at - room // 2, len(source) - room))
    shown = _printable(source[start : start + room])
    before = ("…" if start else "") + _printable(source[start:at])
    width = max(1, cell_len(_printable(source[at : min(at + length, start + room)])))
    gutter = f"{problem.line:>5} | "
    caret = styled("^" + "~" * (width - 1), _bold(problem.severity))
    tail = "…" if start + room < len(source) else ""
    yield line(styled(gutter, "dim"), "…" if start else "", shown, tail)
    yield line(styled(" " * (len(gutter) - 2) + "| ", "dim"), " " * cell_len(before), caret)


def _bold(severity: str) -> str:
    return f"bold {COLOURS[severity]}"


def _printable(text: str) -> str:
    """What a terminal may be given: a file can hold the codes that move its cursor."""
    return "".join(c if c.isprintable() else " " if c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _summary(checked: Sequence[Checked]) -> Iterator[Text]:
    for one in checked:
        errors, warnings = one.count("error"), one.count("warning")
        counts = [(errors, "error"), (warnings, "warning")]
        wrong = [styled(_count(n, word), _bold(word)) for n, word in counts if n]
        wrong += [line(problem.message) for problem in one.problems if problem.rule == MORE]
        verdict = line(", ").join(wrong) if wrong else styled("no problems", "bold green")
        held = ", ".join(_count(len(found), kind[:-1]) for kind, found in contents(one.config).items())
        yield line(f"{one.source.name}: ", verdict, f" ({held})" if held else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
