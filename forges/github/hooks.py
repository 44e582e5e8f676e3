"""Our hook at GitHub: made, repaired, deleted, and asked for what it could not bring.

A repository's hook with a token, the App's own hook with an App: https://docs.github.com/rest/repos/webhooks and
https://docs.github.com/rest/apps/webhooks. GitHub tries each delivery once, and knows of it for three days.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from forges.github import reading
from forges.github.client import Client, described
from forges.github.faults import Unknown
from forges.github.reading import Object
from forges.port import HookState, MissedDelivery
from schemas.errors import Gone
from schemas.moments import from_text
from schemas.values import Secret

EVENTS = ("check_run", "check_suite", "issue_comment", "merge_group", "pull_request", "push", "repository")
OF_APP = "app"
"""The id of an App's hook: it has only one."""
MOST_DELIVERIES = 10_000
"""Deliveries that are looked at, newest first."""


def ensure(client: Client, repository: str, url: str, secret: Secret, renew: bool) -> HookState:
    """See the port. Whether the secret is the right one GitHub does not tell; that there is none, it does."""
    config = {"url": url, "content_type": "json", "insecure_ssl": "0", "secret": secret.reveal()}
    if client.credentials.app is not None:
        with described():
            there = reading.an_object(client.as_app("GET", "/app/hook/config").json(), "the hook")
        if _same(there, config) and not renew:
            return HookState(OF_APP, "kept")
        client.as_app("PATCH", "/app/hook/config", config)
        return HookState(OF_APP, "repaired")
    with described():
        found = next(_ours(client, repository, url), None)
    if found is None:
        wanted = {"name": "web", "active": True, "events": list(EVENTS), "config": config}
        answer = client.send(repository, "POST", "/hooks", wanted)
        with described():
            return HookState(reading.identity(reading.an_object(answer, "the hook")), "created")
    with described():
        id, there = reading.identity(found), reading.part(found, "config")
        events = reading.a_list(found.get("events"), "events")
        good = reading.flag(found, "active") and ("*" in events or set(EVENTS) <= set(events))
    if good and _same(there, config) and not renew:
        return HookState(id, "kept")
    wanted = {"active": True, "config": config, "add_events": [e for e in EVENTS if "*" not in events]}
    client.send(repository, "PATCH", f"/hooks/{id}", wanted)
    return HookState(id, "repaired")


def drop(client: Client, repository: str, url: str) -> HookState:
    """See the port. An App's hook stays: it is that of all its repositories."""
    if client.credentials.app is not None:
        return HookState(OF_APP, "shared")
    with described():
        found = [reading.identity(hook) for hook in _ours(client, repository, url)]
    dropped = [id for id in found if _dropped(client, repository, id)]
    return HookState(dropped[0], "deleted") if dropped else HookState("", "absent")


def _dropped(client: Client, repository: str, id: str) -> bool:
    try:
        with _one(client, repository, id):
            client.send(repository, "DELETE", f"/hooks/{id}")
    except Gone:
        return False  # somebody else was faster
    return True


def _ours(client: Client, repository: str, url: str) -> Iterator[Object]:
    for hook in _all(client, repository):
        if (reading.maybe_part(hook, "config") or {}).get("url") == url:
            yield hook


def _all(client: Client, repository: str) -> Iterator[Object]:
    for value in client.pages(repository, "/hooks"):
        yield reading.an_object(value, "a hook")


@contextmanager
def _one(client: Client, repository: str, id: str) -> Iterator[None]:
    """That GitHub does not know a hook says that it is gone, if it shows us the others: who may not, is told the same."""
    try:
        yield
    except Unknown as error:
        with described():
            there = any(reading.identity(hook) == id for hook in _all(client, repository))
        if there:
            raise
        raise Gone(f"{repository} has no hook {id} any more") from error


def _same(there: Object, wanted: Object) -> bool:
    return (
        there.get("url") == wanted["url"]
        and there.get("content_type") == "json"
        and str(there.get("insecure_ssl", "0")) == "0"
        and bool(there.get("secret"))
    )


def missed(client: Client, repository: str, hook: str, since: str) -> tuple[MissedDelivery, ...]:
    """See the port. One try that got through is enough, whichever it was."""
    through: set[str] = set()
    failed: dict[str, MissedDelivery] = {}
    app = hook == OF_APP
    only = _repository_id(client, repository) if app else ""
    begin = from_text(since).replace(microsecond=0)  # GitHub tells whole seconds
    path = "/app/hook/deliveries" if app else f"/hooks/{int(hook)}/deliveries"
    with described(), nullcontext() if app else _one(client, repository, hook):
        for count, value in enumerate(client.pages(repository, path, app=app)):
            said = reading.an_object(value, "a delivery")
            at, delivery = reading.moment(said, "delivered_at"), reading.free(said, "guid", 200)
            if from_text(at) < begin or count >= MOST_DELIVERIES:
                break
            if only and str(said.get("repository_id")) != only:
                continue
            code = said.get("status_code")
            if isinstance(code, int) and 200 <= code < 300:
                through.add(delivery)
            else:
                failed[delivery] = MissedDelivery(
                    reading.identity(said), delivery, reading.word(said, "event"), at
                )
    return tuple(
        sorted((one for one in failed.values() if one.delivery not in through), key=lambda one: one.at)
    )


def _repository_id(client: Client, repository: str) -> str:
    value = client.get(repository, "")
    with described():
        return reading.identity(reading.an_object(value, "the repository"))


def redeliver(client: Client, repository: str, hook: str, one: MissedDelivery) -> None:
    """See the port."""
    if hook == OF_APP:
        client.as_app("POST", f"/app/hook/deliveries/{int(one.id)}/attempts")
    else:
        client.send(repository, "POST", f"/hooks/{int(hook)}/deliveries/{int(one.id)}/attempts")
