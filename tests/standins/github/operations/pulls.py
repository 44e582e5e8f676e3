"""Pull requests: listed, read, merged."""

from tests.standins.github import pulls
from tests.standins.github.answers import Answer, Page, not_found, refused
from tests.standins.github.model import Pull
from tests.standins.github.registry import Call, operation
from tests.standins.github.views import commits, threads

MOST_COMMITS, MOST_FILES = 250, 3000
"""What the lists of a pull request show at most."""


def _pull(call: Call) -> Pull:
    found = call.repo.threads.get(call.path["pull_number"])
    if not isinstance(found, Pull):
        raise not_found()
    return found


@operation("pulls/list", app="pull_requests:read")
def list_pulls(call: Call) -> Page:
    state, head, base = call.query.get("state", "open"), call.query.get("head"), call.query.get("base")
    found = [
        one
        for one in call.repo.pulls()
        if state in ("all", one.state) and head in (None, one.head_label) and base in (None, one.base_ref)
    ]
    sort = call.query.get("sort", "created")
    keys = {
        "created": lambda one: (one.created_at, one.number),
        "updated": lambda one: (one.updated_at, one.number),
        "popularity": lambda one: (len(one.comments), one.number),
        "long-running": lambda one: (one.created_at, one.number),
    }
    falling = call.query.get("direction", "asc" if "sort" in call.query and sort != "created" else "desc")
    found.sort(key=keys[sort], reverse=falling == "desc")
    return Page(found, lambda one: threads.pull(call.links, one))


@operation("pulls/get", app="pull_requests:read")
def get(call: Call) -> Answer:
    one = _pull(call)
    state = pulls.mergeable_state(call.world, one)
    told = threads.full_pull(call.links, one, pulls.counts(call.world, one), state)
    if one.computing > 0:
        one.computing -= 1
        told |= {"mergeable": None, "rebaseable": None, "mergeable_state": "unknown"}
        told["merge_commit_sha"] = None
    return Answer(200, told)


@operation("pulls/list-files", app="pull_requests:read")
def list_files(call: Call) -> Page:
    one = _pull(call)
    base = call.bare.merge_base(one.base_sha, one.head_sha)
    changes = call.bare.changes(base, one.head_sha) if base else []
    return Page(changes[:MOST_FILES], lambda change: commits.change(call.links, call.repo, change, one.head_sha))  # fmt: skip


@operation("pulls/list-commits", app="pull_requests:read")
def list_commits(call: Call) -> Page:
    one = _pull(call)
    found = call.bare.log("--reverse", one.head_sha, f"^{one.base_sha}")[:MOST_COMMITS]
    return Page(found, lambda commit: commits.commit(call.links, call.repo, commit, call.world.who))


@operation("pulls/check-if-merged", app="contents:read")
def is_merged(call: Call) -> Answer:
    if _pull(call).merged_at is None:
        raise not_found()
    return Answer(204)


@operation("pulls/merge", app="contents:write", role="write")
def merge(call: Call) -> Answer:
    one = _pull(call)
    if one.state == "closed":
        raise refused(405, "Pull Request is not mergeable")
    if call.body.get("sha") not in (None, one.head_sha):
        raise refused(409, "Head branch was modified. Review and try the merge again.")
    state = pulls.mergeable_state(call.world, one)
    if state == "blocked":
        names = ", ".join(f'"{name}"' for name in sorted(pulls.missing_checks(call.repo, one.head_sha)))
        raise refused(405, f"Required status check {names} is expected.")
    if state != "clean":
        raise refused(405, "Pull Request is not mergeable")
    title = f"Merge pull request #{one.number} from {one.head_label.replace(':', '/')}"
    title, text = call.body.get("commit_title", title), call.body.get("commit_message", one.title)
    made = pulls.merge(call.world, call.actor, one, call.body.get("merge_method", "merge"), title, text)
    if made is None:
        raise refused(405, "Pull Request is not mergeable")
    return Answer(200, {"sha": made, "merged": True, "message": "Pull Request successfully merged"})
