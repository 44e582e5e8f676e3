"""Commit statuses: made, listed, and combined."""

from tests.standins.github.answers import Answer, Page
from tests.standins.github.model import Status
from tests.standins.github.registry import Call, operation
from tests.standins.github.views import checks, commits, repositories

SCOPES = "repo public_repo repo:status"
MOST = 1000
"""Statuses of one context that a commit takes."""
LONGEST = 140


@operation("repos/create-commit-status", app="statuses:write", role="write", scopes=SCOPES)
def create(call: Call) -> Answer:
    sha = call.bare.resolve(call.path["sha"])
    if sha is None:
        raise call.invalid("Status", "sha", f"No commit found for SHA: {call.path['sha']}")
    context = call.body.get("context", "default")
    description = call.body.get("description")
    if description is not None and len(description) > LONGEST:
        raise call.invalid("Status", "description", f"description is too long (maximum is {LONGEST} characters)")  # fmt: skip
    if len([one for one in call.repo.statuses if (one.sha, one.context) == (sha, context)]) >= MOST:
        raise call.invalid(
            "Status", "base", "This SHA and context has reached the maximum number of statuses."
        )
    one = Status(
        call.world.ids.new("status"), sha, call.body["state"], context, description,
        call.body.get("target_url"), call.actor, call.world.clock.now(),
    )  # fmt: skip
    call.repo.statuses.append(one)
    _tell(call, one)
    place = f"{call.links.repo(call.repo)}/statuses/{sha}"
    return Answer(201, checks.status(call.links, call.repo, one), {"Location": place})


def _tell(call: Call, one: Status) -> None:
    links, where = call.world.webhooks.links, call.repo
    view = checks.simple_status(links, where, one)
    heads = [(name[11:], sha) for name, sha in call.bare.refs().items() if name.startswith("refs/heads/")]
    branches = [
        {
            "name": name,
            "commit": {"sha": sha, "url": f"{links.repo(where)}/commits/{sha}"},
            "protected": False,
        }
        for name, sha in heads
        if call.bare.is_ancestor(one.sha, sha)
    ]
    commit = commits.commit(links, where, call.bare.commit(one.sha), call.world.who)
    parts = {key: view[key] for key in ("id", "avatar_url", "target_url", "context", "description", "state", "created_at", "updated_at")}  # fmt: skip
    parts |= {"sha": one.sha, "name": where.full_name, "commit": commit, "branches": branches[:10]}
    call.world.webhooks.emit("status", None, call.actor, parts, where)


@operation("repos/list-commit-statuses-for-ref", app="statuses:read", scopes=SCOPES)
def list_of_ref(call: Call) -> Page:
    sha = call.commit(call.path["ref"])
    found = [one for one in reversed(call.repo.statuses) if one.sha == sha]
    return Page(found, lambda one: checks.status(call.links, call.repo, one))


@operation("repos/get-combined-status-for-ref", app="statuses:read", scopes=SCOPES)
def combined(call: Call) -> Answer:
    """The newest of each context. Failure before pending before success; pending where there is none."""
    sha = call.commit(call.path["ref"])
    newest = {one.context: one for one in call.repo.statuses if one.sha == sha}
    states = {one.state for one in newest.values()}
    state = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
    base = call.links.repo(call.repo)
    size, number = min(call.query.get("per_page", 30), 100), call.query.get("page", 1)
    shown = list(newest.values())[(number - 1) * size : number * size]
    told = {
        "state": state,
        "statuses": [checks.simple_status(call.links, call.repo, one) for one in shown],
        "sha": sha,
        "total_count": len(newest),
        "repository": repositories.minimal(call.links, call.repo),
        "commit_url": f"{base}/commits/{sha}",
        "url": f"{base}/commits/{sha}/status",
    }
    return Answer(200, told)
