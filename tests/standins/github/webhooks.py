"""Who is told of an event: the repository's hooks and the apps installed there, each by a delivery of its own."""

import uuid
from typing import Any

from tests.standins.github.bodies import Recorded
from tests.standins.github.description import Description
from tests.standins.github.model import Account, App, Delivery, Hook, Installation, Repository
from tests.standins.github.sending import Post, Sending
from tests.standins.github.views import accounts, repositories
from tests.standins.github.views.links import Links
from tests.standins.github.world import World

ALWAYS = frozenset({"installation", "installation_repositories", "installation_target", "ping"})
"""Every app gets these, and cannot do without."""
NEEDED = {
    "create": "contents", "delete": "contents", "push": "contents", "deployment": "deployments",
    "deployment_status": "deployments", "issue_comment": "issues", "member": "members", "merge_group": "merge_queues",
    "pull_request": "pull_requests", "status": "statuses",
}  # fmt: skip
"""The permission that an app must have at least to read, to get an event (the description's words on each)."""
CHECKS = frozenset({"check_run", "check_suite"})
ASKED = frozenset({"requested", "rerequested", "requested_action"})
"""Actions on checks that only the app hears of whose check it is."""


class Webhooks:
    """`flaws` are bodies of ours that the description does not allow: mistakes of the stand-in."""

    def __init__(self, world: World, links: Links, recorded: Recorded, description: Description) -> None:
        self.post = Post()
        self.flaws: list[str] = []
        self.links = links
        self.extra_headers: dict[str, str] = {}
        self._world = world
        self._recorded = recorded
        self._description = description

    def emit(
        self, event: str, action: str | None, sender: Account, parts: dict[str, Any],
        repository: Repository | None = None, only: App | None = None, installations: list[Installation] | None = None,
    ) -> None:  # fmt: skip
        """Delivers an event. `only`: to this app alone; `installations`: instead of those that have the repository now."""
        body = self._body(event, action, sender, parts, repository)
        if repository is not None and only is None:
            for hook in (*repository.hooks.values(), *repository.owner.hooks.values()):
                if hook.active and (event in hook.events or "*" in hook.events) and action not in ASKED:
                    self._deliver(hook, event, action, body, repository=repository)
        if installations is None:
            installations = self._world.installations(repository) if repository else []
        for one in installations:
            if only in (None, one.app) and _subscribed(one, event, action):
                told = {**body, "installation": accounts.installation_reference(one)}
                told["installation"] = body.get("installation", told["installation"])
                self._deliver(one.app.hook, event, action, told, one, repository)

    def _body(
        self,
        event: str,
        action: str | None,
        sender: Account,
        parts: dict[str, Any],
        repository: Repository | None,
    ) -> dict[str, Any]:
        told: dict[str, Any] = {"action": action} if action else {}
        told |= parts
        if repository is not None:
            told.setdefault("repository", repositories.repository(self.links, repository))
            if repository.owner.kind == "Organization":
                told["organization"] = accounts.organization(self.links, repository.owner)
        told["sender"] = accounts.user(self.links, sender)
        body = self._recorded.compose(event, action, told)
        for problem in self._description.check_delivery(event, action, body) or []:
            self.flaws.append(f"{event} {action or ''}: {problem.field}: {problem.message}")
        return body

    def ping(self, hook: Hook, repository: Repository, sender: Account, view: dict[str, Any]) -> None:
        """What GitHub sends when a hook is made, or when it is asked to."""
        parts = {"zen": "Approachable is better than simple.", "hook_id": hook.id, "hook": view}
        self._deliver(
            hook, "ping", None, self._body("ping", None, sender, parts, repository), None, repository
        )

    def ping_app(self, app: App, view: dict[str, Any]) -> None:
        parts = {"zen": "Design for failure.", "hook_id": app.hook.id, "hook": view}
        self._deliver(app.hook, "ping", None, self._body("ping", None, app.owner, parts, None))

    def redeliver(self, hook: Hook, old: Delivery) -> None:
        """Sends a delivery once more: the same id and body, as a line of its own in the list."""
        self._put(hook, old.event, old.action, old.body, old.installation_id, old.repository_id, old.guid)

    def _deliver(
        self, hook: Hook, event: str, action: str | None, body: dict[str, Any],
        installation: Installation | None = None, repository: Repository | None = None,
    ) -> None:  # fmt: skip
        if hook.url and hook.active:
            place = repository.id if repository else None
            self._put(hook, event, action, body, installation.id if installation else None, place)

    def _put(
        self, hook: Hook, event: str, action: str | None, body: dict[str, Any],
        installation: int | None, repository: int | None, guid: str = "",
    ) -> None:  # fmt: skip
        delivery = Delivery(
            self._world.ids.new("delivery"), guid or str(uuid.uuid4()), event, action, body,
            self._world.clock.now(), bool(guid), installation, repository,
        )  # fmt: skip
        headers = {
            "User-Agent": "GitHub-Hookshot/abc1234",
            "X-GitHub-Delivery": delivery.guid,
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": str(hook.id),
            "X-GitHub-Hook-Installation-Target-ID": str(hook.target[1]),
            "X-GitHub-Hook-Installation-Target-Type": hook.target[0],
            **self.extra_headers,
        }
        self.post.put(Sending(hook, delivery, headers))


def _subscribed(one: Installation, event: str, action: str | None) -> bool:
    """Apps that may write checks are subscribed to events of checks by themselves, and only they are asked to run some."""
    if event in CHECKS:
        level = one.permissions.get("checks", "none")
        return level == "write" or (level == "read" and event in one.events and action not in ASKED)
    if event in ALWAYS:
        return True
    level = one.permissions.get(NEEDED.get(event, "metadata"), "none")
    return event in one.events and level != "none"
