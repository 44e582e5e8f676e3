"""A plan for people: first every trigger's answer, then what would start, spelled out; and the same as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.text import Text

from controller.core.foresee import Foreseen, Work
from controller.core.foresee_tags import TagForeseen
from controller.core.tasks.sweep import shown
from controller.core.triggers import Answer
from luotsi.planning import tags
from luotsi.planning.question import Question
from luotsi.planning.snippet import without_trigger
from luotsi.terminal import Words, fold, line, padded, styled, widest
from schemas import codec

LONGEST = 100
"""Characters of a command's line that are shown; JSON has all of them."""
MOST_LINES = 12
MOST_ERRORS = 5
INDENT = 20
"""Columns before what belongs to a label."""
KINDS = {"execution": "step", "task": "task", "deployment": "deployment"}


def in_words(
    question: Question,
    found: Sequence[Foreseen],
    tagged: Sequence[TagForeseen] = (),
    width: int | None = None,
) -> Iterator[Text]:
    """Line by line. `width`: of the terminal, None where it is none."""
    for words, indent in _lines(question, found, tagged):
        yield fold(words, width, indent)


def _lines(
    question: Question, found: Sequence[Foreseen], tagged: Sequence[TagForeseen]
) -> Iterator[tuple[Words, int]]:
    """Each line, and how far what follows of it is indented where it has to be broken."""
    compared = f", {question.compared}" if question.compared else ""
    yield line(styled(question.title, "bold"), compared), 2
    errors = [problem for problem in question.config.problems if problem.severity == "error"]
    for problem in errors[:MOST_ERRORS]:
        yield line(styled("▲ ", "yellow"), str(problem)), 4
    if len(errors) > MOST_ERRORS:
        yield f"  … and {len(errors) - MOST_ERRORS} more", 2
    if errors:
        yield "  What builds on these parts starts nothing. See luotsi lint.", 2
    yield "", 0
    if tagged:
        yield from tags.in_words(tagged)
        yield "", 0
    if not found:
        words = "There is no trigger that can be read." if errors else without_trigger(question)
        yield from ((each, 0) for each in words.splitlines())
        return
    yield from _table(found)
    for one in found:
        if one.answer is Answer.FIRES and not one.problem:
            yield "", 0
            yield from ((each, INDENT) for each in _details(one))


def as_json(
    question: Question, found: Sequence[Foreseen], tagged: Sequence[TagForeseen] = ()
) -> dict[str, Any]:
    """The same for machines."""
    return {
        "event": question.title,
        "compared": question.compared,
        "config": question.path,
        "problems": [codec.to_json(problem) for problem in question.config.problems],
        "triggers": [
            {
                "trigger": one.trigger,
                "line": one.line,
                "answer": one.answer.value if one.ok else "error",
                "reason": one.reason,
                "target": {"kind": one.target[0], "name": one.target[1]},
                "expect": list(one.expect),
                "required": one.required,
                "concurrency": one.concurrency,
                "problem": one.problem,
                "starts": [_work_json(work) for work in one.works],
            }
            for one in found
        ],
        "tags": tags.as_json(tagged),
    }


def _work_json(work: Work) -> dict[str, Any]:
    plain = asdict(work)
    return plain | {
        "after": list(work.after),
        "edges": [{"source": source, "target": target} for source, target in work.edges],
        "inputs": {
            name: [{"edge" if source.is_edge else "address": source.text} for source in sources]
            for name, sources in work.inputs.items()
        },
    }


def _table(found: Sequence[Foreseen]) -> Iterator[tuple[Words, int]]:
    names = [clip(one.trigger) or "(no name)" for one in found]
    width = widest(names)
    for one, name in zip(found, names, strict=True):
        shape, colour, words = _answer(one)
        said = line(styled(shape, f"bold {colour}"), " ", padded(styled(name, "bold"), width), "  ", words)
        yield said, min(width + 4, INDENT)


