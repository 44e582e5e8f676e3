"""The trigger that `luotsi plan` prints to copy where a file has none: of what the file has, for the branch at hand."""

import json
import re
from collections.abc import Iterator

import yaml

from controller.core.events import Push
from luotsi.planning.question import Question
from schemas.parse_config import parse_config

TRIED = 5
"""Of each kind: a trigger for one that needs values would be an error."""
NOTHING = """\
This file has no trigger: nothing starts by itself. It has nothing for a trigger to run, either: no step, pipeline or task."""
EXAMPLE = """\
- trigger:
    name: {name}
    when: {{ push: {{ branches: [{branch}] }} }}
    run: {{ {kind}: {target} }}"""


def without_trigger(question: Question) -> str:
    """The words for a file without a trigger. The first pipeline, step or task that needs nothing else is run, else the first."""
    event = question.event
    branch = event.branch if isinstance(event, Push) else question.world.default_branch
    examples = [_example(kind, name, branch) for kind, name in _targets(question)]
    if not examples:
        return NOTHING
    works = (each for each in examples if parse_config(f"{question.text}\n{each}\n".encode()).triggers)
    return "This file has no trigger: nothing starts by itself. For example:\n\n" + next(works, examples[0])


def _targets(question: Question) -> Iterator[tuple[str, str]]:
    for kind in ("pipeline", "step", "task"):
        names = list(getattr(question.config.valohai, f"{kind}s", None) or ())
        yield from ((kind, name) for name in names[:TRIED] if name)


def _example(kind: str, target: str, branch: str) -> str:
    name = re.sub("[^a-z0-9]+", "-", target.lower()).strip("-")[:40]
    name = "train" if name in ("", "config") else name
    return EXAMPLE.format(name=_plain(name), branch=_plain(branch), kind=kind, target=_plain(target))


def _plain(text: str) -> str:
    """The text as YAML has it inside of braces: in quotes unless it is read as itself."""
    if re.fullmatch("[A-Za-z0-9_./-]+", text) and yaml.safe_load(text) == text:
        return text
    return json.dumps(text)
