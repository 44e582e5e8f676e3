"""git's database: refs, tag objects, commits. A ref that the API moves is a push like any other."""

import datetime as dt
from typing import Any

from tests.standins.github import pushes
from tests.standins.github.answers import Answer, Page, not_found, refused
from tests.standins.github.bare import Refused
from tests.standins.github.clock import read, written
from tests.standins.github.registry import Call, operation
from tests.standins.github.views import commits
from tests.standins.github.views.links import node

SHOWN = ("refs/heads/", "refs/tags/")


def _ref(call: Call, name: str, sha: str) -> dict[str, Any]:
    return commits.ref(call.links, call.repo, name, sha, call.bare.kind(sha) or "commit")


@operation("git/get-ref", app="contents:read")
def get_ref(call: Call) -> Answer:
    name = f"refs/{call.path['ref']}"
    sha = call.bare.refs().get(name)
    if sha is None:
        raise not_found()
    return Answer(200, _ref(call, name, sha))


@operation("git/list-matching-refs", app="contents:read")
def matching_refs(call: Call) -> Page:
    prefix = f"refs/{call.path['ref']}"
    found = [one for one in call.bare.refs().items() if one[0].startswith(prefix)]
    return Page(found, lambda one: _ref(call, *one))


@operation("git/create-ref", app="contents:write", role="write")
def create_ref(call: Call) -> Answer:
    name, sha = call.body["ref"], call.body["sha"]
    if not name.startswith("refs/") or name.count("/") < 2:
        raise refused(422, "Reference name must start with 'refs/' and have at least two slashes.")
    _check_new(call, name, sha)
    if name in call.bare.refs():
        raise refused(422, "Reference already exists")
    _move(call, name, sha)
    told = _ref(call, name, sha)
    return Answer(201, told, {"Location": told["url"]})


def _check_new(call: Call, name: str, sha: str) -> None:
    try:
        call.bare.git("check-ref-format", name)
    except Refused:
        raise refused(422, f"{name} is not a valid ref name.") from None
    kind = call.bare.kind(sha)
    if kind is None:
        raise refused(422, "Object does not exist")
    if name.startswith("refs/heads/") and kind != "commit":
        raise refused(422, "Reference cannot be updated: a branch names a commit")


def _move(call: Call, name: str, sha: str | None) -> None:
    if not name.startswith(SHOWN):
        call.bare.update(name, sha)
        return
    pushes.move(call.world, call.repo, call.actor, name, sha)


def _existing(call: Call) -> tuple[str, str]:
    name = f"refs/{call.path['ref']}"
    sha = call.bare.refs().get(name)
    if sha is None or name.startswith("refs/pull/"):
        raise refused(422, "Reference does not exist")
    return name, sha


@operation("git/update-ref", app="contents:write", role="write")
def update_ref(call: Call) -> Answer:
    """Only forward, unless `force` says otherwise."""
    name, old = _existing(call)
    new = call.body["sha"]
    _check_new(call, name, new)
    before, after = call.bare.resolve(old), call.bare.resolve(new)
    forward = before and after and call.bare.is_ancestor(before, after)
    if not forward and not call.body.get("force", False):
        raise refused(422, "Update is not a fast forward")
    _move(call, name, new)
    return Answer(200, _ref(call, name, new))


@operation("git/delete-ref", app="contents:write", role="write")
def delete_ref(call: Call) -> Answer:
    _move(call, _existing(call)[0], None)
    return Answer(204)


@operation("git/get-tag", app="contents:read")
def get_tag(call: Call) -> Answer:
    sha = call.path["tag_sha"]
    if call.bare.kind(sha) != "tag":
        raise not_found()
    return Answer(200, _tag(call, sha))


def _tag(call: Call, sha: str) -> dict[str, Any]:
    head, _, message = call.bare.git("cat-file", "tag", sha).partition("\n\n")
    told = dict(line.split(" ", 1) for line in head.splitlines())
    who, _, moment = told["tagger"].rpartition("> ")
    name, _, email = who.rpartition(" <")
    base = call.links.repo(call.repo)
    date = written(dt.datetime.fromtimestamp(int(moment.split()[0]), dt.UTC))
    return {
        "node_id": node("Tag", sha),
        "tag": told["tag"],
        "sha": sha,
        "url": f"{base}/git/tags/{sha}",
        "message": message,
        "tagger": {"name": name, "email": email, "date": date},
        "object": {"sha": told["object"], "type": told["type"], "url": f"{base}/git/{told['type']}s/{told['object']}"},
        "verification": commits.UNSIGNED,
    }  # fmt: skip


@operation("git/create-tag", app="contents:write", role="write")
def create_tag(call: Call) -> Answer:
    """Makes the object alone: a ref has to be made for it afterwards."""
    body, now = call.body, call.world.clock.now()
    if call.bare.kind(body["object"]) != body["type"]:
        raise refused(422, "Could not verify object")
    told = body.get("tagger") or {}
    name, email = told.get("name", call.actor.login), told.get("email", f"{call.actor.id}+{call.actor.login}@users.noreply.github.com")  # fmt: skip
    seconds = int(read(told.get("date", written(now))).timestamp())
    lines = [f"object {body['object']}", f"type {body['type']}", f"tag {body['tag']}", f"tagger {name} <{email}> {seconds} +0000"]  # fmt: skip
    try:
        sha = call.bare.git("mktag", feed=("\n".join(lines) + f"\n\n{body['message'].rstrip()}\n").encode())
    except Refused as error:
        raise refused(422, f"Invalid tag object: {error}") from None
    made = _tag(call, sha)
    return Answer(201, made, {"Location": made["url"]})


@operation("git/get-commit", app="contents:read")
def get_commit(call: Call) -> Answer:
    sha = call.path["commit_sha"]
    if call.bare.kind(sha) != "commit":
        raise not_found()
    return Answer(200, commits.git_commit(call.links, call.repo, call.bare.commit(sha)))
