"""`luotsi plan`: what an event would start, what not, and why. It looks at a repository and never starts anything."""

import json
from pathlib import Path
from typing import Any

import click

from luotsi import settings as settings_file
from luotsi import terminal
from luotsi.options import json_option
from luotsi.planning.question import KINDS


@click.command("plan")
@click.argument("rev", default="HEAD")
@click.option(
    "--event", type=click.Choice(KINDS), default=None, help="Default: what the options belong to, else push."
)
@click.option(
    "--branch",
    default="",
    help="The branch that is pushed, that the clock asks for, or that a pull request comes from. Default: this one.",
)
@click.option("--tag", default="", help="The tag that is pushed.")
@click.option(
    "--target", default="", help="The branch that a pull request wants to go to. Default: the main one."
)
@click.option("--comment", default="", help="What is written below a pull request.")
@click.option(
    "--base",
    default="",
    metavar="REV",
    help="Which commit decides what has changed. Default: the branch's upstream.",
)
@click.option("--working-tree", is_flag=True, help="The files as they are now, committed or not.")
@click.option("--graph", is_flag=True, help="Draw what would start.")
@click.option(
    "--format", "form", type=click.Choice(("text", "mermaid", "dot")), default=None, help="Of the graph."
)
@click.option(
    "--settings",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    default=None,
    help="Check environments, groups, stores and clusters against this luotsi.yaml.",
)
@json_option
def command(
    settings: Path | None, graph: bool, form: str | None, as_json: bool, event: str | None, **given: Any
) -> int:
    """Say what a commit would start, and why the rest would not. REV is anything that git understands.

    \b
        luotsi plan                              (a push of this branch, as it is committed)
        luotsi plan --working-tree               (the same with what is not committed yet)
        luotsi plan v1.2.0 --event tag
        luotsi plan --tag 'churn#prod#1'         (before it is made, too)
        luotsi plan --event pull-request --graph

    Looks at this repository only: no installation, no network. Exit code 1: something that would start cannot be planned,
    or a tag could not do what it asks for.
    """
    from controller.core.foresee import foresee
    from controller.core.foresee_tags import foresee_tags
    from luotsi.linting.names import Known
    from luotsi.planning import graphs, question, tags, words

    known = Known.of(settings_file.load(settings)) if settings else None
    asked = question.ask(Path(), question.Options(event=event or "", **given), known)
    found = foresee(asked.config, asked.event, asked.world)
    tagged = foresee_tags(asked.registry, asked.world.created) if asked.registry else ()
    if as_json:
        terminal.exactly(json.dumps(words.as_json(asked, found, tagged), indent=2, default=str))
    elif graph or form:
        for each in graphs.draw([*tags.drawn(tagged), *found], form or "text"):
            terminal.say(each)
    else:
        for line in words.in_words(asked, found, tagged, terminal.columns()):
            terminal.say(line)
    planned = all(one.ok for one in found) and all(one.ok for one in tagged)
    return 0 if asked.config.ok and planned else 1
