"""A GitHub with people, a private repository of an organization, and an app installed there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.builders.github_client import Client, Receiver, jwt, receiver
from tests.standins.github.installing import Installing
from tests.standins.github.model import Account, App, Repository
from tests.standins.github.people import Person
from tests.standins.github.service import GitHub

SECRET = "It's a Secret to Everybody"


@dataclass
class House:
    github: GitHub
    hook: Receiver
    ada: Person
    """Owns the organization."""
    bob: Person
    """May write."""
    eve: Person
    """May read, and fork."""
    acme: Account
    repo: Repository
    app: App
    installation: Installing

    def client(self, base: str = "") -> Client:
        return Client(self.github.address + base if base else self.github.api)

    def as_app(self, **claims: object) -> Client:
        """The app itself, by a JWT."""
        now = self.github.clock.seconds()
        return self.client().bearing(jwt(self.app.private_key, self.app.id, now, **claims))  # type: ignore[arg-type]

    def installed(self, **asked: object) -> Client:
        """The app with a token of the installation, limited as asked."""
        made = self.as_app()("POST", f"/app/installations/{self.installation.id}/access_tokens", asked or None)  # fmt: skip
        assert made.status == 201, made.body
        return self.client().bearing(made.body["token"])

    def place(self, rest: str = "") -> str:
        return f"/repos/{self.repo.full_name}{rest}"

    def head(self, branch: str = "main") -> str:
        return self.github.bare(self.repo).refs()[f"refs/heads/{branch}"]

    def settled(self) -> Receiver:
        self.github.post.settle()
        return self.hook


@contextmanager
def house(
    folder: Path, description: str, *, private: bool = False, enterprise: bool = False
) -> Iterator[House]:
    with receiver() as hook, GitHub(folder, description, enterprise=enterprise) as github:
        ada, bob, eve = (github.person(login) for login in ("ada", "bob", "eve"))
        acme = github.organization("acme", owners=[ada])
        repo = github.repository(
            "acme/models",
            private=private,
            collaborators={"bob": "write", "eve": "read"} if private else {"bob": "write"},
        )
        app = github.app(acme)
        github.deliver_to(hook.url, SECRET)
        installation = github.install(app, acme, ada, [repo])
        yield House(github, hook, ada, bob, eve, acme, repo, app, installation)
