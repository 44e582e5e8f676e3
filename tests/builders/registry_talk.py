"""A model with a registered version on main, and people who ask below a merged pull request that it be promoted."""

from pathlib import Path
from typing import Any

from controller.core.events import Comment, PullRequest
from controller.pulls import commands
from ledger import events, registry, repositories
from ledger.repositories import RepositoryRow
from schemas import codec
from schemas.states import PromotionState
from tests.builders.mind import Mind

CONFIG = """
- step: { name: fit, image: python:3.12, command: python fit.py }
- endpoint:
    name: predict
    image: python:3.12
    server-command: python serve.py
    files: [{ name: model, path: model.pkl }]
- trigger: { name: train, when: { push: { branches: [main] }, pull-request: {} }, run: { step: fit } }
- model:
    name: churn
    from: { step: fit, output: model.pkl }
    endpoint: predict
    file: model
    stages:
      prod: {}
      staging: {}
      sealed: { require: [signed-tag] }
"""


class RegistryTalk:
    """Main with a trained model whose version v1.0.0 is registered, and a merged pull request of its commit."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.mind = Mind(folder, **settings)
        self.head = self.mind.push(CONFIG)
        self.train()
        self.mind.person.tag("churn@v1.0.0")
        self.mind.turns()
        self.comments = 0
        self.tell(self.head)

    def train(self) -> None:
        """The agent completes all that waits."""
        for row in self.mind.waiting():
            outputs = {"model.pkl": row.id.encode()} if row.kind == "step" else None
            self.mind.finish(row, outputs=outputs)

    def tell(self, head: str, fork: bool = False) -> None:
        """The forge tells of the pull request's head."""
        event = PullRequest(7, head, "refs/heads/main", self.head, fork=fork)
        with self.mind.ports.ledger.write() as connection:
            body = codec.to_json(event)
            events.tell(
                connection, self.mind.repository_id(), events.PULL_REQUEST, event.key, body, self.mind.now
            )
        self.mind.turns()

    @property
    def repository(self) -> RepositoryRow:
        """The repository as the ledger has it."""
        with self.mind.ports.ledger.read() as connection:
            return repositories.by_id(connection, self.mind.repository_id())

    def comment(self, text: str, head: str = "") -> Comment:
        """A comment of somebody who may write, by default at the commit of the version."""
        self.comments += 1
        return Comment(f"c{self.comments}", 7, head or self.head, text, "ada", True, author_id="17")

    def say(self, text: str, head: str = "") -> str:
        """What is answered, without the marks that keep words apart."""
        said = commands.answer(self.mind.ports, self.repository, self.comment(text, head))
        self.mind.turns()
        return said.replace("\u200b", "").replace("\\", "")

    def tags(self) -> list[str]:
        """The refs of all tags in the repository."""
        return self.mind.person.git("ls-remote", "--tags", "--refs", "origin").split()[1::2]

    def serving(self) -> list[tuple[str, str]]:
        """(stage, tag) of every promotion that no other took the place of."""
        with self.mind.ports.ledger.read() as connection:
            rows = registry.promotions_of(connection, self.mind.repository_id())
        return [(row.stage, row.tag) for row in rows if row.state is not PromotionState.SUPERSEDED]
