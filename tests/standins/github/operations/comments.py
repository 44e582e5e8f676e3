"""Comments on issues and pull requests, and reactions to them."""

from tests.standins.github import talk
from tests.standins.github.answers import Answer, Page, not_found, refused
from tests.standins.github.clock import read
from tests.standins.github.model import Comment
from tests.standins.github.registry import Call, operation
from tests.standins.github.views import threads

READ, WRITE = "issues:read|pull_requests:read", "issues:write|pull_requests:write"
LONGEST = 65536
"""Characters of a comment."""


def _comment(call: Call) -> Comment:
    for thread in call.repo.threads.values():
        if found := thread.comments.get(call.path["comment_id"]):
            return found
    raise not_found()


def _since(call: Call, found: list[Comment]) -> list[Comment]:
    if "since" in call.query:
        moment = read(call.query["since"])
        found = [one for one in found if one.updated_at.replace(microsecond=0) >= moment]
    return found


@operation("issues/list-comments", app=READ)
def list_of_thread(call: Call) -> Page:
    found = list(call.thread(call.path["issue_number"]).comments.values())
    return Page(_since(call, found), lambda one: threads.comment(call.links, one))


@operation("issues/list-comments-for-repo", app=READ)
def list_of_repository(call: Call) -> Page:
    found = [one for thread in call.repo.threads.values() for one in thread.comments.values()]
    found = _since(call, found)
    updated = call.query.get("sort", "created") == "updated"
    falling = "sort" in call.query and call.query.get("direction", "desc") == "desc"
    found.sort(key=lambda one: (one.updated_at if updated else one.created_at, one.id), reverse=falling)
    return Page(found, lambda one: threads.comment(call.links, one))


@operation("issues/get-comment", app=READ)
def get(call: Call) -> Answer:
    return Answer(200, threads.comment(call.links, _comment(call)))


def _body(call: Call) -> str:
    body: str = call.body["body"]
    if not body.strip():
        raise call.invalid("IssueComment", "body", "body cannot be blank")
    if len(body) > LONGEST:
        raise call.invalid("IssueComment", "body", f"body is too long (maximum is {LONGEST} characters)")
    return body


@operation("issues/create-comment", app=WRITE, role="read")
def create(call: Call) -> Answer:
    thread, body = call.thread(call.path["issue_number"]), _body(call)
    one = talk.comment(call.world, call.actor, thread, body, call.grant.app)
    told = threads.comment(call.links, one)
    return Answer(201, told, {"Location": told["url"]})


def _own(call: Call) -> Comment:
    """The comment, which its author may change, and who may write to the repository."""
    one = _comment(call)
    if one.user is not call.actor and call.grant.kind != "installation" and not call.grant.may(call.repo, "write"):  # fmt: skip
        raise refused(403, "Must have admin rights to Repository.")
    return one


@operation("issues/update-comment", app=WRITE, role="read")
def update(call: Call) -> Answer:
    one = _own(call)
    talk.edit(call.world, call.actor, one, _body(call))
    return Answer(200, threads.comment(call.links, one))


@operation("issues/delete-comment", app=WRITE, role="read")
def delete(call: Call) -> Answer:
    talk.delete(call.world, call.actor, _own(call))
    return Answer(204)


@operation("reactions/list-for-issue-comment", app=READ)
def list_reactions(call: Call) -> Page:
    wanted = call.query.get("content")
    found = [one for one in _comment(call).reactions.values() if wanted in (None, one.content)]
    return Page(found, lambda one: threads.reaction(call.links, one))


@operation("reactions/create-for-issue-comment", app=WRITE, role="read")
def react(call: Call) -> Answer:
    """One of a kind from an account: a second one is the first, with 200."""
    comment, content = _comment(call), call.body["content"]
    for one in comment.reactions.values():
        if one.user is call.actor and one.content == content:
            return Answer(200, threads.reaction(call.links, one))
    made = talk.react(call.world, call.actor, comment, content)
    return Answer(201, threads.reaction(call.links, made))


@operation("reactions/delete-for-issue-comment", app=WRITE, role="read")
def unreact(call: Call) -> Answer:
    comment = _comment(call)
    found = comment.reactions.get(call.path["reaction_id"])
    if found is None:
        raise not_found()
    if found.user is not call.actor:
        raise refused(403, "Forbidden")
    del comment.reactions[found.id]
    return Answer(204)
