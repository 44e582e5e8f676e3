"""Our hook at GitHub: made, repaired, deleted, and asked for what it could not bring.

A repository's hook with a token, the App's own hook with an App: https://docs.github.com/rest/repos/webhooks and
https://docs.github.com/rest/apps/webhooks. GitHub tries each delivery once, and knows of it for three days.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

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
FRESH = 60.0
"""Seconds for which a list of the App's deliveries is good. Who asks for what was lost asks from a while before the last time."""


def ensure(client: Client, repository: str, url: str, secret: Secret, renew: bool) -> HookState:
    """See the port. Whether the secret is the right one GitHub does not tell; that there is none, it does."""
    config = {"url": url, "content_type": "json", "insecure_ssl": "0", "secret": secret.reveal()}
    if client.credentials.app is not None:
        with described():
            there = reading.an_object(client.as_app("GET", "/app/hook/config").json(), "the hook")
        if _same(there, config) and not renew:
            return HookState(OF_APP, "kept")
        client.as_app("PATCH", "/app/hook/config", config)
        return HookState(OF_APP, "repaired" if there.get("url") else "created")
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


class AppDeliveries:
    """What the App's hook was to deliver lately, for all of its repositories: they share one list, and the calls for it.

    Safe between threads.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._asked_at = 0.0
        self._begin: datetime | None = None
        self._found: list[Object] = []

    def since(self, begin: datetime) -> list[Object]:
        """Deliveries since then, and maybe older ones, newest first. As they were at most `FRESH` seconds ago."""
        with self._lock:
            now = self._client.clock()
            fresh = 0 <= now - self._asked_at < FRESH
            if self._begin is None or self._begin > begin or not fresh:
                # First of all, so that what comes meanwhile is not taken for known.
                self._asked_at, self._begin = now, None
                self._found = list(
                    _since(self._client.pages("the App", "/app/hook/deliveries", app=True), begin)
                )
                self._begin = begin
            return self._found

    def forget(self) -> None:
        """Something was delivered again: what is known of tries is old."""
        with self._lock:
            self._begin = None


def _since(values: Iterable[Any], begin: datetime) -> Iterator[Object]:
    """Of a list of deliveries, newest first, those since then, and not more than `MOST_DELIVERIES`."""
    for value in islice(values, MOST_DELIVERIES):
        said = reading.an_object(value, "a delivery")
        if from_text(reading.moment(said, "delivered_at")) < begin:
            return
        yield said


def missed(
    client: Client, of_app: AppDeliveries, repository: str, hook: str, since: str
) -> tuple[MissedDelivery, ...]:
    """See the port."""
    begin = from_text(since).replace(microsecond=0)  # GitHub tells whole seconds
    if hook != OF_APP:
        path = f"/hooks/{int(hook)}/deliveries"
        with described(), _one(client, repository, hook):
            return _not_through(_since(client.pages(repository, path), begin))
    with described():
        only = reading.identity(reading.an_object(client.get(repository, ""), "the repository"))
        found = of_app.since(begin)
        return _not_through(_since((one for one in found if str(one.get("repository_id")) == only), begin))


def _not_through(said: Iterable[Object]) -> tuple[MissedDelivery, ...]:
    """Deliveries of which no try got through, oldest first: one that did is enough, whichever it was."""
    through: set[str] = set()
    failed: dict[str, MissedDelivery] = {}
    for one in said:
        delivery, code = reading.free(one, "guid", 200), one.get("status_code")
        if isinstance(code, int) and 200 <= code < 300:
            through.add(delivery)
        else:
            at = reading.moment(one, "delivered_at")
            failed[delivery] = MissedDelivery(reading.identity(one), delivery, reading.word(one, "event"), at)
    return tuple(
        sorted((one for one in failed.values() if one.delivery not in through), key=lambda one: one.at)
    )


def redeliver(client: Client, of_app: AppDeliveries, repository: str, hook: str, one: MissedDelivery) -> None:
    """See the port."""
    if hook == OF_APP:
        client.as_app("POST", f"/app/hook/deliveries/{int(one.id)}/attempts")
        of_app.forget()
    else:
        client.send(repository, "POST", f"/hooks/{int(hook)}/deliveries/{int(one.id)}/attempts")
