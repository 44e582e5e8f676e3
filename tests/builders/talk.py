"""A pull request of a branch and people who write below it, over a mind: what is answered, and what comes of it."""

from dataclasses import replace
from pathlib import Path

from markdown_it import MarkdownIt
from sqlalchemy import select

from controller.core.events import Comment, PullRequest
from controller.pulls import commands
from ledger import events, repositories
from ledger.repositories import RepositoryRow
from ledger.tables import audit
from schemas import codec
from tests.builders.mind import Mind

STEP = "- step: { name: fit, image: python:3.12, command: python fit.py }\n"
PULLS = "push: { branches: [main] }, pull-request: {}"


def trigger(name: str = "train", when: str = PULLS, more: str = "") -> str:
    """A trigger of the step `fit`."""
    return f"- trigger: {{ name: {name}, when: {{ {when} }}, run: {{ step: fit }}{more} }}\n"


CONFIG = STEP + trigger() + trigger("test") + trigger("nightly", "schedule: { cron: '0 3 * * *' }")


class Talk:
    """A pull request of a branch, and people who write below it."""

    def __init__(self, folder: Path, config: str = CONFIG, fork: bool = False) -> None:
        self.mind = Mind(folder)
        self.base = self.mind.push("- step: { name: fit, image: python:3.12, command: 'true' }\n")
        self.comments = 0
        self.fork = fork
        self.head = self.push(config)

    def push(self, config: str, **files: str) -> str:
        """A new head."""
        self.mind.person.git("checkout", "--quiet", "-B", "topic")
        sha = self.mind.person.commit({"valohai.yaml": config, **files})
        self.mind.person.push("+HEAD:refs/heads/topic")
        self.tell(PullRequest(7, sha, "refs/heads/main", self.base, fork=self.fork))
        self.head = sha
        return sha

    def tell(self, event: PullRequest) -> None:
        mind = self.mind
        with mind.ports.ledger.write() as connection:
            events.tell(
                connection,
                mind.repository_id(),
                events.PULL_REQUEST,
                event.key,
                codec.to_json(event),
                mind.now,
            )
        mind.turns()

    @property
    def repository(self) -> RepositoryRow:
        with self.mind.ports.ledger.read() as connection:
            return repositories.by_id(connection, self.mind.repository_id())

    def comment(self, text: str, **said: object) -> Comment:
        """A comment of somebody who may write, below the present head."""
        self.comments += 1
        made = Comment(f"c{self.comments}", 7, self.head, text, "ada", True, author_id="17")
        return replace(made, **said)  # type: ignore[arg-type]

    def say(self, text: str, **said: object) -> str:
        """What is answered, once turns have been taken."""
        came = commands.answer(self.mind.ports, self.repository, self.comment(text, **said))
        self.mind.turns()
        return came

    def fail(self, *names: str) -> None:
        """The agent fails the executions of these triggers, or all, and completes the others."""
        runs = {run.id: run.trigger for run in self.mind.runs()}
        for row in self.mind.waiting():
            failed = not names or runs[row.run_id or ""] in names
            self.mind.finish(row, "error" if failed else "complete")

    def states(self) -> dict[str, tuple[str, int]]:
        """Trigger -> state and round, at the head."""
        found = [run for run in self.mind.runs() if run.sha == self.head]
        return {run.trigger: (run.state.value, run.round) for run in found}

    def audit(self) -> list[tuple[str, str, str]]:
        """(account, what, trigger) of all that was done."""
        with self.mind.ports.ledger.read() as connection:
            rows = connection.execute(select(audit).order_by(audit.c.id)).all()
        return [(row.who, row.what, row.detail.get("trigger", "")) for row in rows]


def visible(markdown: str) -> str:
    """What a reader sees, without the marks, in one line."""
    blocks = [token.children or () for token in MarkdownIt().parse(markdown)]
    text = " ".join(
        "".join(child.content or " " * child.type.endswith("break") for child in block) for block in blocks
    )
    return " ".join(text.replace("\u200b", "").split())
