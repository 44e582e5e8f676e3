"""Rows of the ledger as the controller would have written them: one method a noun, each with everything that it needs.

`Rows(ledger)` inserts at once and answers with the ids; whatever is not said gets a value that could be true. Names and
numbers come from a counter, so that the same calls give the same rows.
"""

import hashlib
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import zstandard
from sqlalchemy import Table, insert, update

from ledger import tables
from ledger.database import Ledger
from schemas import log_lines, moments
from schemas.messages.log import LogRecord
from stores import keys
from stores.port import Store

NOW = datetime(2030, 3, 14, 9, 26, 53, tzinfo=UTC)
"""The present of tests that use these rows."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with its one project."""

    id: str
    name: str
    project: str


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution with its current attempt (None: nobody tried yet)."""

    id: str
    number: int
    attempt: str | None
    repository: Repository
    environment: str


def sha256(text: str) -> str:
    """A digest as the ledger spells it."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def log_records(messages: Sequence[str | tuple[str, str]], start: datetime = NOW) -> list[LogRecord]:
    """Log records numbered from 1; a pair names the stream first."""
    found = []
    for seq, message in enumerate(messages, start=1):
        stream, text = message if isinstance(message, tuple) else ("stdout", message)
        time = moments.to_text(start + timedelta(milliseconds=40 * seq))
        found.append(LogRecord(seq, time, stream, text))  # type: ignore[arg-type]  # a test names the three streams
    return found


def final_log(records: Sequence[LogRecord], per_frame: int = 1000) -> bytes:
    """The bytes of a final log: zstd frames of JSON lines."""
    frames = [records[start : start + per_frame] for start in range(0, len(records), per_frame)]
    packed = (b"".join(log_lines.encode(record) for record in frame) for frame in frames)
    return b"".join(zstandard.ZstdCompressor().compress(frame) for frame in packed)


