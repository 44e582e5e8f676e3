"""The state behind everything: one lock, and look-ups by the names that people and programs use."""

import datetime as dt
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.standins.github.bare import Bare
from tests.standins.github.clock import Clock
from tests.standins.github.ids import Ids
from tests.standins.github.model import Account, App, Installation, Repository

if TYPE_CHECKING:
    from tests.standins.github.webhooks import Webhooks


@dataclass(eq=False)
class Token:
    """`kind`: installation, classic (with scopes) or fine (fine-grained: permissions for named repositories)."""

    value: str
    kind: str
    account: Account
    expires_at: dt.datetime | None
    installation: Installation | None = None
    repository_ids: frozenset[int] | None = None
    permissions: dict[str, str] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()
    revoked: bool = False


class World:
    """Everything that GitHub keeps. Who reads or changes it holds `lock`."""

    webhooks: "Webhooks"

    def __init__(self, root: Path, clock: Clock) -> None:
        self.root = root
        self.clock = clock
        self.lock = threading.RLock()
        self.ids = Ids()
        self.accounts: dict[int, Account] = {}
        self.repositories: dict[int, Repository] = {}
        self.apps: dict[int, App] = {}
        self.tokens: dict[str, Token] = {}
        self.long_tokens = True
        """Tokens of installations are as github.com makes them since 2026: hundreds of characters, with dots in them."""
        self._bares: dict[int, Bare] = {}
        self.ghost = self.new_account("ghost", "User")
        self.queue_bot = self.new_account("github-merge-queue[bot]", "Bot")

    def new_account(
        self, login: str, kind: str, email: str | None = None, name: str | None = None
    ) -> Account:
        assert self.account(login) is None, f"there is an account {login}"
        made = Account(self.ids.new("account"), login, kind, email, name, self.clock.now())
        self.accounts[made.id] = made
        return made

    def account(self, login: str) -> Account | None:
        """Logins do not tell upper from lower case."""
        return next((one for one in self.accounts.values() if one.login.lower() == login.lower()), None)

    def who(self, email: str) -> Account | None:
        """The account whose e-mail this is: what GitHub shows as a commit's author, whoever pushed it."""
        return next(
            (one for one in self.accounts.values() if one.email and one.email.lower() == email.lower()), None
        )

    def new_repository(self, owner: Account, name: str, *, private: bool, branch: str) -> Repository:
        id, now = self.ids.new("repository"), self.clock.now()
        path = self.root / f"{id}.git"
        made = Repository(id, owner, name, path, private, branch, now, now, now)
        assert self.is_free(made.key), f"there is a repository {made.full_name}"
        for other in self.repositories.values():
            other.former.discard(made.key)
        self.repositories[id] = made
        return made

    def find(self, owner: str, name: str) -> tuple[Repository | None, bool]:
        """The repository of a name, and whether it has moved to another name since."""
        key = f"{owner}/{name}".lower()
        standing = [one for one in self.repositories.values() if not one.deleted]
        for one in standing:
            if one.key == key:
                return one, False
        return next((one for one in standing if key in one.former), None), True

    def is_free(self, key: str) -> bool:
        """Whether a name (owner/name, lower case) can be given: one that only leads elsewhere can."""
        return all(one.deleted or one.key != key for one in self.repositories.values())

    def by_id(self, id: int) -> Repository | None:
        one = self.repositories.get(id)
        return one if one and not one.deleted else None

    def bare(self, repository: Repository) -> Bare:
        if repository.id not in self._bares:
            self._bares[repository.id] = Bare(repository.path)
        return self._bares[repository.id]

    def installations(self, repository: Repository) -> list[Installation]:
        """The installations that have a repository and are not suspended."""
        return [
            one
            for app in self.apps.values()
            for one in app.installations.values()
            if one.covers(repository) and one.suspended_at is None
        ]
