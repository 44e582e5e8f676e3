"""Repositories as bodies: minimal, whole, and as deliveries carry them."""

from typing import Any

from tests.standins.github.clock import written
from tests.standins.github.model import Account, Repository, at_least
from tests.standins.github.views.accounts import user
from tests.standins.github.views.links import Links, node

PARTS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def minimal(links: Links, one: Repository) -> dict[str, Any]:
    """The fields that every form has."""
    base = links.repo(one)
    return {
        "id": one.id,
        "node_id": node("Repository", one.id),
        "name": one.name,
        "full_name": one.full_name,
        "owner": user(links, one.owner),
        "private": one.private,
        "html_url": links.page(one),
        "description": None,
        "fork": one.fork_of is not None,
        "url": base,
        **{name: base + part for name, part in PARTS.items()},
    }


def repository(links: Links, one: Repository) -> dict[str, Any]:
    """A `repository`: as pull requests, lists and deliveries carry it."""
    page = links.page(one)
    has = ("has_issues", "has_projects", "has_downloads", "has_wiki")
    counts = ("size", "stargazers_count", "watchers_count", "forks_count", "forks", "watchers")
    issues = sum(thread.state == "open" for thread in one.threads.values())
    return {
        **minimal(links, one),
        "git_url": f"git://{page.split('://')[1]}.git",
        "ssh_url": f"git@{links.web.split('://')[1]}:{one.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "homepage": None,
        "mirror_url": None,
        "language": "Python",
        "license": None,
        **dict.fromkeys(has, True),
        **dict.fromkeys(counts, 0),
        "has_pages": False,
        "has_discussions": False,
        "archived": False,
        "disabled": False,
        "open_issues_count": issues,
        "open_issues": issues,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private" if one.private else "public",
        "default_branch": one.default_branch,
        "created_at": written(one.created_at),
        "updated_at": written(one.updated_at),
        "pushed_at": written(one.pushed_at),
    }


def full(links: Links, one: Repository, permissions: dict[str, bool] | None) -> dict[str, Any]:
    """A `full-repository`. `permissions` are those of who asks."""
    made = {**repository(links, one), "network_count": 0, "subscribers_count": 0, "temp_clone_token": None}
    made |= {"allow_squash_merge": True, "allow_merge_commit": True, "allow_rebase_merge": True}
    if permissions is not None:
        made["permissions"] = permissions
    if one.owner.kind == "Organization":
        made["organization"] = user(links, one.owner)
    if one.fork_of is not None:
        made["parent"] = repository(links, one.fork_of)
        made["source"] = made["parent"]
    return made


def permissions(role: str) -> dict[str, bool]:
    """The `permissions` object of a role."""
    words = {"admin": "admin", "maintain": "maintain", "push": "write", "triage": "triage", "pull": "read"}
    return {word: at_least(role, wanted) for word, wanted in words.items()}


def pushed(links: Links, one: Repository) -> dict[str, Any]:
    """The repository in a push: two moments are numbers there, and the owner has a name and an e-mail."""
    owner = {**user(links, one.owner), "name": one.owner.login, "email": one.owner.email}
    return {
        **repository(links, one),
        "owner": owner,
        "created_at": int(one.created_at.timestamp()),
        "pushed_at": int(one.pushed_at.timestamp()),
        "stargazers": 0,
        "master_branch": one.default_branch,
    }


def reference(one: Repository) -> dict[str, Any]:
    """The short form in deliveries about installations."""
    return {
        "id": one.id,
        "node_id": node("Repository", one.id),
        "name": one.name,
        "full_name": one.full_name,
        "private": one.private,
    }


def collaborator(links: Links, account: Account, role: str) -> dict[str, Any]:
    return {**user(links, account), "permissions": permissions(role), "role_name": role}
