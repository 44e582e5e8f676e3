"""A controller whose turns the test takes: a real git repository, a real ledger, stores in memory, and no agent.

The test plays the agent: `finish` claims an execution's attempt and stores its result, as the agents' API would. There is
no Redis: nothing is lost without one, and nobody has to be woken. The clock is the test's own.
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from controller import loop
from controller.ports import ControllerSettings, Environment, Ports, Watched
from forges.port import ForgeApi
from ledger import agents, attempts, executions, migrations, observations, repositories, runs
from ledger.attempts import AttemptRow
from ledger.database import open_ledger
from ledger.executions import ExecutionRow
from ledger.runs import RunRow
from queues.connection import connect
from queues.wakeups import Wakeups
from schemas import codec, moments
from schemas.messages.claim import Manifest, ResolvedInput
from schemas.messages.result import VERSION, Built, Output, Result
from schemas.signing import SigningKey
from schemas.states import FINAL_EXECUTION, FINAL_RUN
from stores import keys
from tests.builders.person import Person
from tests.fakes.memory_store import MemoryStore
from tests.fakes.scripted_cluster import ScriptedCluster

NOWHERE = "redis://127.0.0.1:1/0"
ENVIRONMENT = "5f0c1a2b3c4d"
IMAGE_DIGEST = "sha256:" + "1" * 64


def built_digest(execution: str) -> str:
    """The digest that `Mind.finish` gives to what a build makes."""
    return "sha256:" + hashlib.sha256(execution.encode()).hexdigest()


@cache
def _empty_ledger() -> bytes:
    """A ledger of today's shape, made once: the migrations have tests of their own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.sqlite"
        ledger = open_ledger(f"sqlite:///{file}")
        migrations.upgrade(ledger)
        ledger.close()
        return file.read_bytes()


def _migrated(file: Path) -> Path:
    file.write_bytes(_empty_ledger())
    return file