def _answer(one: Foreseen) -> tuple[str, str, Words]:
    if one.problem and one.answer is not Answer.FIRES:
        return "▲", "yellow", f"does not start: {clip(one.problem, 300)}"
    if one.answer is Answer.SILENT:
        return "·", "white", styled(one.reason, "dim")
    if one.answer is Answer.SKIPPED:
        return "–", "white", f"neutral: {one.reason}"
    kind, name = one.target
    if one.problem:
        return "▲", "yellow", f"error: it cannot be planned: {one.problem}"
    broken = [work.name for work in one.works if work.problem]
    if broken:
        return "▲", "yellow", f"starts {kind} {name}, but {', '.join(broken)} cannot be planned"
    when = f" ({one.reason})" if one.reason else ""
    return "▶", "green", f"starts {kind} {name}{_amount(one)}{when}"


def _amount(one: Foreseen) -> str:
    """` : 3 nodes, 14 executions`, where it is more than one."""
    if one.target[0] == "step":
        return ""
    executions = sum(
        work.children.count if work.children else 1 for work in one.works if work.kind != "deployment"
    )
    nodes = (
        f"{len(one.works)} node{'' if len(one.works) == 1 else 's'}, " if one.target[0] == "pipeline" else ""
    )
    return f": {nodes}{executions} execution{'' if executions == 1 else 's'}"


def _details(one: Foreseen) -> Iterator[Words]:
    yield styled(f"{one.trigger}: {one.target[0]} {one.target[1]}", "bold")
    for text in one.expect:
        yield _row("expect", text + ("" if one.required else " (not required)"))
    if one.concurrency:
        yield _row("group", one.concurrency)
    for number, work in enumerate(one.works, 1):
        after = f" after {', '.join(work.after)}" if work.after else ""
        step = f" ({KINDS[work.kind]} {work.step})" if work.step and work.step != work.name else ""
        mark = f"{number:>3}  " if len(one.works) > 1 else "     "
        yield line(mark, styled(work.name, "bold"), f"{step}{after}")
        for label, words in _facts(work):
            yield _row(label, words)


def _row(label: str, words: Words) -> Text:
    return line("       ", styled(f"{label:<12}", "dim"), " ", words)


def _facts(work: Work) -> Iterator[tuple[str, Words]]:
    if work.problem:
        yield "error", styled(work.problem, "yellow")
        return
    if work.approval:
        yield "approval", "waits until somebody approves it"
    if work.children:
        yield from _children(work)
    if work.image:
        yield "image", work.image
    if work.environment:
        yield "environment", work.environment
    yield from _command(work)
    if work.parameters:
        yield (
            "parameters",
            clip(", ".join(f"{name} {shown(value)}" for name, value in work.parameters.items())),
        )
    for name, sources in work.inputs.items():
        yield "input", f"{name} ← {', '.join(source.text for source in sources) or 'nothing'}"
    if work.on_error not in ("", "stop-all"):
        yield "on error", work.on_error
    for note in work.notes:
        yield "note", note


def _command(work: Work) -> Iterator[tuple[str, str]]:
    lines = [each for command in work.commands for each in command.splitlines()]
    for number, each in enumerate(lines[:MOST_LINES]):
        yield ("command" if number == 0 else ""), clip(each)
    if len(lines) > MOST_LINES:
        yield "", f"… and {len(lines) - MOST_LINES} more lines"


def _children(work: Work) -> Iterator[tuple[str, str]]:
    children = work.children
    assert children is not None
    limit = f", {children.at_once} at once" if children.at_once else ""
    yield "task", f"{children.type}: {children.count} execution{'' if children.count == 1 else 's'}{limit}"
    for values in children.sets:
        own = [f"{name} {shown(values[name])}" for name in children.names if name in values]
        if own:
            yield "", ", ".join(own)
    rest = children.count - len(children.sets)
    if children.sets and rest > 0:
        yield "", f"… and {rest} more"
    elif rest > 0 and children.type == "random_search":
        yield "", f"{', '.join(children.names)}: drawn when it starts"
    elif rest > 0:
        yield "", f"{', '.join(children.names)}: chosen as the results come in"


def clip(text: str, longest: int = LONGEST) -> str:
    """One line, with at most so many characters."""
    plain = str(line(text))
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
