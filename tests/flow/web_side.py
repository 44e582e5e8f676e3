"""A web side for tests: the true blueprint on a real SQLite ledger and folder stores, with two agents and one of another
environment, and a way to make attempts."""

import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Row, insert, select, update
from werkzeug.test import TestResponse

import forges
from ledger import agents, attempts, migrations
from ledger.attempts import AttemptRow
from ledger.database import Ledger, open_ledger
from ledger.tables import attempts as attempts_table
from ledger.tables import audit, executions, inbox, projects, repositories
from schemas.states import AttemptState, ExecutionState
from schemas.values import Secret
from stores import keys
from stores.folder import FolderStore, connect
from webhooks.app import WebParts, blueprint

START = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
HERE, ELSEWHERE = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
ONE, TWO, FAR = "token-one", "token-two", "token-far"
HOOK_SECRETS = ("new-hook-secret", "old-hook-secret")
REPOSITORY = "team/wine"
FORGE = "hub"
"""A forge whose deliveries come in under its own name, signed by the same secrets."""


@cache
def _migrated() -> bytes:
    """A ledger after all migrations, made once and copied for every test."""
    with TemporaryDirectory() as folder:
        ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
        migrations.upgrade(ledger)
        ledger.close()
        return (Path(folder) / "ledger.sqlite").read_bytes()


@dataclass
class WebSide:
    """`woken` counts wake-ups, `answers` how deliveries were answered (None: nobody knows); `now` is the clock; `agents` are ids by token."""

    folder: Path
    now: datetime = START
    delivery_seconds: float = 3
    threads: int = 64
    woken: int = 0
    answers: Counter[tuple[str, int]] | None = field(default_factory=Counter)
    ledger: Ledger = field(init=False)
    agents: dict[str, str] = field(init=False)
    app: Flask = field(init=False)
    project: str = field(init=False)
    stores: dict[str, FolderStore] = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / "ledger.sqlite").write_bytes(_migrated())
        self.ledger = open_ledger(f"sqlite:///{self.folder / 'ledger.sqlite'}")
        secret = Secret("objects-secret")
        settings = {"web": "http://localhost", "secret": secret}
        self.stores = {
            name: connect(name, {"path": self.folder / "store" / name, **settings}, clock=self._unix)
            for name in ("system", "artifacts")
        }
        hooks = forges.load("bare", {"secrets": list(HOOK_SECRETS)})
        parts = WebParts(
            ledger=self.ledger,
            stores=self.stores,
            forge={REPOSITORY: hooks}.get,
            wake=self._wake,
            secrets=lambda row: {"API_KEY": Secret(f"secret of {row.execution_id}")},
            objects_secret=secret,
            clock=lambda: self.now,
            lease=60,
            address_seconds=600,
            delivery_seconds=self.delivery_seconds,
            threads=self.threads,
            named_forge={FORGE: forges.load("github", {"secrets": list(HOOK_SECRETS)})}.get,
            answered=self._answered,
            answers=lambda: self.answers,
        )
        self.app = Flask("test")
        self.app.register_blueprint(blueprint(parts))
        self._people()

    def close(self) -> None:
        """Give the ledger back."""
        self.ledger.close()

    def client(self) -> FlaskClient:
        """A new client."""
        return self.app.test_client()

    def call(self, token: str, path: str, body: Any = None, **more: Any) -> TestResponse:
        """One call of the agents' API."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.client().post(f"/agent/v1/{path}", json=body, headers=headers, **more)

    def attempt(self, environment: str = HERE) -> AttemptRow:
        """A new execution with one attempt that waits."""
        execution, number = str(uuid.uuid4()), uuid.uuid4().int % 1_000_000_000
        sha, source = "c" * 40, str(uuid.uuid4())
        key = keys.output(source, 1, str(uuid.uuid4()), "data.csv")
        datum = {"datum": source, "name": "data.csv", "key": key, "size": 1, "sha256": f"sha256:{'0' * 64}"}
        spec = {
            "archive": {"key": keys.code(self.project, sha), "digest": f"sha256:{'0' * 64}", "size": 10},
            "inputs": [
                {"name": "data", "data": [datum | {"store": "artifacts"}]},
                {"name": "web", "uris": ["https://x"]},
            ],
        }
        with self.ledger.write() as connection:
            connection.execute(
                insert(executions).values(
                    id=execution,
                    project_id=self.project,
                    number=number,
                    kind="step",
                    step="train",
                    sha=sha,
                    environment_id=environment,
                    state=ExecutionState.QUEUED,
                    spec=spec,
                    metadata={},
                    created_at=self.now,
                )
            )
            made = attempts.create(connection, execution, environment, self.now)
            return attempts.find(connection, made)

    def claimed(self, token: str = ONE) -> AttemptRow:
        """A new attempt that an agent holds."""
        made = self.attempt(ELSEWHERE if token == FAR else HERE)
        assert self.call(token, f"attempts/{made.id}/claim", {"delivery": 1}).status_code == 200
        return self.row(made.id)

    def row(self, attempt: str) -> AttemptRow:
        """The attempt as it stands."""
        with self.ledger.read() as connection:
            return attempts.find(connection, attempt)

    def lose(self, attempt: str) -> None:
        """The lease ended: the controller fences the attempt."""
        with self.ledger.write() as connection:
            attempts.end(connection, attempt, AttemptState.LOST, "the lease ended", self.now)

    def ask_to_stop(self, attempt: str) -> None:
        """Somebody asked for a stop."""
        with self.ledger.write() as connection:
            connection.execute(
                update(attempts_table).where(attempts_table.c.id == attempt).values(stop_at=self.now)
            )

    def audited(self) -> list[Row[Any]]:
        """Every row of the audit."""
        with self.ledger.read() as connection:
            return list(connection.execute(select(audit).order_by(audit.c.id)))

    def received(self) -> list[Row[Any]]:
        """Every row of the inbox."""
        with self.ledger.read() as connection:
            return list(connection.execute(select(inbox).order_by(inbox.c.id)))

    def later(self, seconds: float) -> None:
        """Time passes."""
        self.now += timedelta(seconds=seconds)

    def _unix(self) -> float:
        return self.now.timestamp()

    def _wake(self) -> None:
        self.woken += 1

    def _answered(self, route: str, status: int) -> None:
        if self.answers is not None:
            self.answers[route, status] += 1

    def _people(self) -> None:
        repository, self.project = str(uuid.uuid4()), str(uuid.uuid4())
        with self.ledger.write() as connection:
            connection.execute(
                insert(repositories).values(
                    id=repository, name=REPOSITORY, address="/srv/wine.git", added_at=self.now
                )
            )
            connection.execute(
                insert(projects).values(id=self.project, repository_id=repository, name="wine")
            )
            for environment in (HERE, ELSEWHERE):
                agents.ensure_environment(connection, environment, f"environment {environment}", self.now)
            self.agents = {
                token: agents.ensure_agent(connection, environment, token, agents.digest(token), self.now)
                for token, environment in ((ONE, HERE), (TWO, HERE), (FAR, ELSEWHERE))
            }
