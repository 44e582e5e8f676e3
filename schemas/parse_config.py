"""Reads a commit's `valohai.yaml` and says all that is wrong with it, at once and in the file's order.

The order of the work: limits and syntax (`yaml_limits`, `yaml_marks`), the items (`checks.items`), what could hurt the official
library (`checks.guards`), the schemas, the library's objects of what is well-formed (`checks.reading`), our checks, the
library's lint, and last what builds on it all: triggers and models. What Valohai accepts is at most a warning, unless it could not run; what is ours is strict.
"""

from collections.abc import Iterator
from dataclasses import replace

from schemas.checks import (
    edges,
    endpoints,
    guards,
    items,
    models,
    official,
    ours,
    pipelines,
    reading,
    steps,
    tasks,
    triggers,
)
from schemas.checks.findings import Findings, clip
from schemas.errors import ConfigError
from schemas.repo_config import RepoConfig, Unusable
from schemas.values import Problem
from schemas.yaml_limits import DEFAULT_LIMITS, Limits
from schemas.yaml_marks import Document, load

FILE_NAME = "valohai.yaml"


def parse_config(text: bytes, path: str = FILE_NAME, limits: Limits = DEFAULT_LIMITS) -> RepoConfig:
    """Judge the bytes of a config file. Never raises: what is wrong is in `problems`, in the order of lines.

    `path` only names the file in the problems. `valohai` holds the sound official items; it is None when the text is not a
    list of items at all. Triggers and models are there if they and all that they build on are sound.
    """
    try:
        document = load(text, path, limits)
    except ConfigError as error:
        return RepoConfig(None, problems=tuple(replace(problem, rule="yaml") for problem in error.problems))
    if not isinstance(document.value, list):
        return RepoConfig(None, problems=(_no_list(document, path),))
    findings = Findings(path, document.marks)
    findings.rule = "item"
    found = items.gather(document, findings)
    findings.used = items.used(found)
    findings.rule = "limit"
    guards.guard(found, limits, findings)
    findings.rule = "schema"
    official.check_schema(found, findings)
    ours.check_schema(found, findings)
    reading.read(found, findings)
    config = official.config_of(found, findings, whole=True)
    seen = official.config_of(found, findings, whole=False) if findings.broken else config
    _check(found, findings)
    findings.rule = "official"
    official.lint(found, seen, findings)
    findings.rule = "trigger"
    sound_triggers = triggers.read_triggers(found, findings)
    findings.rule = "model"
    sound_models = models.read_models(found, findings)
    unusable = tuple(_unusable(found, findings))
    return RepoConfig(config, sound_triggers, sound_models, findings.problems(), unusable)


def _check(found: items.Items, findings: Findings) -> None:
    findings.rule = "step"
    steps.check_steps(found, findings)
    findings.rule = "task"
    tasks.check_tasks(found, findings)
    findings.rule = "endpoint"
    endpoints.check_endpoints(found, findings)
    for item in found.of("pipeline"):
        if item.readable:
            findings.rule = "pipeline"
            graph = pipelines.graph_of(item, found)
            pipelines.check_nodes(graph, found, findings)
            pipelines.check_parameters(graph, findings)
            findings.rule = "edge"
            edges.check_edges(graph, found, findings)


def _unusable(found: items.Items, findings: Findings) -> Iterator[Unusable]:
    """The triggers and models that are broken, or that build on what is."""
    for item in found.of(*items.OURS):
        for one in (item, *found.needed(item)):
            if one.index in findings.broken:
                problem = findings.broken[one.index]
                words = f"{problem.message} (line {problem.line})"
                reason = (
                    words if one is item else f"{one.kind} `{clip(one.name, 60)}` cannot be used: {words}"
                )
                line = findings.marks.key(item.path).line
                target = next(((kind, clip(name, 60)) for kind, name in found.sources(item)), ("", ""))
                yield Unusable(
                    "trigger" if item.kind == "trigger" else "model", item.name, line, reason, target
                )
                break


def _no_list(document: Document, path: str) -> Problem:
    hint = "Begin with an item, for example `- step:` and below it `name: train`."
    if document.value is None:
        return Problem(path, 1, 1, "the file is empty", hint, rule="item")
    place = document.marks.value(())
    message = f"the file must be a list of items, not {items.word_for(document.value)}"
    if isinstance(document.value, dict) and any(key in items.KINDS for key in document.value):
        hint = "Put `- ` before each of them."
    return Problem(path, place.line, place.column, message, hint, rule="item")
