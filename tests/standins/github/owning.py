"""What owners do with their repositories: people in and out, names, owners, the end; and tokens."""

import datetime as dt
from typing import Any

from tests.standins.github.auth import new_token
from tests.standins.github.model import Account, Repository, at_least, legacy
from tests.standins.github.views import accounts
from tests.standins.github.world import Token, World


class MayNot(Exception):
    """The person has no right to do this."""


class Owning:
    def __init__(self, world: World, account: Account) -> None:
        self.world = world
        self.account = account

    @property
    def login(self) -> str:
        return self.account.login

    @property
    def id(self) -> int:
        return self.account.id

    def needs(self, where: Repository, role: str) -> None:
        own = where.role(self.account)
        if where.deleted or not at_least(own, role):
            raise MayNot(f"{self.login} has the role {own} in {where.full_name} and needs {role}")

    def token(self, *scopes: str, days: float | None = None) -> str:
        """A classic personal token: `repo`, `public_repo`, `repo:status`, `admin:repo_hook` and so on."""
        with self.world.lock:
            ends = self.world.clock.now() + dt.timedelta(days=days) if days is not None else None
            return new_token(
                self.world, "ghp_", Token("", "classic", self.account, ends, scopes=scopes)
            ).value

    def fine_grained_token(
        self, repositories: list[Repository], permissions: dict[str, str], days: float = 30
    ) -> str:
        """A fine-grained personal token: for these repositories, with permissions as an app has them."""
        with self.world.lock:
            ends = self.world.clock.now() + dt.timedelta(days=days)
            ids = frozenset(one.id for one in repositories)
            made = Token("", "fine", self.account, ends, None, ids, {**permissions, "metadata": "read"})
            return new_token(self.world, "github_pat_", made).value

    def revoke(self, token: str) -> None:
        with self.world.lock:
            self.world.tokens[token].revoked = True

    def set_collaborator(self, where: Repository, other: "Owning", role: str | None) -> None:
        """Gives somebody a role in a repository, another one, or None: they are out."""
        self.needs(where, "admin")
        with self.world.lock:
            old = where.collaborators.get(other.id)
            if role is None:
                where.collaborators.pop(other.id, None)
            else:
                where.collaborators[other.id] = role
            action = "removed" if role is None else "edited" if old else "added"
            parts: dict[str, Any] = {"member": accounts.user(self.world.webhooks.links, other.account)}
            if action == "added":
                parts["changes"] = {"permission": {"to": legacy(role or "")}, "role_name": {"to": role}}
            if action == "edited":
                parts["changes"] = {"permission": {"from": legacy(old or ""), "to": legacy(role or "")}}
            self.world.webhooks.emit("member", action, self.account, parts, where)

    def rename(self, where: Repository, name: str) -> None:
        """The old name leads to the new one, until another repository gets it."""
        self.needs(where, "admin")
        with self.world.lock:
            key, old = f"{where.owner.login}/{name}".lower(), where.name
            assert key == where.key or self.world.is_free(key), f"there is a repository {key}"
            for other in self.world.repositories.values():
                other.former.discard(key)
            where.former.add(where.key)
            where.name = name
            where.former.discard(where.key)
            where.updated_at = self.world.clock.now()
            parts = {"changes": {"repository": {"name": {"from": old}}}}
            self.world.webhooks.emit("repository", "renamed", self.account, parts, where)

    def transfer(self, where: Repository, owner: Account) -> None:
        """To another account: the id stays; only the new owner's apps are told, and the old one's no longer have it."""
        self.needs(where, "admin")
        with self.world.lock:
            before, old = self.world.installations(where), where.owner
            links = self.world.webhooks.links
            where.former.add(where.key)
            where.owner = owner
            where.former.discard(where.key)
            where.updated_at = self.world.clock.now()
            told = {"organization": accounts.organization(links, old)} if old.kind == "Organization" else {"user": accounts.user(links, old)}  # fmt: skip
            parts = {"changes": {"owner": {"from": told}}}
            self.world.webhooks.emit("repository", "transferred", self.account, parts, where)
            for one in before:
                if one.repository_ids is not None:
                    one.repository_ids.discard(where.id)

    def delete(self, where: Repository, *, tell_apps: bool = False) -> None:
        """Only an organization's hooks hear of it, says the description; `tell_apps`: apps as well, as they once did."""
        self.needs(where, "admin")
        with self.world.lock:
            told = self.world.installations(where) if tell_apps else []
            where.hooks.clear()
            for pull in [one for repo in self.world.repositories.values() for one in repo.pulls()]:
                if pull.head_repository is where and pull.repository is not where:
                    pull.head_repository = None
            where.deleted = True
            self.world.webhooks.emit("repository", "deleted", self.account, {}, where, installations=told)
            self.world.bare(where).remove()
