"""The rights that our driver needs at GitHub, each to be taken away: of an App's installation, of a personal token."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from forges.port import ForgeApi
from tests.builders.forge_site import Right
from tests.standins.github.service import EVENTS, PERMISSIONS

if TYPE_CHECKING:
    from tests.builders.github_site import GitHubSite

SUBSCRIBED = ("issue_comment", "merge_group", "pull_request", "push", "repository")
LEVELS = {
    "checks": "checks: read and write",
    "contents": "contents: read",
    "deployments": "deployments: read and write",
    "issues": "issues: read and write",
    "merge_queues": "merge queues: read",
    "pull_requests": "pull requests: read and write",
    "statuses": "statuses: read and write",
}
"""The permissions as GitHub's pages name them, from the documentation of what the driver calls."""


def of_app(site: "GitHubSite") -> Mapping[str, Right]:
    """Each permission missing or only to read, each event that is not subscribed to; suspended, and not there at all."""
    ada, installation = site.there.ada.account, site.there.installation

    def permitted(**changes: str | None) -> ForgeApi:
        wanted = {**PERMISSIONS, **changes}
        given = {key: level for key, level in wanted.items() if level is not None}
        installation.permit(ada, given)
        installation.installation.events = list(EVENTS)
        return site.fresh()

    def unsubscribed(event: str) -> ForgeApi:
        api = permitted()
        installation.installation.events.remove(event)
        return api

    def suspended() -> ForgeApi:
        api = permitted()
        installation.suspend(ada)
        return api

    def uninstalled() -> ForgeApi:
        installation.unsuspend(ada)
        installation.uninstall(ada)
        return site.fresh()

    found = {
        f"{name} taken": Right((f"“{words}”",), lambda name=name: permitted(**{name: None}))  # type: ignore[misc]
        for name, words in LEVELS.items()
    }
    found |= {
        f"{name} only to read": Right((f"“{words}”",), lambda name=name: permitted(**{name: "read"}))  # type: ignore[misc]
        for name, words in LEVELS.items()
        if words.endswith("write")
    }
    found |= {
        event: Right((f"“{event}”",), lambda event=event: unsubscribed(event))  # type: ignore[misc]
        for event in SUBSCRIBED
    }
    return found | {
        "suspended": Right(("is suspended",), suspended),
        "uninstalled": Right(("is not installed",), uninstalled),
    }


def of_token(site: "GitHubSite") -> Mapping[str, Right]:
    """Tokens that open too little, and of people who may too little."""
    ada, eve, repo = site.there.ada, site.there.eve, site.repo
    fine = {
        "contents": "read", "deployments": "write", "issues": "write", "pull_requests": "write",
        "repository_hooks": "write", "statuses": "write",
    }  # fmt: skip

    def without(*names: str) -> ForgeApi:
        given = {name: level for name, level in fine.items() if name not in names}
        return site.with_token(ada.fine_grained_token([repo], given))

    def of_anybody() -> ForgeApi:
        repo.private = False
        return site.with_token(ada.token())

    return {
        "another repository": Right(
            ("does not see",), lambda: site.with_token(ada.fine_grained_token([], fine))
        ),
        "no scope": Right(("does not see",), lambda: site.with_token(ada.token())),
        "hooks": Right(("webhooks",), lambda: without("repository_hooks")),
        "statuses": Right(("commit statuses",), lambda: without("statuses")),
        "contents": Right(("contents",), lambda: without("contents")),
        "deployments": Right(("deployments",), lambda: without("deployments")),
        "pull requests": Right(("pull requests",), lambda: without("pull_requests", "issues")),
        "a reader's": Right(
            ("may not write", "webhooks"), lambda: site.with_token(eve.token("repo", "admin:repo_hook"))
        ),
        "no scope, but public": Right(("commit statuses", "deployments", "webhooks"), of_anybody),
    }
