"""Rows of what executions made: metrics, outputs, logs, versions and promotions."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import zstandard
from sqlalchemy import insert, update

from ledger import tables
from schemas import log_lines, moments
from schemas.messages.log import LogRecord
from stores import keys
from stores.port import Store
from tests.builders.row_writer import NOW, Execution, Repository, Writer, sha256


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


class MadeRows(Writer):
    """Metrics, outputs, logs, versions and promotions."""

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

    def gaps(self, attempt: str, key: str, words: Mapping[int, str]) -> None:
        """Log record -> what a metric was there instead of a number."""
        for position, word in words.items():
            self.put(
                tables.metric_gaps, attempt_id=attempt, key=key, position=position, word=word, at=self.ago(400 - position)
            )  # fmt: skip

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

    def output(self, of: Execution, name: str, data: bytes, into: Store | None = None, **values: Any) -> str:
        """A stored output; its bytes are put into the store if one is given."""
        identity = self.next_id()
        key = keys.output(of.id, 1, identity, name)
        if into is not None:
            into.put(key, data)
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
