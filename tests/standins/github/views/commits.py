"""Commits, refs, tags, files and comparisons as bodies."""

import base64
from collections.abc import Callable
from typing import Any

from tests.standins.github.bare import Bare, Change, Commit, Signature
from tests.standins.github.model import Account, Repository
from tests.standins.github.views.accounts import user
from tests.standins.github.views.links import Links, node

Who = Callable[[str], Account | None]
"""The account that an e-mail belongs to: GitHub shows it as a commit's author, whoever pushed."""
UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def signature(one: Signature) -> dict[str, Any]:
    return {"name": one.name, "email": one.email, "date": one.date}


def commit(links: Links, where: Repository, one: Commit, who: Who) -> dict[str, Any]:
    """A `commit` without its files."""
    base, page = links.repo(where), links.page(where)
    author, committer = who(one.author.email), who(one.committer.email)
    return {
        "sha": one.sha,
        "node_id": node("Commit", one.sha),
        "commit": {
            "author": signature(one.author),
            "committer": signature(one.committer),
            "message": one.message,
            "tree": {"sha": one.tree, "url": f"{base}/git/trees/{one.tree}"},
            "url": f"{base}/git/commits/{one.sha}",
            "comment_count": 0,
            "verification": UNSIGNED,
        },
        "url": f"{base}/commits/{one.sha}",
        "html_url": f"{page}/commit/{one.sha}",
        "comments_url": f"{base}/commits/{one.sha}/comments",
        "author": user(links, author) if author else None,
        "committer": user(links, committer) if committer else None,
        "parents": [
            {"sha": sha, "url": f"{base}/commits/{sha}", "html_url": f"{page}/commit/{sha}"}
            for sha in one.parents
        ],
    }


def git_commit(links: Links, where: Repository, one: Commit) -> dict[str, Any]:
    """A `git-commit`: the object of git's database."""
    base, page = links.repo(where), links.page(where)
    return {
        "sha": one.sha,
        "node_id": node("Commit", one.sha),
        "url": f"{base}/git/commits/{one.sha}",
        "html_url": f"{page}/commit/{one.sha}",
        "author": signature(one.author),
        "committer": signature(one.committer),
        "tree": {"sha": one.tree, "url": f"{base}/git/trees/{one.tree}"},
        "message": one.message,
        "parents": [
            {"sha": sha, "url": f"{base}/git/commits/{sha}", "html_url": f"{page}/commit/{sha}"}
            for sha in one.parents
        ],
        "verification": UNSIGNED,
    }


def simple(one: Commit) -> dict[str, Any]:
    """A `simple-commit`: in check suites and merge groups."""
    return {
        "id": one.sha,
        "tree_id": one.tree,
        "message": one.message,
        "timestamp": one.committer.date,
        "author": {"name": one.author.name, "email": one.author.email},
        "committer": {"name": one.committer.name, "email": one.committer.email},
    }


def pushed(links: Links, where: Repository, bare: Bare, one: Commit, who: Who, distinct: bool) -> dict[str, Any]:  # fmt: skip
    """A commit in a push."""
    changes = bare.changes(f"{one.sha}^" if one.parents else bare.git("hash-object", "-t", "tree", "--stdin"), one.sha, patches=False)  # fmt: skip

    def person(given: Signature) -> dict[str, Any]:
        account = who(given.email)
        made = {"name": given.name, "email": given.email}
        return {**made, "username": account.login} if account else made

    def paths(*words: str) -> list[str]:
        return [change.path for change in changes if change.status in words]

    moved = [change.previous for change in changes if change.status == "renamed" and change.previous]
    return {
        **simple(one),
        "distinct": distinct,
        "url": f"{links.page(where)}/commit/{one.sha}",
        "author": person(one.author),
        "committer": person(one.committer),
        "added": paths("added", "renamed", "copied"),
        "removed": paths("removed") + moved,
        "modified": paths("modified", "changed"),
    }


def change(links: Links, where: Repository, one: Change, sha: str) -> dict[str, Any]:
    """A `diff-entry`."""
    page = links.page(where)
    made: dict[str, Any] = {
        "sha": one.blob,
        "filename": one.path,
        "status": one.status,
        "additions": one.additions,
        "deletions": one.deletions,
        "changes": one.additions + one.deletions,
        "blob_url": f"{page}/blob/{sha}/{one.path}",
        "raw_url": f"{page}/raw/{sha}/{one.path}",
        "contents_url": f"{links.repo(where)}/contents/{one.path}?ref={sha}",
    }
    if one.patch is not None:
        made["patch"] = one.patch
    if one.previous is not None:
        made["previous_filename"] = one.previous
    return made


def ref(links: Links, where: Repository, name: str, sha: str, kind: str) -> dict[str, Any]:
    base = links.repo(where)
    return {
        "ref": name,
        "node_id": node("Ref", f"{where.id}:{name}"),
        "url": f"{base}/git/{name}",
        "object": {"sha": sha, "type": kind, "url": f"{base}/git/{kind}s/{sha}"},
    }


def entry(links: Links, where: Repository, path: str, told: tuple[str, str, int], at: str) -> dict[str, Any]:
    """A file or folder of a listing; `told`: its type, object and size in bytes."""
    kind, sha, size = told
    base, page = links.repo(where), links.page(where)
    own = f"{base}/contents/{path}?ref={at}"
    view = {"dir": "tree"}.get(kind, "blob")
    git = f"{base}/git/{view}s/{sha}"
    return {
        "name": path.rsplit("/", 1)[-1],
        "path": path,
        "sha": sha,
        "size": size,
        "url": own,
        "html_url": f"{page}/{view}/{at}/{path}",
        "git_url": git,
        "download_url": f"{page}/raw/{at}/{path}" if kind == "file" else None,
        "type": kind,
        "_links": {"self": own, "git": git, "html": f"{page}/{view}/{at}/{path}"},
    }


def file(links: Links, where: Repository, path: str, sha: str, content: bytes, at: str) -> dict[str, Any]:
    """A `content-file`. Above 1 MB its content is left out, as the documentation says."""
    made = entry(links, where, path, ("file", sha, len(content)), at)
    if len(content) > 1024 * 1024:
        return {**made, "content": "", "encoding": "none"}
    return {**made, "content": base64.encodebytes(content).decode(), "encoding": "base64"}
