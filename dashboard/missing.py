"""A 404 that helps: what was looked for, what such an address looks like, and where to go from here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from flask import url_for
from sqlalchemy import Connection
from werkzeug.exceptions import NotFound

from ledger.pages import git as pages_git
from ledger.pages.git import RepositoryLine
from schemas.values import short

_DEEPEST = 8
"""Slashes of an address at which a known repository is looked for."""

_COMMIT = re.compile(r"commits?/([0-9a-f]{4,64})")


@dataclass(frozen=True, slots=True)
class Way:
    """A page to go on to."""

    name: str
    address: str


class Missing(NotFound):
    """What an address names is not there. `ways` are pages that are, the nearest first."""

    def __init__(self, words: str, *ways: Way) -> None:
        super().__init__(words)
        self.ways = ways


def of(repository: RepositoryLine, endpoint: str, root: str = "") -> Way:
    """The list of a repository in which the thing would stand: `runs`, `executions` or `commits`."""
    address = url_for(f"dashboard.repository_{endpoint}", repository=repository.name, root=root or None)
    return Way(f"{endpoint.capitalize()} of {repository.name}", address)


def repository(connection: Connection, name: str) -> Missing:
    """Why no repository has this name: nobody has it, or it is one that has, and something behind it that no page is."""
    head = name
    for _ in range(_DEEPEST):
        head, slash, _ = head.rpartition("/")
        if not slash:
            break
        if (found := pages_git.repository(connection, head)) is not None:
            return _below(connection, found, name.removeprefix(f"{head}/"))
    search = Way(f"Search for {name}", url_for("dashboard.search", q=name))
    words = f"There is no repository named {name} here."
    return Missing(words, Way("Repositories", url_for("dashboard.repositories")), search)


def _below(connection: Connection, found: RepositoryLine, rest: str) -> Missing:
    here = Way(found.name, url_for("dashboard.repository", repository=found.name))
    if match := _COMMIT.fullmatch(rest):
        commits = pages_git.commits_named(connection, match[1], [found.id], 5)
        ways = [
            Way(
                f"{short(each.sha)} {each.subject}".strip(),
                url_for("dashboard.commit", repository=found.name, sha=each.sha),
            )
            for each in commits
        ]
        words = "A commit's page has its whole id." if commits else "No commit that was seen begins like it."
        return Missing(f"{found.name} has no page for {match[1]}. {words}", *ways, of(found, "commits"))
    kind, slash, named = rest.partition("/")
    if slash and kind in _KINDS:
        words, endpoint = _KINDS[kind]
        return Missing(f"{found.name} has no {words.format(named)}", of(found, endpoint), here)
    return Missing(f"The repository {found.name} has no page {rest}.", here)


_KINDS: Mapping[str, tuple[str, str]] = {
    "run": ("run {}. A run is named by its whole id.", "runs"),
    "runs": ("run {}. A run's address is run/ with its whole id.", "runs"),
    "commit": ("commit {}. A commit is named by its whole id.", "commits"),
    "commits": ("commit {}. A commit's address is commit/ with its whole id.", "commits"),
    "execution": ("execution {}. An execution's address is executions/ with its number.", "executions"),
    "executions": ("execution {}. An execution is named by its number.", "executions"),
    "task": ("task {}. A task's address is tasks/ with its number.", "runs"),
    "tasks": ("task {}. A task is named by its number.", "runs"),
    "pipeline": ("pipeline {}. A pipeline's address is pipelines/ with its number.", "runs"),
    "pipelines": ("pipeline {}. A pipeline is named by its number.", "runs"),
}
"""First word behind a repository -> what is missing, and the list in which it would stand."""
