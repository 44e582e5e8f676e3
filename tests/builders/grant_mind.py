"""A controller with a variable group for one branch: who pushes, tags, opens pull requests, and whether they get the group."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from controller.ports import PullPolicy, VariableGroup
from ledger import attempts
from ledger.executions import ExecutionRow
from ledger.tables import attempts as attempts_table
from luotsi import web_app
from schemas.values import Secret
from tests.builders.fork_mind import ForkMind

CANARY = "main-only-51c8"
STEP = """
- step:
    name: train
    image: python:3.12
    command: python train.py
    environment-variable-groups: [prod, open]
"""
TRAIN = """
- trigger:
    name: train
    when: { push: {}, pull-request: {}, tag: {}, comment: /train, schedule: { cron: "0 4 * * *" } }
    run: { step: train }
"""
CONFIG = STEP + TRAIN
PROD = VariableGroup({"STAGE": "prod"}, {"TOKEN": Secret(CANARY)}, branches=("main",))
OPEN = VariableGroup({"REGION": "eu"}, {"READ_TOKEN": Secret("open-to-all")})


class GrantMind(ForkMind):
    """A controller with a group `prod` for main alone, and `open` for everybody. `limits` are prod's own."""

    def __init__(self, folder: Path, config: str = CONFIG, everywhere: tuple[str, ...] = (), **limits: Any):
        policy = PullPolicy(environment="forks", grants=("prod", "open"))
        super().__init__(folder, policy, everywhere, variable_groups={"prod": PROD, "open": OPEN})
        self.limit(**limits)
        self.root = self.push(config)

    def limit(self, **limits: Any) -> None:
        """The operator says who gets `prod`."""
        self.settings(variable_groups={"prod": replace(PROD, **limits), "open": OPEN})

    def on(self, branch: str, rest: bool = True, files: Mapping[str, str] | None = None) -> str:
        """Commit on top of a branch as it is there, a new one on top of main, and push it; the commit."""
        there = self.person.git("ls-remote", "origin", f"refs/heads/{branch}")
        self.person.git("fetch", "--quiet", "origin")
        self.person.git("checkout", "--quiet", "--detach", there.split()[0] if there else "origin/main")
        sha = self.person.commit(files or {"work.txt": str(self.now)})
        self.put(sha, branch)
        if rest:
            self.turns()
        return sha

    def put(self, sha: str, branch: str) -> None:
        """Move a branch, as git would not push it where another one is called like the ref of this."""
        self.person.push(f"+{sha}:refs/carried/{sha}")
        self.person.git("update-ref", f"refs/heads/{branch}", sha, cwd=self.person.bare)

    def pull(self, head: str, branch: str, number: int = 7, rest: bool = True, **facts: Any) -> None:
        """The forge tells a pull request of a branch of the repository."""
        self.person.push(f"+{head}:refs/pull/{number}/head")
        given: dict[str, Any] = {"fork": False, "head_ref": branch, "author_id": "1001", "author": "ada"}
        self.told(head, number, rest, **given | facts)

    def tag(self, name: str, commit: str, rest: bool = True) -> None:
        """Somebody tags a commit, with a light tag."""
        self.person.git("push", "--quiet", "origin", f"{commit}:refs/tags/{name}")
        if rest:
            self.turns()

    def of(self, sha: str, event: str = "") -> ExecutionRow:
        """The newest execution of a commit's run (of an event)."""
        wanted = {run.id for run in self.runs() if run.sha == sha and event in ("", run.event)}
        return [each for each in self.executions() if each.run_id in wanted][-1]

    def has(self, execution: ExecutionRow) -> bool:
        """Whether it has the group: the spec, its variables and the claim must agree."""
        named = "prod" in execution.spec["variable_groups"]
        assert (execution.spec["environment_variables"].get("STAGE") == "prod") is named
        assert (CANARY in self.secrets(execution).values()) is named
        return named

    def secrets(self, execution: ExecutionRow) -> dict[str, str]:
        """What the web side gives with a claim, by the settings as they are now."""
        now = self.ports.settings
        opened: Any = SimpleNamespace(
            variable_groups=lambda: now.variable_groups, repositories=lambda: now.repositories
        )
        with self.ports.ledger.read() as connection:
            attempt = connection.scalars(
                select(attempts_table.c.id).where(attempts_table.c.execution_id == execution.id)
            ).one()
            row = attempts.find(connection, attempt)
        return {
            name: value.reveal() for name, value in web_app._secrets(opened, self.ports.ledger, row).items()
        }
