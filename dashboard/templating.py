"""What templates may call: the words, the states with their shapes, times with the exact one a hover away, links."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, url_for
from markupsafe import Markup, escape

from dashboard import nodes, safe, shapes, tags, words
from dashboard.parts import DashboardParts
from dashboard.views.files import picture_type
from schemas import moments
from schemas.states import Word
from schemas.values import short


def install(blueprint: Blueprint, parts: DashboardParts, static: Callable[[str], str]) -> None:
    """Give the filters and functions to the blueprint's templates."""
    for name, function in _FILTERS.items():
        blueprint.add_app_template_filter(function, name)
    functions: dict[str, Any] = {
        "installation": parts.name,
        "static": static,
        "sheet": shapes.sheet(),
        "state": state,
        "word": word,
        "link": safe.link,
        "when": lambda moment: when(moment, parts.now()),
        "took": lambda start, end: words.between(start, end, parts.now()),
        "picture_type": picture_type,
        "to_execution": to_execution,
        "to_log": to_log,
        "to_task": to_task,
        "to_pipeline": to_pipeline,
        "asked": lambda run: words.asked(run.event, run.ref, run.pull_request, run.occurrence),
    }
    blueprint.app_context_processor(lambda: functions)


def state(value: str, kind: str) -> Markup:
    """A state as people see it: shape, word, colour. One that this version does not know is shown as it is."""
    found = word(value, kind)
    known = found.value if found.value != "neutral" or value in _NEUTRAL else value
    return Markup('<span class="state s-{}">{}<span class="word">{}</span></span>').format(
        found.value, shapes.shape(found), known
    )


_NEUTRAL = ("neutral", "skipped", "superseded", "retired")


def word(value: str, kind: str) -> Word:
    """The word for a state, `neutral` for one that is not known."""
    try:
        return shapes.word_of(value, kind)
    except ValueError:
        return Word.NEUTRAL


def when(moment: datetime | None, now: datetime) -> Markup:
    """A relative time with the exact one in its title. Nothing for what has not happened."""
    if moment is None:
        return Markup()
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moments.to_text(moment), words.exact(moment), words.ago(moment, now)
    )


def code(text: str, shown: str | None = None) -> Markup:
    """A machine's name in its short form; the whole one is in the title, and a click copies it."""
    return Markup('<code class="id" title="{}" data-copy="{}">{}</code>').format(
        text, text, shown or short(text)
    )


def commands(text: str) -> Markup:
    """A sentence whose commands stand between backquotes; one that is not closed is a mark like any other."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        pieces[-2:] = ["`".join(pieces[-2:])]
    marked = [
        Markup("<code>{}</code>").format(piece) if at % 2 else escape(piece)
        for at, piece in enumerate(pieces)
    ]
    return Markup().join(marked)


def to_execution(repository: str, number: int, root: str = "", anchor: str | None = None) -> str:
    """The address of an execution's page. Projects of one repository count alike, so the folder is in it."""
    return url_for(
        "dashboard.execution", repository=repository, number=number, root=root or None, _anchor=anchor
    )


def to_task(repository: str, number: int, root: str = "") -> str:
    """The address of a task's page."""
    return url_for("dashboard.task", repository=repository, number=number, root=root or None)


def to_pipeline(repository: str, run: str, number: int) -> str:
    """The address of a pipeline: its place on the page of its run."""
    return url_for("dashboard.run", repository=repository, run=run, _anchor=f"pipeline-{number}")


def to_log(repository: str, number: int, root: str = "", **query: Any) -> str:
    """The address of a log's page."""
    return url_for("dashboard.log", repository=repository, number=number, root=root or None, **query)


_FILTERS: dict[str, Callable[..., Any]] = {
    "figure": words.figure,
    "size": words.size,
    "branch": words.branch,
    "short": short,
    "digest": words.digest,
    "duration": words.duration,
    "plural": words.plural,
    "beyond": words.beyond,
    "more": words.more,
    "news": nodes.news,
    "in_root": words.in_root,
    "bare": safe.without_userinfo,
    "code": code,
    "commands": commands,
    "advice": tags.advice,
    "tag_why": tags.why,
    "stands": tags.STANDS.__getitem__,
}
