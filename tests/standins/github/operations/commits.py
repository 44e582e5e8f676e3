"""Commits: one, many, the difference of two, and the pull requests of one."""

from typing import Any

from tests.standins.github.answers import Answer, Page, not_found
from tests.standins.github.bare import Commit
from tests.standins.github.paging import MOST
from tests.standins.github.registry import Call, operation
from tests.standins.github.views import commits, threads

MOST_FILES = 300
"""Files that a comparison or a commit shows on its first page."""
MOST_UNPAGED = 250
"""Commits that a comparison shows that is not asked for in pages: the newest."""
EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def shown(call: Call, one: Commit) -> dict[str, Any]:
    return commits.commit(call.links, call.repo, one, call.world.who)


def _files(call: Call, old: str, new: str) -> list[dict[str, Any]]:
    return [commits.change(call.links, call.repo, one, new) for one in call.bare.changes(old, new)]


@operation("repos/get-commit", app="contents:read")
def get_commit(call: Call) -> Answer:
    sha = call.commit(call.path["ref"])
    one = call.bare.commit(sha)
    files = _files(call, one.parents[0] if one.parents else EMPTY, sha)
    stats = {word: sum(file[word] for file in files) for word in ("additions", "deletions")}
    return Answer(
        200,
        {
            **shown(call, one),
            "stats": {**stats, "total": sum(stats.values())},
            "files": files[:MOST_FILES],
        },
    )


@operation("repos/list-commits", app="contents:read")
def list_commits(call: Call) -> Page:
    start = call.query.get("sha", call.repo.default_branch)
    sha = next((found for prefix in ("refs/heads/", "") if (found := call.bare.resolve(prefix + start))), None)  # fmt: skip
    if sha is None:
        raise not_found()
    told = [f"--{name}={call.query[name]}" for name in ("since", "until") if name in call.query]
    if author := call.query.get("author"):
        account = call.world.account(author)
        told.append(f"--author={(account.email if account else None) or author}")
    paths = [call.query["path"]] if "path" in call.query else []
    return Page(call.bare.log(*told, sha, paths=paths), lambda one: shown(call, one))


@operation("repos/compare-commits-with-basehead", app="contents:read")
def compare(call: Call) -> Answer:
    """From the merge base to the head, oldest first; commits in pages, files on the first page only."""
    base_name, dots, head_name = call.path["basehead"].partition("...")
    base, head = _end(call, base_name), _end(call, head_name)
    common = call.bare.merge_base(base, head) if base and head and dots else None
    if base is None or head is None or common is None:
        raise not_found()
    brought = call.bare.log("--reverse", head, f"^{base}")
    ahead, behind = len(brought), call.bare.count(f"{head}..{base}")
    size, number = min(call.query.get("per_page", MOST), MOST), call.query.get("page", 1)
    page = call.links.page(call.repo)
    own = f"{call.links.repo(call.repo)}/compare/{call.path['basehead']}"
    status = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
    paged = "page" in call.query or "per_page" in call.query
    files = _files(call, common, head)[:MOST_FILES] if number == 1 else []
    shown_commits = brought[(number - 1) * size : number * size] if paged else brought[-MOST_UNPAGED:]
    told = {
        "url": own,
        "html_url": f"{page}/compare/{base_name}...{head_name}",
        "permalink_url": f"{page}/compare/{base[:7]}...{head[:7]}",
        "diff_url": f"{page}/compare/{base_name}...{head_name}.diff",
        "patch_url": f"{page}/compare/{base_name}...{head_name}.patch",
        "base_commit": shown(call, call.bare.commit(base)),
        "merge_base_commit": shown(call, call.bare.commit(common)),
        "status": status.get((ahead > 0, behind > 0), "identical"),
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": [shown(call, one) for one in shown_commits],
        "files": files,
    }
    headers = {}
    if paged and number * size < ahead:
        headers["Link"] = f'<{own}?page={number + 1}&per_page={size}>; rel="next"'
    return Answer(200, told, headers)


def _end(call: Call, name: str) -> str | None:
    """A commit of a comparison: a SHA, a branch or tag here, or `OWNER:BRANCH` of a fork, which must have been brought here."""
    owner, colon, branch = name.partition(":")
    if colon:
        for pull in call.repo.pulls():
            if pull.head_label == name:
                return pull.head_sha
        return call.bare.resolve(f"refs/heads/{branch}") if owner == call.repo.owner.login else None
    found = (call.bare.resolve(prefix + name) for prefix in ("refs/heads/", "refs/tags/", "refs/", ""))
    return next((sha for sha in found if sha), None)


@operation("repos/list-pull-requests-associated-with-commit", app="pull_requests:read")
def pulls_of_commit(call: Call) -> Page:
    """The merged one that brought it to the default branch; where it is not there, the merged and open ones that have it."""
    sha = call.bare.resolve(call.path["commit_sha"])
    if sha is None:
        raise not_found()
    landed = call.bare.is_ancestor(sha, call.bare.refs()[f"refs/heads/{call.repo.default_branch}"])
    found = [
        one
        for one in call.repo.pulls()
        if (one.merged_at or (one.state == "open" and not landed))
        and (sha == one.merge_sha or call.bare.is_ancestor(sha, one.head_sha))
        and not call.bare.is_ancestor(sha, one.base_sha)
    ]
    return Page(found, lambda one: threads.pull(call.links, one))
