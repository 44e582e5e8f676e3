"""Addresses in bodies: the API's, which depend on the base that was asked, and the web side's."""

import base64
from dataclasses import dataclass

from tests.standins.github.model import Account, Repository

Json = dict[str, object]


@dataclass(frozen=True)
class Links:
    """`api` is the base of REST addresses (with `/api/v3` for Enterprise), `web` that of pages and of git."""

    api: str
    web: str

    def user(self, account: Account) -> str:
        return f"{self.api}/users/{account.login.replace('[', '%5B').replace(']', '%5D')}"

    def repo(self, repository: Repository) -> str:
        return f"{self.api}/repos/{repository.full_name}"

    def page(self, repository: Repository) -> str:
        return f"{self.web}/{repository.full_name}"


def node(kind: str, id: int | str) -> str:
    """A node id: opaque to everybody."""
    return base64.b64encode(f"{kind}:{id}".encode()).decode()
