"""Somebody pushes to a house and reads what the checks of their commits say."""

import json
import re
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from ledger.tables import executions, outputs, runs
from luotsi import cli
from tests.builders.house import House
from tests.parts import process


@dataclass
class Story:
    """A house, and what the person pushed, by name."""

    house: House
    pushed: Sequence[str]
    """Contexts that every push has."""
    commits: dict[str, str] = field(default_factory=dict)

    def push(self, name: str, files: Mapping[str, str], message: str = "") -> None:
        self.commits[name] = self.house.person.commit(files, message or name)
        self.house.person.push()

    def said(self, name: str) -> dict[str, str]:
        """Context without its prefix -> `state: description` on a commit."""
        lines = (json.loads(line) for line in self.house.person.notes(self.commits[name]))
        return {
            line["context"].removeprefix("luotsi/"): f"{line['state']}: {line['description']}"
            for line in lines
        }

    def wait(self, name: str, *contexts: str, but: tuple[str, ...] = ()) -> None:
        """Until these checks of a commit (all that a push has) are there and all but some have ended."""

        def over() -> bool:
            said = self.said(name)
            wanted = {"config", *(contexts or self.pushed)}
            return wanted <= said.keys() and not [
                context
                for context, words in said.items()
                if words.startswith("pending") and context not in but
            ]

        process.until(over, what=f"the checks of {name}: {self.said(name)}")

    def rows(self, commit: str, trigger: str) -> list[Any]:
        """Executions of a trigger at a commit, in their order."""
        wanted = (runs.c.sha == self.commits[commit]) & (runs.c.trigger == trigger)
        query = select(executions).join(runs, executions.c.run_id == runs.c.id).where(wanted)
        with self.house.ports.ledger.read() as connection:
            return list(connection.execute(query.order_by(executions.c.number)))

    def file(self, row: Any, name: str) -> str:
        """An output of an execution."""
        with self.house.ports.ledger.read() as connection:
            found = connection.execute(
                select(outputs.c.key).where(outputs.c.execution_id == row.id, outputs.c.name == name)
            ).scalar_one()
        return self.house.ports.stores["artifacts"].get(found, 1_000_000).decode()

    def ask(self, path: str) -> str:
        """What the gateway of the local cluster answers to an empty request."""
        host, port = self.house.opened.gateway() or ("", 0)
        with urllib.request.urlopen(
            f"http://{host}:{port}{path}", data=b"{}", timeout=process.PATIENCE
        ) as answer:
            return str(answer.read().decode())

    def approve(self, what: str) -> None:
        """Let a node begin, as its operator does."""
        settings = str(self.house.opened.workspace.root / "luotsi.yaml")
        with pytest.raises(SystemExit) as ended:
            cli.main(["approve", what, "--settings", settings])
        assert not ended.value.code


def plain(words: str) -> str:
    """A sentence with every number, duration, version and commit that another run would have otherwise as 0."""
    words = re.sub(r"([#!])\d+", r"\g<1>0", words)
    words = re.sub(r"after [\d.]+ s", "after 0 s", words)
    words = re.sub(r"shop \d+\.\d+", "shop 0", words)
    return re.sub(r"\b[0-9a-f]{7}\b", "0000000", words)
