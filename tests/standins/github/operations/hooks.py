"""A repository's webhooks and their deliveries."""

from typing import Any
from urllib.parse import urlsplit

from tests.standins.github.answers import Answer, Page, not_found, refused
from tests.standins.github.model import Delivery, Hook
from tests.standins.github.operations.apps import filtered
from tests.standins.github.registry import Call, operation
from tests.standins.github.views import hooks

READ: dict[str, Any] = {"app": "repository_hooks:read", "role": "admin", "scopes": "repo public_repo admin:repo_hook write:repo_hook read:repo_hook", "hidden": True}  # fmt: skip
WRITE: dict[str, Any] = {"app": "repository_hooks:write", "role": "admin", "scopes": "repo public_repo admin:repo_hook write:repo_hook", "hidden": True}  # fmt: skip
DELETE: dict[str, Any] = {**WRITE, "scopes": "repo public_repo admin:repo_hook"}
MOST = 20
"""Hooks of a repository for one event."""
EVENTS = frozenset(
    {
        "*", "branch_protection_rule", "check_run", "check_suite", "code_scanning_alert",
        "commit_comment", "create", "delete", "deploy_key", "deployment",
        "deployment_status", "discussion", "discussion_comment", "fork", "gollum",
        "issue_comment", "issues", "label", "member", "merge_group",
        "meta", "milestone", "package", "page_build", "project",
        "project_card", "project_column", "public", "pull_request", "pull_request_review",
        "pull_request_review_comment", "pull_request_review_thread", "push", "registry_package", "release",
        "repository", "repository_dispatch", "repository_import", "repository_vulnerability_alert", "secret_scanning_alert",
        "star", "status", "team_add", "watch", "workflow_job",
        "workflow_run",
    }
)  # fmt: skip


def _hook(call: Call) -> Hook:
    found = call.repo.hooks.get(call.path["hook_id"])
    if found is None:
        raise not_found()
    return found


def _shown(call: Call, one: Hook) -> dict[str, Any]:
    return hooks.hook(call.links, call.repo, one)


@operation("repos/list-webhooks", **READ)
def list_hooks(call: Call) -> Page:
    return Page(list(call.repo.hooks.values()), lambda one: _shown(call, one))


@operation("repos/get-webhook", **READ)
def get(call: Call) -> Answer:
    return Answer(200, _shown(call, _hook(call)))


def _check(call: Call, config: dict[str, Any], events: list[str]) -> None:
    if urlsplit(config.get("url", "")).scheme not in ("http", "https"):
        raise call.invalid("Hook", "url", "url is not a URL")
    if config.get("content_type", "form") not in ("json", "form"):
        raise call.invalid("Hook", "content_type", "content_type must be json or form")
    unknown = sorted(set(events) - EVENTS)
    if unknown or not events:
        raise call.invalid("Hook", "events", f"these are no events of a repository: {', '.join(unknown)}")


@operation("repos/create-webhook", **WRITE)
def create(call: Call) -> Answer:
    config, events = call.body.get("config") or {}, call.body.get("events", ["push"])
    _check(call, config, events)
    if call.body.get("name", "web") != "web":
        raise call.invalid("Hook", "name", "name must be web")
    for one in call.repo.hooks.values():
        same = one.url == config["url"] and set(one.events) == set(events)
        if same and one.content_type == config.get("content_type", "form"):
            raise call.invalid("Hook", "base", "Hook already exists on this repository")
    if len(call.repo.hooks) >= MOST:
        raise call.invalid("Hook", "base", f"The {events[0]!r} event cannot have more than {MOST} hooks")
    now = call.world.clock.now()
    made = Hook(
        call.world.ids.new("hook"), config["url"], config.get("secret"), config.get("content_type", "form"),
        str(config.get("insecure_ssl", "0")), events, call.body.get("active", True), now, now,
        ("repository", call.repo.id),
    )  # fmt: skip
    call.repo.hooks[made.id] = made
    _ping(call, made)
    told = _shown(call, made)
    return Answer(201, told, {"Location": told["url"]})


def _ping(call: Call, one: Hook) -> None:
    view = hooks.hook(call.world.webhooks.links, call.repo, one)
    call.world.webhooks.ping(one, call.repo, call.actor, view)


@operation("repos/update-webhook", **WRITE)
def update(call: Call) -> Answer:
    """A `config` replaces the whole: a secret that it does not repeat is gone."""
    one, body = _hook(call), call.body
    events = [*body.get("events", one.events), *body.get("add_events", [])]
    events = [event for event in dict.fromkeys(events) if event not in body.get("remove_events", [])]
    config = body.get("config", {"url": one.url, "content_type": one.content_type})
    _check(call, config, events)
    if "config" in body:
        one.url, one.secret = config["url"], config.get("secret")
        one.content_type = config.get("content_type", "form")
        one.insecure_ssl = str(config.get("insecure_ssl", "0"))
    one.events, one.active = events, body.get("active", one.active)
    one.updated_at = call.world.clock.now()
    return Answer(200, _shown(call, one))


@operation("repos/delete-webhook", **DELETE)
def delete(call: Call) -> Answer:
    del call.repo.hooks[_hook(call).id]
    return Answer(204)


@operation("repos/ping-webhook", **READ)
def ping(call: Call) -> Answer:
    _ping(call, _hook(call))
    return Answer(204)


@operation("repos/list-webhook-deliveries", **READ)
def list_deliveries(call: Call) -> Page:
    found = sorted(_hook(call).deliveries, key=lambda one: one.id, reverse=True)
    return Page(filtered(call, found), hooks.delivery_item)


def _delivery(call: Call) -> Delivery:
    for one in _hook(call).deliveries:
        if one.id == call.path["delivery_id"]:
            return one
    raise not_found()


@operation("repos/get-webhook-delivery", **READ)
def get_delivery(call: Call) -> Answer:
    one = _delivery(call)
    base = f"{call.links.repo(call.repo)}/hooks/{_hook(call).id}/deliveries/{one.id}"
    return Answer(200, hooks.delivery(one, base))


@operation("repos/redeliver-webhook-delivery", **WRITE)
def redeliver(call: Call) -> Answer:
    one = _delivery(call)
    if not _hook(call).active:
        raise refused(422, "The hook is not active")
    call.world.webhooks.redeliver(_hook(call), one)
    return Answer(202, {})
