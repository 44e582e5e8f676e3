"""A controller to which strangers open pull requests: a `Mind` with an environment for them, and the forge's words told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from controller import loop
from controller.core.events import Comment, PullRequest
from controller.ports import Environment, PullPolicy, VariableGroup, Watched
from controller.pulls import trust as pull_trust
from controller.pulls import words
from ledger import events, pull_approvals, repositories
from ledger.pull_approvals import ApprovalRow
from ledger.tables import audit
from ledger.tables import pull_approvals as table
from schemas import codec
from schemas.values import Secret
from tests.builders.mind import ENVIRONMENT, Mind

FORKS = "77aa88bb99cc"
CANARY = "canary-3d1f-never-seen"
GRANTED = "granted-9c2e-value"
POLICY = PullPolicy(environment="forks", cap=4.0)
GROUPS = {
    "keys": VariableGroup({"REGION": "eu"}, {"TOKEN": Secret(CANARY)}),
    "public": VariableGroup({"MODE": "test"}, {"READ_TOKEN": Secret(GRANTED)}),
}
STEP = """
- step:
    name: train
    image: python:3.12
    command: python train.py
    environment: local
    environment-variable-groups: [keys, public]
"""
TRAIN = "- trigger: { name: train, when: { push: { branches: [main] }, pull-request: {}, comment: /train }, run: { step: train } }\n"


class ForkMind(Mind):
    """`everywhere`: groups that every step of the repository gets. The account 1001 may write, 666 may not."""

    def __init__(
        self, folder: Path, policy: PullPolicy = POLICY, everywhere: tuple[str, ...] = (), **settings: Any
    ) -> None:
        watched = Watched("shop", str(folder / "shop.git"), variable_groups=everywhere, pulls=policy)
        given: dict[str, Any] = {
            "repositories": (watched,),
            "environments": (Environment(ENVIRONMENT, "local"), Environment(FORKS, "forks")),
            "variable_groups": GROUPS,
        }
        super().__init__(folder, **given | settings)
        self.comments = 0

    def land(self, config: str) -> None:
        """main has this config, and the run of its push is complete."""
        self.push(config)
        self.finish(self.waiting()[0])

    def policy(self, **changes: Any) -> None:
        """The operator changes what the settings say of pull requests."""
        [watched] = self.ports.settings.repositories
        changed = replace(watched, pulls=replace(watched.pulls, **changes))
        self.settings(repositories=(changed,))

    def settings(self, **changes: Any) -> None:
        """The operator changes the settings."""
        self.ports = replace(self.ports, settings=replace(self.ports.settings, **changes))
        loop.prepare(self.ports)

    def fork(
        self, files: dict[str, str], number: int = 7, rest: bool = True, message: str = "Change", **facts: Any
    ) -> str:
        """Commit on top of main where no branch leads to, as a fork's pull request; its head."""
        self.person.git("checkout", "--quiet", "--detach", "origin/main")
        sha = self.person.commit(files, message)
        self.person.push(f"+HEAD:refs/pull/{number}/head")
        self.person.git("checkout", "--quiet", "main")
        self.told(sha, number, rest, **facts)
        return sha

    def told(self, head: str, number: int = 7, rest: bool = True, **facts: Any) -> None:
        """The forge tells a pull request's head."""
        given: dict[str, Any] = {"fork": True, "author_id": "666", "author": "eve"}
        given |= {"base_ref": "main", "base": self.head() or "", **facts}
        self._tell(events.PULL_REQUEST, PullRequest(number, head, **given), rest)

    def said(self, text: str, head: str, rest: bool = True, may_write: bool = True, number: int = 7) -> None:
        """Somebody writes a comment below a pull request."""
        self._tell(events.COMMENT, self.comment(text, head, may_write=may_write, number=number), rest)

    def comment(self, text: str, head: str, number: int = 7, **facts: Any) -> Comment:
        """A new comment of the maintainer's."""
        self.comments += 1
        given: dict[str, Any] = {"author": "ada", "may_write": True, "author_id": "1001", **facts}
        return Comment(f"c{self.comments}", number, head, text, **given)

    def _tell(self, kind: str, event: PullRequest | Comment, rest: bool) -> None:
        with self.ports.ledger.write() as connection:
            events.tell(connection, self.repository_id(), kind, event.key, codec.to_json(event), self.now)
        if rest:
            self.turns()

    def approve(self, sha: str, rest: bool = True, number: int = 7, **facts: Any) -> str:
        """A comment approves a commit; the answer. `facts` of the comment: by default one of somebody who may write."""
        with self.ports.ledger.read() as connection:
            repository = repositories.by_name(connection, "shop")
        assert repository is not None
        comment = self.comment(f"/approve {sha}", sha, number=number, **facts)
        answer = pull_trust.approve(self.ports, repository, comment, sha)
        if rest:
            self.turns()
        return answer

    def approvals(self) -> list[ApprovalRow]:
        """All approvals, oldest first."""
        with self.ports.ledger.read() as connection:
            ids = connection.scalars(select(table.c.id).order_by(table.c.approved_at)).all()
            return [pull_approvals.by_id(connection, id) for id in ids]

    def audited(self) -> list[tuple[str, str]]:
        """Who did what, oldest first."""
        with self.ports.ledger.read() as connection:
            rows = connection.execute(select(audit.c.who, audit.c.what).order_by(audit.c.id))
            return [(row.who, row.what) for row in rows]

    def waiting_words(self) -> str:
        """What the check of the newest run says."""
        with self.ports.ledger.read() as connection:
            return words.waiting_words(self.ports, connection, self.run())
