"""GitHub: the whole stand-in as one object."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.standins.github import installing
from tests.standins.github.bare import Bare, Signature
from tests.standins.github.bodies import Recorded
from tests.standins.github.clock import Clock
from tests.standins.github.description import Description
from tests.standins.github.faults import Faults
from tests.standins.github.installing import Installing
from tests.standins.github.model import Account, App, Delivery, Hook, Repository
from tests.standins.github.owning import Owning
from tests.standins.github.people import Person
from tests.standins.github.pipeline import Pipeline, Record
from tests.standins.github.rates import Rates
from tests.standins.github.sending import Post
from tests.standins.github.server import ENTERPRISE, Server
from tests.standins.github.views.links import Links
from tests.standins.github.webhooks import Webhooks
from tests.standins.github.world import World

PERMISSIONS = {
    "checks": "write", "contents": "write", "deployments": "write", "issues": "write", "members": "read", "merge_queues": "read",
    "pull_requests": "write", "repository_hooks": "write", "statuses": "write",
}  # fmt: skip
EVENTS = (
    "push", "create", "delete", "pull_request", "issue_comment", "check_run", "check_suite", "repository", "member",
    "merge_group", "status", "deployment", "deployment_status",
)  # fmt: skip


@cache
def _description(file: Path) -> Description:
    return Description(file)


@cache
def _recorded(file: Path) -> Recorded:
    return Recorded(file)


class GitHub:
    """A GitHub on loopback, with everything it keeps in `folder`.

    `description` is the folder of the part `github_description`. Both bases are always served; `enterprise` says which one
    addresses in deliveries have, and that there are no rate limits. `now` is a clock of the test's own; by itself it is the
    machine's, moved by `clock.advance`. Leaving it raises when an answer or a delivery of the stand-in itself was not as
    described; `violations` are the caller's mistakes, for a test to look at.
    """

    def __init__(
        self, folder: Path, description: str | Path, *, enterprise: bool = False,
        now: Callable[[], dt.datetime] | None = None,
    ) -> None:  # fmt: skip
        self.clock = Clock(now)
        self.world = World(folder / "github", self.clock)
        self.world.root.mkdir(parents=True, exist_ok=True)
        self.faults = Faults()
        self.rates = Rates(self.clock, enabled=not enterprise)
        self._server = Server(self.faults)
        self._descriptions = Path(description)
        self._enterprise = enterprise
        self.world.long_tokens = not enterprise
        self._apps: list[App] = []

    def __enter__(self) -> Self:
        self.address = self._server.start()
        """Of the web side and of git; and of the API as github.com's is reached."""
        self.api = self.address + (ENTERPRISE if self._enterprise else "")
        """The base of the API."""
        cloud, enterprise = (
            _description(self._descriptions / f"{name}.json") for name in ("cloud", "enterprise")
        )
        links = Links(self.api, self.address)
        recorded = _recorded(self._descriptions / "deliveries.json")
        self.webhooks = Webhooks(self.world, links, recorded, enterprise if self._enterprise else cloud)
        if self._enterprise:
            self.webhooks.extra_headers = {
                "X-GitHub-Enterprise-Host": links.web.split("://")[1],
                "X-GitHub-Enterprise-Version": "3.19.0",
            }
        self.world.webhooks = self.webhooks
        self.pipeline = Pipeline(self.world, cloud, enterprise, self.rates, self.address)
        self._server.pipeline = self.pipeline
        self.post.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.post.stop()
        self._server.stop()
        if kind is None:
            assert self.flaws == [], "\n".join(["the stand-in itself is not as described:", *self.flaws])

    @property
    def post(self) -> Post:
        """What is on its way to receivers: `hold`, `release`, `lose`, `double`, `settle`."""
        return self.webhooks.post

    @property
    def violations(self) -> list[str]:
        return self.pipeline.violations

    @property
    def flaws(self) -> list[str]:
        return self.pipeline.flaws + self.webhooks.flaws

    @property
    def log(self) -> list[Record]:
        return self.pipeline.log

    @property
    def calls(self) -> Counter[str]:
        """How often each operation was called, whatever the answer."""
        return Counter(record.operation for record in self.log)

    @property
    def api_calls(self) -> int:
        """All calls of the API, those of git left out."""
        return sum(not record.operation.startswith("git-http/") for record in self.log)

    def person(self, login: str, *, name: str | None = None, email: str | None = None) -> Person:
        with self.world.lock:
            account = self.world.new_account(
                login, "User", email or f"{login}@example.org", name or login.capitalize()
            )
        return Person(self.world, account)

    def organization(
        self, login: str, owners: Sequence[Owning] = (), members: Sequence[Owning] = ()
    ) -> Account:
        with self.world.lock:
            made = self.world.new_account(login, "Organization")
            made.members |= {one.id: "member" for one in members} | {one.id: "admin" for one in owners}
        return made

    def repository(
        self, full_name: str, *, private: bool = False, branch: str = "main",
        files: Mapping[str, str | bytes] | None = None, collaborators: Mapping[str, str] | None = None,
    ) -> Repository:  # fmt: skip
        """A repository of an account that is there, with a first commit; `collaborators`: login to role."""
        owner, _, name = full_name.partition("/")
        with self.world.lock:
            account = self._account(owner)
            made = self.world.new_repository(account, name, private=private, branch=branch)
            made.collaborators = {
                self._account(login).id: role for login, role in (collaborators or {}).items()
            }
            bare = self.world.bare(made)
            bare.create(branch)
            who = Signature(account.login, account.email or "nobody@example.org")
            first = bare.write(
                files or {"README.md": f"# {name}\n"}, [], "First", who, seconds=int(self.clock.seconds())
            )
            bare.update(f"refs/heads/{branch}", first)
        return made

    def _account(self, login: str) -> Account:
        found = self.world.account(login)
        assert found is not None, f"there is no account {login}"
        return found

    def app(
        self, owner: Account | Owning, slug: str = "luotsi", *, permissions: Mapping[str, str] = PERMISSIONS,
        events: Sequence[str] = EVENTS,
    ) -> App:  # fmt: skip
        """Registers an app: `id`, `client_id` and `private_key` are what its program needs."""
        account = owner.account if isinstance(owner, Owning) else owner
        made = installing.register(self.world, account, slug, dict(permissions), events)
        self._apps.append(made)
        return made

    def install(
        self,
        app: App,
        account: Account | Owning,
        sender: Owning,
        repositories: list[Repository] | None = None,
    ) -> Installing:
        """Installs an app on an account: for these repositories, or for all."""
        target = account.account if isinstance(account, Owning) else account
        return Installing.install(self.world, app, target, sender.account, repositories)

    def deliver_to(self, url: str, secret: str | None, app: App | None = None) -> None:
        """Where the app's deliveries go (of the one that was registered last, if none is named)."""
        installing.deliver_to(self.world, app or self._apps[-1], url, secret)

    def organization_hook(
        self, account: Account, url: str, secret: str, events: Sequence[str] = ("*",)
    ) -> Hook:
        """A webhook of an organization, for all its repositories; the only kind that hears of deleted ones."""
        now = self.clock.now()
        with self.world.lock:
            made = Hook(
                self.world.ids.new("hook"), url, secret, "json", "0", list(events), True, now, now,
                ("organization", account.id),
            )  # fmt: skip
            account.hooks[made.id] = made
        return made

    def bare(self, where: Repository) -> Bare:
        return self.world.bare(where)

    def clone_url(self, where: Repository, token: str = "") -> str:
        """The address for git, with a token in it where one is given."""
        scheme, _, host = self.address.partition("://")
        login = f"x-access-token:{token}@" if token else ""
        return f"{scheme}://{login}{host}/{where.full_name}.git"

    def deliveries(self, where: Repository | App) -> list[Delivery]:
        """What was sent to an app, or to all hooks of a repository; oldest first."""
        hooks = [where.hook] if isinstance(where, App) else list(where.hooks.values())
        return sorted((one for hook in hooks for one in hook.deliveries), key=lambda one: one.id)