class Mind:
    """`settings` replace fields of `ControllerSettings`. The repository is called `shop`, its first look is taken."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.person = Person(folder / "shop.git", folder / "clone")
        self.person.commit({"README.md": "A shop.\n"}, "Begin")
        self.person.push()
        self.now = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
        self.stand(folder, Watched("shop", str(self.person.bare)), {}, **settings)

    def stand(self, folder: Path, watched: Watched, forges: Mapping[str, ForgeApi], **settings: Any) -> None:
        """Build the controller's parts and take its first turns."""
        self.cluster = ScriptedCluster(steps=1)
        ledger = open_ledger(f"sqlite:///{_migrated(folder / 'ledger.sqlite')}")
        redis = connect(NOWHERE)
        given = ControllerSettings(
            repositories=(watched,),
            environments=(Environment(ENVIRONMENT, "local"),),
            mirrors=folder / "mirrors",
            web_address="http://luotsi.example",
            poll_interval=0.0,
        )
        self.ports = Ports(
            ledger=ledger,
            stores={"system": MemoryStore("system"), "artifacts": MemoryStore("artifacts")},
            redis=redis,
            wakeups=Wakeups(redis),
            key=SigningKey.generate(),
            clusters={"local": self.cluster},
            settings=replace(given, **settings),
            clock=lambda: self.now,
            forges=forges,
        )
        loop.prepare(self.ports)
        with ledger.write() as connection:
            agents.ensure_agent(connection, ENVIRONMENT, "agent-1", "sha256:" + "a" * 64, self.now)
        self.turns()

    def push(self, config: str, message: str = "Change", **files: str) -> str:
        """Commit valohai.yaml (and files), push to main, and take turns until nothing changes; the commit."""
        sha = self.person.commit({"valohai.yaml": config, **files}, message)
        self.person.push()
        self.turns()
        return sha

    def turn(self) -> int:
        """One turn, a second later; how many things changed."""
        self.now += timedelta(seconds=1)
        return loop.turn(self.ports, {"shop"}).changed

    def turns(self, most: int = 60) -> None:
        """Turns until one changes nothing: planning again after performing plans nothing."""
        for _ in range(most):
            if not self.turn():
                return
        raise AssertionError(f"the controller does not come to rest in {most} turns")

    def executions(self) -> list[ExecutionRow]:
        """All executions of the project, by number."""
        from sqlalchemy import select

        from ledger.tables import executions as table

        with self.ports.ledger.read() as connection:
            ids = connection.scalars(select(table.c.id).order_by(table.c.number)).all()
            return [executions.by_id(connection, id) for id in ids]

    def waiting(self) -> list[ExecutionRow]:
        """Those that an agent should run now."""
        return [row for row in self.executions() if row.state not in FINAL_EXECUTION]

    def runs(self) -> list[RunRow]:
        """All runs, oldest first."""
        from sqlalchemy import select

        from ledger.tables import runs as table

        with self.ports.ledger.read() as connection:
            ids = connection.scalars(select(table.c.id).order_by(table.c.created_at, table.c.id)).all()
            return [runs.by_id(connection, id) for id in ids]

    def run(self, trigger: str | None = None) -> RunRow:
        """The newest run (of a trigger)."""
        return [run for run in self.runs() if trigger in (None, run.trigger)][-1]

    def is_over(self) -> bool:
        """Whether every run has ended."""
        return all(run.state in FINAL_RUN for run in self.runs())

    def claim(
        self,
        execution: ExecutionRow,
        image_digest: str = IMAGE_DIGEST,
        inputs: Mapping[str, list[str]] | None = None,
    ) -> AttemptRow:
        """The agent takes an execution and says what it resolved: `inputs` are addresses by the input's name."""
        resolved = tuple(
            ResolvedInput(name, uri.rpartition("/")[2], uri, 1, "sha256:" + "2" * 64)
            for name, uris in (inputs or {}).items()
            for uri in uris
        )
        with self.ports.ledger.write() as connection:
            agent = agents.by_token(connection, "sha256:" + "a" * 64)
            assert agent is not None
            attempt = next(row for row in attempts.waiting(connection) if row.execution_id == execution.id)
            # An agent of whatever environment it waits for.
            attempts.claim(connection, attempt.id, agent.id, attempt.environment_id, 0, self.now)
            image = execution.spec.get("image", "")
            said = Manifest(image, image_digest, "test", resolved)
            attempts.manifest(connection, attempt.id, agent.id, said, self.now)
            return attempts.find(connection, attempt.id)

    def _held(self, execution: ExecutionRow) -> AttemptRow | None:
        with self.ports.ledger.read() as connection:
            held = attempts.held_now(connection)
        return next((row for row in held if row.execution_id == execution.id), None)

    def finish(
        self,
        execution: ExecutionRow,
        outcome: Literal["complete", "error", "stopped", "interrupted"] = "complete",
        outputs: Mapping[str, bytes] | None = None,
        metadata: Mapping[str, Any] | None = None,
        file_metadata: Mapping[str, dict[str, Any]] | None = None,
        reason: str = "",
        image_digest: str = IMAGE_DIGEST,
        rest: bool = True,
    ) -> None:
        """Run an execution to its end as an agent would say it, then (with `rest`) turns until nothing changes."""
        attempt = self._held(execution) or self.claim(execution, image_digest)
        image = execution.spec.get("image", "")
        stored = [
            self._output(execution.id, attempt.number, name, data) for name, data in (outputs or {}).items()
        ]
        stored = [replace(each, metadata=(file_metadata or {}).get(each.name, {})) for each in stored]
        result = Result(
            version=VERSION,
            execution=execution.id,
            attempt=attempt.id,
            outcome=outcome,
            reason=reason or f"the test says {outcome}",
            started=moments.to_text(self.now),
            finished=moments.to_text(self.now),
            exit_code=0 if outcome == "complete" else 1,
            image=image,
            image_digest=image_digest,
            runtime="test",
            outputs=tuple(stored),
            metadata=dict(metadata or {}),
            built=Built("bundle", "bundle.tar", built_digest(execution.id))
            if execution.kind == "build"
            else None,
        )
        body = codec.write(result)
        self.ports.stores["system"].put(keys.result(execution.id, attempt.number), body)
        with self.ports.ledger.write() as connection:
            said = "sha256:" + hashlib.sha256(body).hexdigest()
            attempts.finish(connection, attempt.id, attempt.agent_id or "", said, self.now)
        if rest:
            self.turns()

    def _output(self, execution: str, attempt: int, name: str, data: bytes) -> Output:
        datum = str(uuid4())
        key = keys.output(execution, attempt, datum, name)
        self.ports.stores["artifacts"].put(key, data)
        return Output(
            datum, name, len(data), "sha256:" + hashlib.sha256(data).hexdigest(), key,
            md5=hashlib.md5(data).hexdigest(), sha1=hashlib.sha1(data).hexdigest(),
        )  # fmt: skip

    def notes(self, sha: str) -> dict[str, str]:
        """Context -> `state: description` of a commit, as the repository's notes have it (the newest line of each)."""
        found = {}
        for line in self.person.notes(sha):
            said = json.loads(line)
            found[str(said["context"])] = f"{said['state']}: {said['description']}"
        return found

    def repository_id(self) -> str:
        """The repository's id."""
        with self.ports.ledger.read() as connection:
            repository = repositories.by_name(connection, "shop")
        assert repository is not None
        return repository.id

    def head(self, branch: str = "main") -> str | None:
        """What the ledger holds of a branch."""
        with self.ports.ledger.read() as connection:
            repository = repositories.by_name(connection, "shop")
            assert repository is not None
            return observations.heads(connection, repository.id).get(f"refs/heads/{branch}")
