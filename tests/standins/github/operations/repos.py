"""Repositories: what one is, its branches and tags, its people, its files."""

import datetime as dt
import re
from typing import Any

from tests.standins.github.answers import Answer, Page, not_found
from tests.standins.github.bare import Refused
from tests.standins.github.clock import written
from tests.standins.github.model import ROLES, Activity, at_least, legacy
from tests.standins.github.registry import Call, operation
from tests.standins.github.views import commits, repositories
from tests.standins.github.views.accounts import user
from tests.standins.github.views.links import node

KINDS = {"blob": "file", "tree": "dir", "commit": "submodule"}


@operation("repos/get", app="metadata:read")
def get(call: Call) -> Answer:
    permissions = None
    if call.grant.kind in ("classic", "fine"):
        permissions = repositories.permissions(call.repo.role(call.actor))
    return Answer(200, repositories.full(call.links, call.repo, permissions))


@operation("repos/list-branches", app="contents:read")
def list_branches(call: Call) -> Page:
    wanted = call.query.get("protected")
    guarded = bool(call.repo.required_checks)
    found = [(name[11:], sha) for name, sha in call.bare.refs().items() if name.startswith("refs/heads/")]
    found = [one for one in found if wanted in (None, guarded and one[0] == call.repo.default_branch)]

    def view(one: tuple[str, str]) -> dict[str, Any]:
        name, sha = one
        url = f"{call.links.repo(call.repo)}/commits/{sha}"
        return {
            "name": name,
            "commit": {"sha": sha, "url": url},
            "protected": guarded and name == call.repo.default_branch,
        }

    return Page(found, view)


@operation("repos/get-branch", app="contents:read")
def get_branch(call: Call) -> Answer:
    name = call.path["branch"]
    sha = call.bare.refs().get(f"refs/heads/{name}")
    if sha is None:
        raise not_found()
    own = f"{call.links.repo(call.repo)}/branches/{name}"
    guarded = bool(call.repo.required_checks) and name == call.repo.default_branch
    required = {"enforcement_level": "non_admins" if guarded else "off", "contexts": sorted(call.repo.required_checks), "checks": []}  # fmt: skip
    told = {
        "name": name,
        "commit": commits.commit(call.links, call.repo, call.bare.commit(sha), call.world.who),
        "_links": {"html": f"{call.links.page(call.repo)}/tree/{name}", "self": own},
        "protected": guarded,
        "protection": {"enabled": guarded, "required_status_checks": required},
        "protection_url": f"{own}/protection",
    }
    return Answer(200, told)


PERIODS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}


@operation("repos/list-activities", app="contents:read")
def list_activities(call: Call) -> Page:
    """Every move of every branch, newest first."""
    asked = call.query
    ref, days = asked.get("ref"), PERIODS.get(asked.get("time_period", ""))
    begin = call.world.clock.now() - dt.timedelta(days=days) if days else None
    found = [
        one
        for one in call.repo.activities
        if (not ref or one.ref in (ref, f"refs/heads/{ref}"))
        and asked.get("actor") in (None, one.actor.login)
        and asked.get("activity_type") in (None, one.kind)
        and (begin is None or one.at >= begin)
    ]

    def view(one: Activity) -> dict[str, Any]:
        return {
            "id": one.id,
            "node_id": node("PUSH", str(one.id)),
            "before": one.before,
            "after": one.after,
            "ref": one.ref,
            "timestamp": written(one.at),
            "activity_type": one.kind,
            "actor": user(call.links, one.actor),
        }

    return Page(found if asked.get("direction") == "asc" else found[::-1], view)


@operation("repos/list-tags", app="metadata:read")
def list_tags(call: Call) -> Page:
    names = [name[10:] for name in call.bare.refs() if name.startswith("refs/tags/")]

    def view(name: str) -> dict[str, Any]:
        sha = call.bare.resolve(f"refs/tags/{name}")
        base = call.links.repo(call.repo)
        return {
            "name": name,
            "commit": {"sha": sha, "url": f"{base}/commits/{sha}"},
            "zipball_url": f"{base}/zipball/refs/tags/{name}",
            "tarball_url": f"{base}/tarball/refs/tags/{name}",
            "node_id": node("Ref", f"{call.repo.id}:refs/tags/{name}"),
        }

    return Page(names[::-1], view)


@operation("repos/get-collaborator-permission-level", app="metadata:read")
def permission_level(call: Call) -> Answer:
    account = call.world.account(call.path["username"])
    if account is None:
        raise not_found()
    role = call.repo.role(account)
    user = repositories.collaborator(call.links, account, role)
    return Answer(200, {"permission": legacy(role), "user": user, "role_name": role})


@operation("repos/list-collaborators", app="metadata:read", role="write", scopes="repo+read:org", hidden=True)
def list_collaborators(call: Call) -> Page:
    wanted, how = call.query.get("permission"), call.query.get("affiliation", "all")
    lowest = {"pull": "read", "push": "write"}.get(str(wanted), str(wanted)) if wanted else "read"
    found = []
    for account in call.world.accounts.values():
        owns = call.repo.owner
        direct = call.repo.collaborators.get(account.id)
        member = account.id in owns.members or account is owns
        if (
            (how == "direct" and not direct)
            or (how == "outside" and member)
            or not (direct or member)
            or account.kind != "User"
        ):
            continue
        role = call.repo.role(account)
        if lowest in ROLES and at_least(role, lowest):
            found.append((account, role))
    return Page(found, lambda one: repositories.collaborator(call.links, *one))


@operation("repos/get-content", app="contents:read")
def get_content(call: Call) -> Answer:
    """A file, or the list of a folder."""
    path = call.path["path"].strip("/")
    at = call.query.get("ref", call.repo.default_branch)
    sha = next((sha for prefix in ("refs/heads/", "refs/tags/", "refs/", "") if (sha := call.bare.resolve(prefix + at))), None)  # fmt: skip
    if sha is None or re.search(r"(^|/)\.\.?(/|$)", path):
        raise not_found()
    try:
        kind = call.bare.git("cat-file", "-t", f"{sha}:{path}")
        blob = call.bare.git("rev-parse", f"{sha}:{path}")
    except Refused:
        raise not_found() from None
    if kind == "blob":
        return Answer(200, commits.file(call.links, call.repo, path, blob, call.bare.content(blob), str(at)))
    lines = call.bare.git("ls-tree", "-z", "--long", f"{sha}:{path}").split("\0")
    listed = []
    for line in filter(None, lines):
        told, name = line.split("\t", 1)
        mode, kind, object_, size = told.split()
        word = "symlink" if mode == "120000" else KINDS[kind]
        length = int(size) if size != "-" else 0
        where = f"{path}/{name}".lstrip("/")
        listed.append(commits.entry(call.links, call.repo, where, (word, object_, length), str(at)))
    return Answer(200, listed)