class Rows:
    """Writes rows into a ledger whose tables exist. `now` is when the newest of them happened."""

    def __init__(self, ledger: Ledger, now: datetime = NOW) -> None:
        self.ledger = ledger
        self.now = now
        self._count = 0
        self._environments: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._pipelines: dict[str, int] = {}

    def next_id(self) -> str:
        """A UUID, the same in every run."""
        self._count += 1
        return str(uuid.UUID(int=(0xA11CE << 108) | self._count, version=4))

    def next_sha(self) -> str:
        """A commit's id, the same in every run."""
        self._count += 1
        return hashlib.sha1(str(self._count).encode(), usedforsecurity=False).hexdigest()

    def ago(self, seconds: float) -> datetime:
        """So many seconds before now."""
        return self.now - timedelta(seconds=seconds)

    def put(self, table: Table, **values: Any) -> None:
        """One row."""
        with self.ledger.write() as connection:
            connection.execute(insert(table).values(**values))

    def repository(self, name: str = "wine", **values: Any) -> Repository:
        """A watched repository with a project at its top."""
        identity, project = self.next_id(), self.next_id()
        defaults = {
            "address": f"/srv/git/{name}.git",
            "forge": "bare",
            "default_branch": "main",
            "added_at": self.ago(86_400),
            "baseline_at": self.ago(86_390),
            "looked_at": self.ago(3),
        }
        self.put(tables.repositories, id=identity, name=name, **{**defaults, **values})
        self.put(tables.projects, id=project, repository_id=identity, root="", name=name)
        return Repository(identity, name, project)

    def commit(
        self,
        of: Repository,
        subject: str = "Train a little longer",
        seconds: float = 600,
        verdict: str | None = "success",
        problems: Sequence[Mapping[str, Any]] = (),
        text: str | None = None,
        **values: Any,
    ) -> str:
        """A commit seen so many seconds ago, with its snapshot and, unless None, its verdict."""
        sha = values.pop("sha", None) or self.next_sha()
        judged = None if verdict is None else self.ago(seconds - 1)
        defaults = {
            "ref": "refs/heads/main",
            "author": "Aino Virtanen",
            "message": f"{subject}\n\nIt had not converged.\n",
            "committed_at": self.ago(seconds + 30),
        }
        self.put(
            tables.commits,
            repository_id=of.id,
            sha=sha,
            subject=subject,
            seen_at=self.ago(seconds),
            judged_at=judged,
            **{**defaults, **values},
        )
        if verdict is None:
            return sha
        self.put(
            tables.snapshots,
            repository_id=of.id,
            sha=sha,
            key=keys.code(of.id, sha),
            digest=sha256(sha),
            size=48_213,
            files=17,
            made_at=judged,
        )
        summary = "valohai.yaml is fine: 2 steps, 1 trigger, 1 model"
        if problems:
            summary = f"valohai.yaml has {len(problems)} problems; the first is on line {problems[0]['line']}"
        self.put(
            tables.verdicts,
            project_id=of.project,
            sha=sha,
            state=verdict,
            summary=summary,
            problems=list(problems),
            text=text,
            judged_at=judged,
        )
        return sha

    def run(
        self, of: Repository, sha: str, state: str = "success", seconds: float = 500, **values: Any
    ) -> str:
        """A run of the trigger `train` at a commit."""
        identity = self.next_id()
        final = state not in ("waiting", "running")
        defaults: dict[str, Any] = {
            "trigger": "train",
            "trust": "trusted",
            "occurrence": "",
            "event": "push",
            "ref": "refs/heads/main",
            "reason": "",
            "rule": {
                "target": {"kind": "step", "name": "train"},
                "expect": ["accuracy >= 0.9"],
                "required": True,
            },
            "gate": None,
            "created_at": self.ago(seconds),
            "finished_at": self.ago(max(0, seconds - 90)) if final else None,
        }
        self.put(
            tables.runs,
            id=identity,
            repository_id=of.id,
            project_id=of.project,
            sha=sha,
            state=state,
            **{**defaults, **values},
        )
        return identity

    def pipeline(self, of: Repository, run: str, nodes: Mapping[str, str], **values: Any) -> str:
        """A pipeline of a run: node -> state, one after the other unless `edges` says otherwise."""
        identity, names = self.next_id(), list(nodes)
        number = self._pipelines[of.project] = self._pipelines.get(of.project, 0) + 1
        edges = values.pop("edges", [list(pair) for pair in pairwise(names)])
        graph = {"nodes": [{"name": n, "step": n, "state": s} for n, s in nodes.items()], "edges": edges}
        defaults = {
            "name": "train-and-evaluate",
            "state": "started",
            "created_at": self.ago(500),
            "finished_at": None,
        }
        self.put(
            tables.pipelines,
            id=identity,
            run_id=run,
            project_id=of.project,
            number=number,
            graph=graph,
            **{**defaults, **values},
        )
        return identity

    def environment(self, name: str = "local") -> str:
        """The id of an environment, made on first use."""
        if name not in self._environments:
            identity = hashlib.sha256(name.encode()).hexdigest()[:12]
            self.put(tables.environments, id=identity, name=name, added_at=self.ago(86_400))
            self._environments[name] = identity
        return self._environments[name]

    def agent(self, name: str = "agent-1", environment: str = "local", **values: Any) -> str:
        """An agent that was heard of a few seconds ago."""
        identity = self.next_id()
        defaults = {
            "runtime": "docker 28.5.2",
            "host": "pilot",
            "version": "0.1.0",
            "slots": 2,
            "free_slots": 1,
            "added_at": self.ago(7200),
            "renewed_at": self.ago(4),
        }
        self.put(
            tables.agents,
            id=identity,
            environment_id=self.environment(environment),
            name=name,
            token_digest=sha256(identity),
            **{**defaults, **values},
        )
        return identity

    def execution(
        self,
        of: Repository,
        sha: str,
        state: str = "complete",
        seconds: float = 480,
        took: float = 84,
        attempt: str | None = "",
        agent: str | None = None,
        **values: Any,
    ) -> Execution:
        """An execution and one attempt at it, whose state follows unless it is given (None: no attempt)."""
        identity = self.next_id()
        number = self._numbers[of.project] = self._numbers.get(of.project, 0) + 1
        environment = self.environment(values.pop("environment", "local"))
        final = state in ("complete", "error", "stopped", "crashed")
        begun = final or state in ("started", "stopping")
        defaults: dict[str, Any] = {
            "kind": "step",
            "step": "train",
            "reason": "",
            "spec": self._spec(),
            "metadata": {},
            "exit_code": 0 if state == "complete" else 1 if state == "error" else None,
            "image": "python:3.12-slim" if begun else "",
            "image_digest": sha256("python:3.12-slim") if begun else "",
            "runtime": "docker 28.5.2" if begun else "",
            "created_at": self.ago(seconds),
            "started_at": self.ago(seconds - 2) if begun else None,
            "finished_at": self.ago(seconds - 2 - took) if final else None,
        }
        self.put(
            tables.executions,
            id=identity,
            project_id=of.project,
            number=number,
            sha=sha,
            environment_id=environment,
            state=state,
            **{**defaults, **values},
        )
        made = None
        if attempt is not None:
            made = self.attempt(
                Execution(identity, number, None, of, environment),
                attempt or _attempt(state),
                agent=agent,
                seconds=seconds,
            )
        return Execution(identity, number, made, of, environment)

    def _spec(self) -> dict[str, Any]:
        return {
            "commands": ["python train.py --epochs 200 --learning_rate 0.001"],
            "parameters": {"epochs": 200, "learning_rate": 0.001, "seed": 4},
            "inputs": [{"name": "wines", "uris": ["https://data.example.org/wine.csv"], "data": []}],
            "environment_variables": {"OMP_NUM_THREADS": "2"},
        }

    def attempt(
        self,
        of: Execution,
        state: str = "complete",
        number: int = 1,
        agent: str | None = None,
        seconds: float = 480,
        **values: Any,
    ) -> str:
        """One try."""
        identity = self.next_id()
        held = state != "waiting"
        final = state not in ("waiting", "claimed", "running")
        manifest = {
            "image": "python:3.12-slim",
            "image_digest": sha256("python:3.12-slim"),
            "runtime": "docker 28.5.2",
            "inputs": [
                {
                    "input": "wines",
                    "name": "wine.csv",
                    "uri": "https://data.example.org/wine.csv",
                    "size": 10_782,
                    "sha256": sha256("wine.csv"),
                }
            ],
        }
        defaults: dict[str, Any] = {
            "reason": "",
            "agent_id": agent,
            "delivery": 1,
            "created_at": self.ago(seconds),
            "claimed_at": self.ago(seconds - 2) if held else None,
            "renewed_at": self.ago(3) if held else None,
            "finished_at": self.ago(seconds - 86) if final else None,
            "manifest": manifest if state in ("running", "complete", "error") else None,
            "log": None,
            "events": [],
        }
        self.put(
            tables.attempts,
            id=identity,
            execution_id=of.id,
            environment_id=of.environment,
            number=number,
            state=state,
            **{**defaults, **values},
        )
        return identity

    def metrics(self, attempt: str, series: Mapping[str, Sequence[float]], seconds: float = 470) -> None:
        """Values of an attempt, one log record for each position, a second apart."""
        rows = [
            {
                "attempt_id": attempt,
                "key": key,
                "position": index + 2,
                "value": value,
                "at": self.ago(seconds - index),
            }
            for key, values in series.items()
            for index, value in enumerate(values)
        ]
        with self.ledger.write() as connection:
            connection.execute(insert(tables.metrics), rows)

    def training(self, attempt: str, epochs: int = 200, best: float = 0.962) -> dict[str, float]:
        """The metrics of a training that converges; the last values, which are the execution's metadata."""
        steps = range(1, epochs + 1)
        wobble = [math.sin(step * 1.7) * math.exp(-step / 70) for step in steps]
        loss = [
            round(0.08 + 1.05 * math.exp(-step / 32) + 0.05 * w, 6)
            for step, w in zip(steps, wobble, strict=True)
        ]
        accuracy = [
            round(best - 0.55 * math.exp(-step / 26) + 0.02 * w, 6)
            for step, w in zip(steps, wobble, strict=True)
        ]
        self.metrics(attempt, {"epoch": [float(step) for step in steps], "loss": loss, "accuracy": accuracy})
        return {"epoch": epochs, "loss": loss[-1], "accuracy": accuracy[-1]}

    def set_metadata(self, of: Execution, metadata: Mapping[str, Any]) -> None:
        """The last value of every key."""
        with self.ledger.write() as connection:
            row = update(tables.executions).where(tables.executions.c.id == of.id)
            connection.execute(row.values(metadata=dict(metadata)))

    def output(self, of: Execution, name: str, data: bytes, store: Store | None = None, **values: Any) -> str:
        """A stored output; its bytes are put into the store if one is given."""
        identity = self.next_id()
        key = keys.output(of.id, 1, identity, name)
        if store is not None:
            store.put(key, data)
        defaults: dict[str, Any] = {"store": "artifacts", "metadata": {}, "created_at": self.ago(400)}
        self.put(
            tables.outputs,
            id=identity,
            execution_id=of.id,
            attempt_id=of.attempt,
            name=name,
            key=key,
            size=len(data),
            sha256="sha256:" + hashlib.sha256(data).hexdigest(),
            **{**defaults, **values},
        )
        return identity

    def store_log(self, of: Execution, records: Sequence[LogRecord], store: Store) -> None:
        """The final log of an execution's current attempt."""
        key, data = keys.log(of.id, 1), final_log(records)
        store.put(key, data)
        log = {"key": key, "lines": len(records), "bytes": len(data) * 8, "dropped": 0}
        with self.ledger.write() as connection:
            row = update(tables.attempts).where(tables.attempts.c.id == of.attempt)
            connection.execute(row.values(log=log))

    def version(
        self,
        of: Execution,
        sha: str,
        output: str,
        model: str = "wine",
        version: str = "v0.1.0",
        **values: Any,
    ) -> str:
        """A registered version of a model."""
        identity = self.next_id()
        defaults: dict[str, Any] = {
            "tag": f"{model}@{version}",
            "tag_object": self.next_sha(),
            "tagger": "Aino Virtanen",
            "digest": sha256("model.json"),
            "registered_at": self.ago(300),
        }
        self.put(
            tables.versions,
            id=identity,
            repository_id=of.repository.id,
            project_id=of.repository.project,
            model=model,
            version=version,
            sha=sha,
            execution_id=of.id,
            output_id=output,
            **{**defaults, **values},
        )
        return identity

    def promotion(
        self, of: Repository, version: str, state: str = "serving", stage: str = "prod", **values: Any
    ) -> str:
        """A version on its way to a stage, or there."""
        identity = self.next_id()
        serving, over = state in ("serving", "superseded"), state in ("failed", "superseded")
        self._count += 1
        defaults: dict[str, Any] = {
            "model": "wine",
            "tag": f"wine#{stage}#{self._count}",
            "tag_object": self.next_sha(),
            "tagger": "Aino Virtanen",
            "cluster": "local",
            "endpoint": "predict",
            "stage_rule": {"replicas": 1},
            "reason": "",
            "execution_id": None,
            "image": "wine-predict",
            "digest": sha256("image") if serving else "",
            "running_digest": sha256("image") if serving else "",
            "address": f"http://127.0.0.1:8081/wine/wine/{stage}/predict/" if serving else "",
            "accepted_at": self.ago(240),
            "serving_at": self.ago(200) if serving else None,
            "checked_at": self.ago(5) if serving else None,
            "finished_at": self.ago(60) if over else None,
        }
        self.put(
            tables.promotions,
            id=identity,
            repository_id=of.id,
            project_id=of.project,
            version_id=version,
            stage=stage,
            state=state,
            **{**defaults, **values},
        )
        return identity

    def tag(self, of: Repository, name: str, target: str, **values: Any) -> None:
        """A tag that was observed."""
        defaults: dict[str, Any] = {
            "annotated": True,
            "tagged_at": self.ago(310),
            "tagger": "Aino Virtanen",
            "message": "",
            "first_seen": self.ago(305),
            "decision": "accepted",
            "reason": None,
        }
        self.put(
            tables.tag_observations,
            repository_id=of.id,
            name=name,
            tag_object=self.next_sha(),
            target=target,
            **{**defaults, **values},
        )


def _attempt(state: str) -> str:
    return {
        "created": "waiting",
        "queued": "waiting",
        "started": "running",
        "stopping": "running",
        "crashed": "lost",
    }.get(state, state)
