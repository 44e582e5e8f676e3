"""Apps: registered with a key of their own, installed on accounts, given and denied repositories."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.standins.github.model import Account, App, Hook, Installation, Repository
from tests.standins.github.views import accounts, hooks, repositories
from tests.standins.github.world import World


@cache
def private_key() -> str:
    """One key for the session: making one takes longer than most tests."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    return key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, plain).decode()


def register(
    world: World, owner: Account, slug: str, permissions: dict[str, str], events: Sequence[str]
) -> App:
    with world.lock:
        now, bot = world.clock.now(), world.new_account(f"{slug}[bot]", "Bot")
        id = world.ids.new("app")
        target = ("integration", id)
        hook = Hook(world.ids.new("hook"), "", None, "json", "0", list(events), True, now, now, target)
        client = f"Iv23li{id:014d}"
        given = {**permissions, "metadata": "read"}
        made = App(id, slug, client, owner, bot, given, list(events), private_key(), hook, now)
        world.apps[id] = made
    return made


class Installing:
    """What an account's owner does with an app; every step is told to the app."""

    def __init__(self, world: World, one: Installation) -> None:
        self.world = world
        self.installation = one

    @property
    def id(self) -> int:
        return self.installation.id

    @classmethod
    def install(
        cls, world: World, app: App, account: Account, sender: Account, chosen: list[Repository] | None
    ) -> "Installing":
        with world.lock:
            now, ids = world.clock.now(), None if chosen is None else {one.id for one in chosen}
            one = Installation(
                world.ids.new("installation"), app, account, dict(app.permissions), list(app.events), ids, now, now
            )  # fmt: skip
            app.installations[one.id] = one
            made = cls(world, one)
            made._emit("installation", "created", sender, made._all())
        return made

    def _all(self) -> dict[str, Any]:
        found = [one for one in self.world.repositories.values() if self.installation.covers(one)]
        return {"repositories": [repositories.reference(one) for one in found], "requester": None}

    def add(self, sender: Account, chosen: list[Repository]) -> None:
        self._change(sender, chosen, [])

    def remove(self, sender: Account, chosen: list[Repository]) -> None:
        self._change(sender, [], chosen)

    def _change(self, sender: Account, more: list[Repository], less: list[Repository]) -> None:
        with self.world.lock:
            ids = self.installation.repository_ids
            assert ids is not None, "the installation has all repositories"
            ids |= {one.id for one in more}
            ids -= {one.id for one in less}
            parts = {
                "repository_selection": "selected",
                "repositories_added": [repositories.reference(one) for one in more],
                "repositories_removed": [repositories.reference(one) for one in less],
                "requester": None,
            }
            self._emit("installation_repositories", "added" if more else "removed", sender, parts)

    def suspend(self, sender: Account) -> None:
        with self.world.lock:
            self.installation.suspended_at = self.world.clock.now()
            self._emit("installation", "suspend", sender, self._all())

    def unsuspend(self, sender: Account) -> None:
        with self.world.lock:
            self.installation.suspended_at = None
            self._emit("installation", "unsuspend", sender, self._all())

    def permit(self, sender: Account, permissions: dict[str, str]) -> None:
        """The account's owner accepts other permissions."""
        with self.world.lock:
            self.installation.permissions = {**permissions, "metadata": "read"}
            self._emit("installation", "new_permissions_accepted", sender, self._all())

    def uninstall(self, sender: Account) -> None:
        with self.world.lock:
            self._emit("installation", "deleted", sender, self._all())
            del self.installation.app.installations[self.installation.id]

    def _emit(self, event: str, action: str, sender: Account, parts: dict[str, Any]) -> None:
        one = self.installation
        one.updated_at = self.world.clock.now()
        told = {"installation": accounts.installation(self.world.webhooks.links, one), **parts}
        self.world.webhooks.emit(event, action, sender, told, installations=[one])


def deliver_to(world: World, app: App, url: str, secret: str | None) -> None:
    """Sets where the app's deliveries go; GitHub pings it."""
    with world.lock:
        app.hook.url, app.hook.secret, app.hook.updated_at = url, secret, world.clock.now()
        world.webhooks.ping_app(app, hooks.app_hook(app))
