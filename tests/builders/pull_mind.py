"""A controller whose repository lies at the GitHub stand-in: people push, fork and comment there, and read what it shows.

Git is read from the stand-in's bare repository on disk; all else goes over its API and its deliveries, which are verified
and parsed by our driver as the web side does it. `turn` brings what was delivered.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

from controller import loop
from controller.ports import Environment, PullPolicy, Watched
from ledger import inbox, repositories
from ledger.repositories import RepositoryRow
from schemas import codec
from tests.builders.github_site import GitHubSite, Identity, github_site
from tests.builders.mind import ENVIRONMENT, Mind
from tests.standins.github.model import Pull

FORGE = "github"
OUTSIDE = "0a1b2c3d4e5f"
"""The environment of approved runs of forks, called `outside`."""
POLICY = PullPolicy(environment="outside")


class PullMind(Mind):
    """`site` is the forge with its people: `site.there.bob` may write, `site.there.eve` may fork.

    `hooked`: deliveries come; else the forge has to be asked. `settings` replace fields of `ControllerSettings`.
    """

    def __init__(
        self,
        folder: Path,
        site: GitHubSite,
        policy: PullPolicy = POLICY,
        *,
        hooked: bool = True,
        **settings: Any,
    ) -> None:
        self.site = site
        self.now = site.github.clock.now().astimezone(UTC)
        hook = site.api.ensure_hook(site.name, site.hook_url, site.secret) if hooked else None
        watched = Watched("shop", str(self.bare), forge=FORGE, slug=site.name, pulls=policy)
        environments = (Environment(ENVIRONMENT, "local"), Environment(OUTSIDE, "outside"))
        self.stand(folder, watched, {FORGE: site.api}, environments=environments, **settings)
        with self.ports.ledger.write() as connection:
            repositories.hooked(connection, self.repository_id(), hook.id if hook else None)
        self.turns()

    @property
    def bare(self) -> Path:
        """The repository as the forge keeps it."""
        return Path(self.site.github.bare(self.site.repo).path)

    def turn(self) -> int:
        """A second later: what the forge sent arrives, and one turn is taken; how many things changed."""
        self.site.advance(1)
        self.now = self.site.github.clock.now().astimezone(UTC)
        return self.deliver() + loop.turn(self.ports, set()).changed

    def later(self, seconds: float) -> None:
        """So much later, turns until nothing changes."""
        self.site.advance(seconds)
        self.turns()

    def deliver(self) -> int:
        """Put what the forge sent into the inbox, as the web side does; how many rows are new."""
        new = 0
        for delivery in self.site.heard():
            body = codec.write(delivery)
            with self.ports.ledger.write() as connection:
                source = f"{inbox.FORGE}{FORGE}"
                new += inbox.receive(connection, "delivery", source, delivery.id, body, self.now)
        return new

    def repository(self) -> RepositoryRow:
        """The repository as the ledger has it."""
        with self.ports.ledger.read() as connection:
            row = repositories.by_name(connection, "shop")
        assert row is not None
        return row

    def land(self, config: str, **files: str) -> str:
        """Bob pushes valohai.yaml (and files) to main; turns until nothing changes; the commit."""
        there = self.site.there
        sha = there.bob.push(there.repo, "main", {"valohai.yaml": config, **files})
        self.turns()
        return sha

    def pull(self, branch: str, files: dict[str, str | bytes | None], base: str = "") -> Pull:
        """Bob pushes a branch and opens a pull request of it."""
        there = self.site.there
        there.bob.push(there.repo, branch, files)
        pull = there.bob.open_pull_request(there.repo, branch, base=base)
        self.turns()
        return pull

    def fork_pull(self, branch: str, files: dict[str, str | bytes | None]) -> Pull:
        """Eve, who may only read, opens a pull request of a branch of her fork."""
        there = self.site.there
        self.fork = there.eve.fork(there.repo)
        there.eve.push(self.fork, branch, files)
        pull = there.eve.open_pull_request(there.repo, branch, source=self.fork)
        self.turns()
        return pull

    def shown(self, sha: str) -> dict[str, str]:
        """Context -> the newest state of a commit at the forge, in its words."""
        if self.site.identity == "app":
            return {check.context: check.state for check in self.site.checks(sha)}
        found = [one for one in self.site.repo.statuses if one.sha == sha]
        return {one.context: one.state for one in found}

    def policy(self, **fields: Any) -> None:
        """The operator changes how far pull requests are trusted."""
        (watched,) = self.ports.settings.repositories
        changed = replace(watched, pulls=replace(watched.pulls, **fields))
        self.ports = replace(self.ports, settings=replace(self.ports.settings, repositories=(changed,)))


@contextmanager
def pull_mind(
    folder: Path,
    description: str,
    identity: Identity = "app",
    policy: PullPolicy = POLICY,
    *,
    hooked: bool = True,
    **settings: Any,
) -> Iterator[PullMind]:
    """The controller and its forge, of which every request was as the description allows when it ends."""
    with github_site(folder, description, identity) as site:
        yield PullMind(folder, site, policy, hooked=hooked, **settings)
        assert site.violations == []
