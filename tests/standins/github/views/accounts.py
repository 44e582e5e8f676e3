"""Accounts, apps and installations as bodies."""

from typing import Any

from tests.standins.github.clock import written
from tests.standins.github.model import Account, App, Installation
from tests.standins.github.views.links import Links, node

PARTS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}


def user(links: Links, account: Account) -> dict[str, Any]:
    """A `simple-user`. Bots live under `/apps/` on the web side."""
    page = f"/apps/{account.login.removesuffix('[bot]')}" if account.kind == "Bot" else f"/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node(account.kind, account.id),
        "avatar_url": f"{links.web}/avatars/u/{account.id}?v=4",
        "gravatar_id": "",
        "url": links.user(account),
        "html_url": links.web + page,
        **{name: links.user(account) + part for name, part in PARTS.items()},
        "type": account.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def profile(links: Links, account: Account) -> dict[str, Any]:
    """A `public-user`."""
    counts = ("public_repos", "public_gists", "followers", "following")
    nothing = ("company", "location", "hireable", "bio", "twitter_username")
    return {
        **user(links, account),
        "name": account.name,
        "blog": "",
        "email": account.email,
        **dict.fromkeys(nothing),
        **dict.fromkeys(counts, 0),
        "created_at": written(account.created_at),
        "updated_at": written(account.created_at),
    }


def own_profile(links: Links, account: Account) -> dict[str, Any]:
    """A `private-user`: what one reads of oneself."""
    counts = ("private_gists", "total_private_repos", "owned_private_repos", "disk_usage", "collaborators")
    return {
        **profile(links, account),
        **dict.fromkeys(counts, 0),
        "two_factor_authentication": True,
        "plan": {"name": "free", "space": 976562499, "private_repos": 10000, "collaborators": 0},
    }


def organization(links: Links, account: Account) -> dict[str, Any]:
    """An `organization-simple-webhooks`."""
    base = f"{links.api}/orgs/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node(account.kind, account.id),
        "url": base,
        "repos_url": f"{base}/repos",
        "events_url": f"{base}/events",
        "hooks_url": f"{base}/hooks",
        "issues_url": f"{base}/issues",
        "members_url": f"{base}/members{{/member}}",
        "public_members_url": f"{base}/public_members{{/member}}",
        "avatar_url": f"{links.web}/avatars/u/{account.id}?v=4",
        "description": "",
    }


def app(links: Links, one: App) -> dict[str, Any]:
    """An `integration`."""
    return {
        "id": one.id,
        "client_id": one.client_id,
        "slug": one.slug,
        "node_id": node("App", one.id),
        "owner": user(links, one.owner),
        "name": one.slug,
        "description": "",
        "external_url": f"{links.web}/{one.owner.login}",
        "html_url": f"{links.web}/apps/{one.slug}",
        "created_at": written(one.created_at),
        "updated_at": written(one.created_at),
        "permissions": dict(one.permissions),
        "events": list(one.events),
    }


def installation(links: Links, one: Installation) -> dict[str, Any]:
    by_organization = one.account.kind == "Organization"
    place = f"/organizations/{one.account.login}" if by_organization else ""
    return {
        "id": one.id,
        "client_id": one.app.client_id,
        "account": user(links, one.account),
        "repository_selection": "all" if one.repository_ids is None else "selected",
        "access_tokens_url": f"{links.api}/app/installations/{one.id}/access_tokens",
        "repositories_url": f"{links.api}/installation/repositories",
        "html_url": f"{links.web}{place}/settings/installations/{one.id}",
        "app_id": one.app.id,
        "app_slug": one.app.slug,
        "target_id": one.account.id,
        "target_type": one.account.kind,
        "permissions": dict(one.permissions),
        "events": list(one.events),
        "created_at": written(one.created_at),
        "updated_at": written(one.updated_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": user(links, one.account) if one.suspended_at else None,
        "suspended_at": written(one.suspended_at) if one.suspended_at else None,
    }


def installation_reference(one: Installation) -> dict[str, Any]:
    """A `simple-installation`: what every delivery to an app carries."""
    return {"id": one.id, "node_id": node("IntegrationInstallation", one.id)}
