"""Webhooks and their deliveries as bodies."""

from typing import Any

from tests.standins.github.clock import written
from tests.standins.github.model import App, Delivery, Hook, Repository
from tests.standins.github.views.links import Links


def config(one: Hook) -> dict[str, Any]:
    """A `webhook-config`; GitHub never shows the secret."""
    made = {"url": one.url, "content_type": one.content_type, "insecure_ssl": one.insecure_ssl}
    return {**made, "secret": "********"} if one.secret else made


def hook(links: Links, where: Repository, one: Hook) -> dict[str, Any]:
    base = f"{links.repo(where)}/hooks/{one.id}"
    last = one.deliveries[-1] if one.deliveries and one.deliveries[-1].code else None
    return {
        "type": "Repository",
        "id": one.id,
        "name": "web",
        "active": one.active,
        "events": list(one.events),
        "config": config(one),
        "updated_at": written(one.updated_at),
        "created_at": written(one.created_at),
        "url": base,
        "test_url": f"{base}/tests",
        "ping_url": f"{base}/pings",
        "deliveries_url": f"{base}/deliveries",
        "last_response": {
            "code": last.code if last else None,
            "status": ("active" if last.code < 400 else "failed") if last else "unused",
            "message": last.status if last else None,
        },
    }


def app_hook(one: App) -> dict[str, Any]:
    """The `hook` of an app's ping."""
    return {
        "type": "App",
        "id": one.hook.id,
        "name": "web",
        "active": True,
        "events": list(one.events),
        "config": config(one.hook),
        "updated_at": written(one.hook.updated_at),
        "created_at": written(one.hook.created_at),
        "app_id": one.id,
    }


def delivery_item(one: Delivery) -> dict[str, Any]:
    return {
        "id": one.id,
        "guid": one.guid,
        "delivered_at": written(one.delivered_at),
        "redelivery": one.redelivery,
        "duration": one.duration,
        "status": one.status,
        "status_code": one.code,
        "event": one.event,
        "action": one.action,
        "installation_id": one.installation_id,
        "repository_id": one.repository_id,
        "throttled_at": None,
    }


def delivery(one: Delivery, url: str) -> dict[str, Any]:
    return {
        **delivery_item(one),
        "url": url,
        "request": {"headers": dict(one.request_headers), "payload": one.body},
        "response": {"headers": one.response_headers or {}, "payload": one.response_body or ""},
    }
