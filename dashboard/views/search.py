"""The search field: a commit, `#12`, a repository or a model. One answer is gone to, several are a list."""

import re
from dataclasses import dataclass

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from dashboard.answers import Answer, wants_json
from dashboard.parts import DashboardParts
from dashboard.words import branch
from ledger import pages_git, pages_registry, pages_work
from schemas.values import short

_SHA = re.compile(r"[0-9a-f]{4,64}")
_NUMBER = re.compile(r"#?([0-9]{1,9})")
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
    lower = query.lower()
    with parts.ledger.read() as connection:
        repositories = pages_git.all_repositories(connection, size=500)
        hits = [
            Hit("repository", r.name, r.default_branch, url_for("dashboard.repository", repository=r.name))
            for r in repositories
            if lower in r.name.lower()
        ][:_MOST]
        if number := _NUMBER.fullmatch(query):
            hits += [
                Hit(
                    "execution",
                    f"#{e.number} {e.step}",
                    e.repository,
                    _execution(e.repository, e.number, e.root),
                )
                for e in pages_work.executions_numbered(connection, int(number[1]))
            ]
        if _SHA.fullmatch(lower):
            ids = [repository.id for repository in repositories]
            hits += [
                Hit(
                    "commit",
                    short(c.sha),
                    c.subject or branch(c.ref),
                    url_for("dashboard.commit", repository=c.repository, sha=c.sha),
                )
                for c in pages_git.commits_named(connection, lower, ids)
            ]
        hits += [
            Hit(
                "version",
                f"{v.model} {v.version}",
                v.repository,
                _execution(v.repository, v.execution, v.root),
            )
            for v in pages_registry.versions_named(connection, query)
        ]
    return hits


def _execution(repository: str, number: int, root: str) -> str:
    return url_for("dashboard.execution", repository=repository, number=number, root=root or None)
