"""The search field: what people call things, from a commit to `=3`. One answer is gone to, several are a list.

Names are looked up whole, in an index; only repositories are found by a part of their name.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from flask import redirect, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from dashboard.answers import Answer, wants_json
from dashboard.parts import DashboardParts
from dashboard.templating import to_execution, to_pipeline, to_task
from dashboard.words import branch, in_root
from ledger.pages import data as pages_data
from ledger.pages import deployments as pages_deployments
from ledger.pages import git as pages_git
from ledger.pages import names as pages_names
from ledger.pages import pipelines as pages_pipelines
from ledger.pages import registry as pages_registry
from ledger.pages import tasks as pages_tasks
from ledger.pages import work as pages_work
from schemas.values import short

_SHA = re.compile(r"[0-9a-f]{4,64}")
_NUMBER = re.compile(r"#?([0-9]{1,9})")
_TASK = re.compile(r"!([0-9]{1,9})")
_PIPELINE = re.compile(r"=([0-9]{1,9})(?:/.*)?")
_ADDRESS = re.compile(r"(datum|dataset|model)://([^/]+)(?:/(.+))?")
_MOST = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found: what it is, its name, a few words, and its page here."""

    kind: str
    name: str
    words: str
    address: str


def search(parts: DashboardParts) -> Answer | Response:
    """What the query names."""
    query = request.args.get("q", "").strip()[:200]
    hits = find(parts, query) if query else []
    if len(hits) == 1 and not wants_json():
        return redirect(hits[0].address)
    return Answer("search.html", {"query": query, "hits": hits})


def find(parts: DashboardParts, query: str) -> list[Hit]:
    """Everything with this name, a few of each kind."""
    with parts.ledger.read() as connection:
        return [
            *_repositories(connection, query.lower()),
            *_numbered(connection, query),
            *_work(connection, query),
            *_git(connection, query),
            *_named(connection, query),
        ]


def _repositories(connection: Connection, lower: str) -> Iterator[Hit]:
    """Repositories by a part of their name, and commits by the beginning of their id."""
    repositories = pages_git.all_repositories(connection, size=500)
    named = [each for each in repositories if lower in each.name.lower()]
    for each in named[:_MOST]:
        address = url_for("dashboard.repository", repository=each.name)
        yield Hit("repository", each.name, each.default_branch, address)
    if _SHA.fullmatch(lower):
        for commit in pages_git.commits_named(connection, lower, [each.id for each in repositories]):
            address = url_for("dashboard.commit", repository=commit.repository, sha=commit.sha)
            yield Hit("commit", short(commit.sha), commit.subject or branch(commit.ref), address)


def _numbered(connection: Connection, query: str) -> Iterator[Hit]:
    """`#12`, `!2` and `=3`, which each project counts for itself."""
    if number := _NUMBER.fullmatch(query):
        for found in pages_work.executions_numbered(connection, int(number[1])):
            address = to_execution(found.repository, found.number, found.root)
            place = in_root(found.repository, found.root)
            yield Hit("execution", f"#{found.number} {found.step}", place, address)
    if number := _TASK.fullmatch(query):
        for task in pages_tasks.numbered(connection, int(number[1])):
            address = to_task(task.repository, task.number, task.root)
            yield Hit("task", f"!{task.number} {task.name}", in_root(task.repository, task.root), address)
    if number := _PIPELINE.fullmatch(query):
        for each in pages_pipelines.numbered(connection, int(number[1])):
            address = to_pipeline(each.repository, each.run_id, each.number)
            yield Hit(
                "pipeline", f"={each.number} {each.pipeline}", in_root(each.repository, each.root), address
            )


def _work(connection: Connection, query: str) -> Iterator[Hit]:
    """Steps, pipelines, tasks and triggers by their names."""
    for step in pages_names.steps_named(connection, query):
        address = url_for(
            "dashboard.repository_executions", repository=step.repository, root=step.root or None, step=query
        )
        yield Hit("step", query, f"{in_root(step.repository, step.root)} · last #{step.number}", address)
    for line in pages_names.pipelines_named(connection, query):
        address = url_for(
            "dashboard.pipeline", repository=line.repository, number=line.number, root=line.root or None
        )
        yield Hit("pipeline", query, f"{in_root(line.repository, line.root)} · last ={line.number}", address)
    for task in pages_names.tasks_named(connection, query):
        address = to_task(task.repository, task.number, task.root)
        yield Hit("task", query, f"{in_root(task.repository, task.root)} · last !{task.number}", address)
    for trigger in pages_names.triggers_named(connection, query):
        address = url_for("dashboard.run", repository=trigger.repository, run=trigger.run_id)
        yield Hit("trigger", query, f"{in_root(trigger.repository, trigger.root)} · its last run", address)


def _git(connection: Connection, query: str) -> Iterator[Hit]:
    """Branches and tags by their names, and the commits of an author."""
    for kind, found in (
        ("branch", pages_names.branches_named(connection, query)),
        ("tag", pages_names.tags_named(connection, query)),
    ):
        for each in found:
            address = url_for("dashboard.commit", repository=each.repository, sha=each.sha)
            yield Hit(kind, query, f"{each.repository} · at {short(each.sha)}", address)
    if pages_names.wrote(connection, query):
        yield Hit("author", query, "commits", url_for("dashboard.commits", author=query))


def _named(connection: Connection, query: str) -> Iterator[Hit]:
    """Models, datasets, files and deployments by their names; all but the last also by their addresses."""
    if address := _ADDRESS.fullmatch(query):
        kind, name, version = address.groups()
        yield from _KINDS[kind](connection, name, version)
        return
    for of_kind in _KINDS.values():
        yield from of_kind(connection, query, None)
    for line in pages_deployments.named(connection, query):
        to = url_for("dashboard.deployments", repository=line.repository, _anchor=f"v-{line.id}")
        yield Hit("deployment", f"{line.deployment} {line.name}", in_root(line.repository, line.root), to)


def _models(connection: Connection, name: str, version: str | None) -> Iterator[Hit]:
    for made in pages_registry.versions_named(connection, name):
        if version in (None, made.version):
            address = to_execution(made.repository, made.execution, made.root)
            yield Hit("version", f"{made.model} {made.version}", in_root(made.repository, made.root), address)
    for candidate in pages_data.candidates_named(connection, name):
        if version in (None, str(candidate.number)):
            yield _of_data(candidate, "model", f"model://{candidate.model}/{candidate.number}")


def _datasets(connection: Connection, name: str, version: str | None) -> Iterator[Hit]:
    for dataset in pages_data.datasets_named(connection, name):
        if version in (None, dataset.name, *dataset.aliases):
            yield _of_data(dataset, "dataset", f"dataset://{dataset.dataset}/{dataset.name}")


def _files(connection: Connection, name: str, version: str | None) -> Iterator[Hit]:
    for alias in pages_data.aliases_named(connection, name):
        yield _of_data(alias, "file", f"datum://{alias.name}")


def _of_data(
    line: pages_data.CandidateLine | pages_data.DatasetLine | pages_data.AliasLine, kind: str, name: str
) -> Hit:
    """To the execution that made it, where its files are."""
    words = f"made by #{line.made_by} of {in_root(line.repository, line.root)}"
    return Hit(kind, name, words, to_execution(line.repository, line.made_by, line.root, anchor="names"))


_KINDS: Mapping[str, Callable[[Connection, str, str | None], Iterator[Hit]]] = {
    "model": _models,
    "dataset": _datasets,
    "datum": _files,
}
