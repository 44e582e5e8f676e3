"""Turns what the ledger and the live streams say into events, each said once. Reads only."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Connection, select

from ledger.database import Ledger
from ledger.tables import (
    attempts,
    commits,
    executions,
    outputs,
    promotions,
    ref_observations,
    runs,
    snapshots,
    statuses,
    verdicts,
    versions,
)
from queues.streams import START, LogStreams
from schemas.metadata import event_of

Event = dict[str, Any]


@dataclass(slots=True)
class Follower:
    """What happened to one commit of one repository. `news()` gives the events since the last call."""

    ledger: Ledger
    redis: Redis
    commit: str
    told: set[str] = field(default_factory=lambda: {"step"})
    """What is told of by now: executions of kind `step` or `build`, `version`, `promotion`. The rest waits for its turn, so
    that a story that is told again, in a workspace where all of it has happened, keeps its order."""
    _said: dict[Any, Any] = field(default_factory=dict)
    _cursors: dict[str, str] = field(default_factory=dict)

    def news(self) -> list[Event]:
        """Events since the last call, in the order in which things happen."""
        with self.ledger.read() as connection:
            before = [
                event
                for reader in (self._seen, self._judged, self._runs, self._executions)
                for event in reader(connection)
            ]
            after = [
                event
                for reader in (self._outputs, self._ended, self._promoted)
                for event in reader(connection)
            ]
        # Read last, since who has ended has said all by then, and told before the end.
        return [*before, *self._logs(), *after]

    def _new(self, key: Any, value: Any = True) -> bool:
        if self._said.get(key) == value:
            return False
        self._said[key] = value
        return True

    def _seen(self, connection: Connection) -> Iterator[Event]:
        row = connection.execute(select(commits).where(commits.c.sha == self.commit)).first()
        if row and self._new("seen"):
            ref = connection.execute(
                select(ref_observations.c.ref)
                .where(ref_observations.c.sha == self.commit)
                .order_by(ref_observations.c.id)
            ).scalar()
            yield {"event": "seen", "commit": row.sha, "ref": ref or row.ref, "subject": row.subject}
        kept = connection.execute(select(snapshots).where(snapshots.c.sha == self.commit)).first()
        if kept and self._new("snapshot"):
            yield {"event": "snapshot", "digest": kept.digest, "size": kept.size, "files": kept.files}

    def _judged(self, connection: Connection) -> Iterator[Event]:
        row = connection.execute(select(verdicts).where(verdicts.c.sha == self.commit)).first()
        if row and self._new("verdict"):
            yield {
                "event": "verdict",
                "context": "luotsi/config",
                "state": row.state,
                "description": row.summary,
            }

    def _runs(self, connection: Connection) -> Iterator[Event]:
        for row in connection.execute(select(runs).where(runs.c.sha == self.commit)):
            if row.finished_at is None and row.reason and self._new(("run", row.id), row.state):
                yield {"event": "run", "trigger": row.trigger, "state": row.state, "reason": row.reason}

    def _executions(self, connection: Connection) -> Iterator[Event]:
        for row in connection.execute(
            select(executions).where(executions.c.sha == self.commit).order_by(executions.c.number)
        ):
            if (
                row.finished_at is None
                and row.kind in self.told
                and self._new(("execution", row.id), row.state)
            ):
                yield _execution(row)

    def _logs(self) -> Iterator[Event]:
        with self.ledger.read() as connection:
            rows = connection.execute(
                select(attempts.c.id, attempts.c.environment_id, executions.c.number, executions.c.kind)
                .join(executions, executions.c.id == attempts.c.execution_id)
                .where(executions.c.sha == self.commit, attempts.c.claimed_at.is_not(None))
                .order_by(executions.c.number)
            ).all()
        for row in rows:
            if row.kind not in self.told:
                continue
            try:
                after = self._cursors.get(row.id, START)
                records, self._cursors[row.id] = LogStreams(self.redis).read(
                    row.environment_id, row.id, after=after
                )
            except RedisError:
                return
            for record in records:
                said = event_of(record.message) if record.stream == "stdout" else None
                event = {"execution": row.number, "stream": record.stream, "time": record.time}
                if said and said.values:
                    yield {"event": "metrics", **event, "values": said.values}
                elif record.message.strip():
                    yield {"event": "log", **event, "message": record.message}

    def _outputs(self, connection: Connection) -> Iterator[Event]:
        statement = (
            select(
                outputs.c.id,
                outputs.c.name,
                outputs.c.size,
                outputs.c.sha256,
                executions.c.number,
                executions.c.kind,
            )
            .join(executions, executions.c.id == outputs.c.execution_id)
            .where(executions.c.sha == self.commit)
            .order_by(executions.c.number, outputs.c.name)
        )
        for row in connection.execute(statement):
            if row.kind in self.told and self._new(("output", row.id)):
                event = {"event": "output", "execution": row.number, "name": row.name}
                yield {**event, "size": row.size, "sha256": row.sha256}

    def _ended(self, connection: Connection) -> Iterator[Event]:
        for row in connection.execute(
            select(executions).where(executions.c.sha == self.commit).order_by(executions.c.number)
        ):
            told = row.finished_at is not None and row.kind in self.told
            if told and self._new(("execution", row.id), row.state):
                yield _execution(row)
        for row in connection.execute(select(runs).where(runs.c.sha == self.commit)):
            if row.finished_at is not None and self._new(("run", row.id), row.state):
                yield {"event": "run", "trigger": row.trigger, "state": row.state, "reason": row.reason}
        for row in connection.execute(
            select(statuses).where(
                statuses.c.sha == self.commit, statuses.c.final, statuses.c.delivered_at.is_not(None)
            )
        ):
            if self._new(("status", row.context), row.description):
                yield {
                    "event": "status",
                    "context": row.context,
                    "state": row.state,
                    "description": row.description,
                }

    def _promoted(self, connection: Connection) -> Iterator[Event]:
        for row in connection.execute(select(versions).where(versions.c.sha == self.commit)):
            if "version" in self.told and self._new(("version", row.id)):
                yield {"event": "version", "model": row.model, "version": row.version, "digest": row.digest}
        for row in connection.execute(
            select(promotions)
            .join(versions, versions.c.id == promotions.c.version_id)
            .where(versions.c.sha == self.commit)
        ):
            if "promotion" in self.told and self._new(("promotion", row.id), (row.state, row.reason)):
                yield {
                    "event": "promotion",
                    "model": row.model,
                    "stage": row.stage,
                    "state": row.state,
                    "reason": row.reason,
                    "digest": row.running_digest or row.digest,
                    "address": row.address,
                }


def _execution(row: Any) -> Event:
    event = {"event": "execution", "number": row.number, "kind": row.kind, "step": row.step, "node": row.node}
    return {**event, "state": row.state, "reason": row.reason, "runtime": row.runtime, "image": row.image}
