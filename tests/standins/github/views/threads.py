"""Pull requests, issues, comments and reactions as bodies."""

from typing import Any

from tests.standins.github.clock import written
from tests.standins.github.model import Account, Comment, Pull, Reaction, Repository, Thread
from tests.standins.github.views.accounts import app, user
from tests.standins.github.views.links import Links, node
from tests.standins.github.views.repositories import repository

FACES = ("+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket")


def association(where: Repository, account: Account) -> str:
    """`author_association`. It says less than the permission does, and changes with the repository's history."""
    if account is where.owner:
        return "OWNER"
    if account.id in where.owner.members:
        return "MEMBER"
    if where.collaborators.get(account.id, "none") != "none":
        return "COLLABORATOR"
    merged = any(pull.merged_at and pull.user is account for pull in where.pulls())
    return "CONTRIBUTOR" if merged else "NONE"


def pull(links: Links, one: Pull) -> dict[str, Any]:
    """A `pull-request-simple`, with the fields that deliveries add."""
    where = one.repository
    base = f"{links.repo(where)}/pulls/{one.number}"
    issue = f"{links.repo(where)}/issues/{one.number}"
    page = f"{links.page(where)}/pull/{one.number}"
    ours = f"{where.owner.login}:{one.base_ref}"
    base_end = _end(links, where, ours, one.base_ref, one.base_sha, where.owner)
    found = {
        "url": base,
        "issue_url": issue,
        "html_url": page,
        "commits_url": f"{base}/commits",
        "review_comments_url": f"{base}/comments",
        "review_comment_url": f"{links.repo(where)}/pulls/comments{{/number}}",
        "comments_url": f"{issue}/comments",
        "statuses_url": f"{links.repo(where)}/statuses/{one.head_sha}",
    }
    ways = {"self": "url", "html": "html_url", "issue": "issue_url", "comments": "comments_url", "commits": "commits_url"}  # fmt: skip
    ways |= {name: f"{name}_url" for name in ("review_comments", "review_comment", "statuses")}
    return {
        "id": one.id,
        "node_id": node("PullRequest", one.id),
        **found,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "_links": {name: {"href": found[key]} for name, key in ways.items()},
        "number": one.number,
        "state": one.state,
        "locked": False,
        "title": one.title,
        "user": user(links, one.user),
        "body": one.body,
        "labels": [],
        "milestone": None,
        "active_lock_reason": None,
        "created_at": written(one.created_at),
        "updated_at": written(one.updated_at),
        "closed_at": written(one.closed_at) if one.closed_at else None,
        "merged_at": written(one.merged_at) if one.merged_at else None,
        "merge_commit_sha": one.merge_sha,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "head": _end(links, one.head_repository, one.head_label, one.head_ref, one.head_sha, one.user),
        "base": base_end,
        "author_association": association(where, one.user),
        "auto_merge": None,
        "draft": one.draft,
    }


def _end(links: Links, where: Repository | None, label: str, ref: str, sha: str, owner: Account) -> dict[str, Any]:  # fmt: skip
    """A `head` or `base`. A deleted fork leaves `repo` null, which the description does not say and the documentation does."""
    return {
        "label": label,
        "ref": ref,
        "sha": sha,
        "user": user(links, where.owner if where else owner),
        "repo": repository(links, where) if where else None,
    }


def full_pull(links: Links, one: Pull, counts: dict[str, int], state: str) -> dict[str, Any]:
    """A `pull-request`; `counts`: commits, additions, deletions and changed_files; `state`: `mergeable_state`."""
    return {
        **pull(links, one),
        "merged": one.merged_at is not None,
        "mergeable": None if one.state == "closed" else state != "dirty",
        "rebaseable": None if one.state == "closed" else state != "dirty",
        "mergeable_state": state,
        "merged_by": user(links, one.merged_by) if one.merged_by else None,
        "comments": len(one.comments),
        "review_comments": 0,
        "maintainer_can_modify": one.head_repository is not one.repository,
        **counts,
    }


def pull_reference(links: Links, one: Pull) -> dict[str, Any]:
    """A `pull-request-minimal`: in checks. GitHub lists those only whose head is in the same repository."""

    def end(where: Repository, ref: str, sha: str) -> dict[str, Any]:
        short = {"id": where.id, "url": links.repo(where), "name": where.name}
        return {"ref": ref, "sha": sha, "repo": short}

    return {
        "id": one.id,
        "number": one.number,
        "url": f"{links.repo(one.repository)}/pulls/{one.number}",
        "head": end(one.head_repository or one.repository, one.head_ref, one.head_sha),
        "base": end(one.repository, one.base_ref, one.base_sha),
    }


def issue(links: Links, one: Thread) -> dict[str, Any]:
    """An issue in a delivery; the one of a pull request says so in `pull_request`."""
    where = one.repository
    base = f"{links.repo(where)}/issues/{one.number}"
    page = f"{links.page(where)}/{'pull' if isinstance(one, Pull) else 'issues'}/{one.number}"
    made = {
        "url": base,
        "repository_url": links.repo(where),
        "labels_url": f"{base}/labels{{/name}}",
        "comments_url": f"{base}/comments",
        "events_url": f"{base}/events",
        "timeline_url": f"{base}/timeline",
        "html_url": page,
        "id": one.id,
        "node_id": node("Issue", one.id),
        "number": one.number,
        "title": one.title,
        "user": user(links, one.user),
        "labels": [],
        "state": one.state,
        "locked": False,
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": len(one.comments),
        "created_at": written(one.created_at),
        "updated_at": written(one.updated_at),
        "closed_at": written(one.closed_at) if one.closed_at else None,
        "author_association": association(where, one.user),
        "active_lock_reason": None,
        "body": one.body,
        "reactions": rollup(base, []),
        "performed_via_github_app": None,
        "state_reason": None,
    }
    if isinstance(one, Pull):
        ends = {"url": f"{links.repo(where)}/pulls/{one.number}", "html_url": page}
        more = {"diff_url": f"{page}.diff", "patch_url": f"{page}.patch"}
        merged = written(one.merged_at) if one.merged_at else None
        made |= {"draft": one.draft, "pull_request": {**ends, **more, "merged_at": merged}}
    return made


def comment(links: Links, one: Comment) -> dict[str, Any]:
    where = one.thread.repository
    base = f"{links.repo(where)}/issues"
    kind = "pull" if isinstance(one.thread, Pull) else "issues"
    return {
        "url": f"{base}/comments/{one.id}",
        "html_url": f"{links.page(where)}/{kind}/{one.thread.number}#issuecomment-{one.id}",
        "issue_url": f"{base}/{one.thread.number}",
        "id": one.id,
        "node_id": node("IssueComment", one.id),
        "user": user(links, one.user),
        "created_at": written(one.created_at),
        "updated_at": written(one.updated_at),
        "author_association": association(where, one.user),
        "body": one.body,
        "reactions": rollup(f"{base}/comments/{one.id}", list(one.reactions.values())),
        "performed_via_github_app": app(links, one.app) if one.app else None,
    }


def rollup(url: str, reactions: list[Reaction]) -> dict[str, Any]:
    counted = {face: sum(one.content == face for one in reactions) for face in FACES}
    return {"url": f"{url}/reactions", "total_count": len(reactions), **counted}


def reaction(links: Links, one: Reaction) -> dict[str, Any]:
    return {
        "id": one.id,
        "node_id": node("Reaction", one.id),
        "user": user(links, one.user),
        "content": one.content,
        "created_at": written(one.created_at),
    }
