"""The operations that are implemented: each says who may call it, and has a function that does it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.standins.github.answers import Answer, Page, invalid, not_found, refused
from tests.standins.github.auth import Grant
from tests.standins.github.bare import Bare
from tests.standins.github.description import Operation
from tests.standins.github.model import Account, App, Repository, Thread
from tests.standins.github.views.links import Links
from tests.standins.github.world import World


@dataclass
class Call:
    """One request that may be done: authenticated, counted, checked against the description."""

    world: World
    operation: Operation
    grant: Grant
    links: Links
    path: dict[str, Any]
    query: dict[str, Any]
    body: dict[str, Any]
    repository: Repository | None
    rate: dict[str, Any]

    @property
    def repo(self) -> Repository:
        assert self.repository is not None
        return self.repository

    @property
    def bare(self) -> Bare:
        return self.world.bare(self.repo)

    @property
    def actor(self) -> Account:
        assert self.grant.account is not None
        return self.grant.account

    @property
    def app(self) -> App:
        assert self.grant.app is not None
        return self.grant.app

    def commit(self, name: str, resource: str = "Commit") -> str:
        """The commit that a SHA, `heads/…`, `tags/…`, a branch or a tag names; a 422 where there is none, as GitHub says it."""
        for prefix in ("refs/heads/", "refs/tags/", "refs/", ""):
            if sha := self.bare.resolve(prefix + name):
                return sha
        raise refused(422, f"No commit found for SHA: {name}", [{"resource": resource, "code": "invalid"}])

    def thread(self, number: int) -> Thread:
        found = self.repo.threads.get(number)
        if found is None:
            raise not_found()
        return found

    def invalid(self, resource: str, field: str, message: str) -> Exception:
        return invalid(resource, field, "custom", message)


Handler = Callable[[Call], "Answer | Page"]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True)
class Doing:
    """`app`: the permission that an installation or fine-grained token needs (`a:read|b:read`: one of them; None: not for them).

    `role`: what a person needs in the repository (None: not for persons). `scopes`: of a classic token, one of these (with `+`
    all that it joins); none are needed to read what is public. `jwt`: only an app itself may call. `hidden`: who may not call is told 404 and not 403.
    """

    id: str
    handler: Handler
    app: str | None
    role: str | None
    scopes: tuple[str, ...]
    jwt: bool
    hidden: bool

    @property
    def writes(self) -> bool:
        return self.role in ("write", "admin") or (self.app or "").endswith(":write")


DOINGS: dict[str, Doing] = {}


def operation(
    id: str,
    *,
    app: str | None = "",
    role: str | None = "read",
    scopes: str = "repo public_repo",
    jwt: bool = False,
    hidden: bool = False,
) -> Callable[[H], H]:
    """Registers what does an operation of the description."""

    def register(handler: H) -> H:
        assert id not in DOINGS, id
        DOINGS[id] = Doing(id, handler, app, role, tuple(scopes.split()), jwt, hidden)
        return handler

    return register
