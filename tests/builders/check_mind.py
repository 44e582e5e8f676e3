"""A controller whose checks are looked at: machines with a price, logs that were printed, time that passes while they run."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select, update

from controller.checks.text import check_of
from controller.ports import Environment
from forges.port import Check
from ledger import attempts
from ledger.executions import ExecutionRow
from ledger.tables import agents, statuses
from schemas import codec, final_log, log_lines, moments
from schemas.messages.log import LogRecord
from schemas.messages.result import VERSION, Log, Result
from stores import keys
from tests.builders.mind import ENVIRONMENT, IMAGE_DIGEST, Mind

TRAIN = """- step:
    name: train
    image: python:3.12
    command: python train.py {parameters}
    parameters: [{name: rate, type: float, default: 0.5}]
"""
GATED = (
    TRAIN
    + """
- trigger:
    name: train
    when: { push: { branches: ["**"] } }
    run: { step: train }
    expect: ["accuracy >= base - 0.005", "accuracy >= 0.9", "loss < 0.2"]
"""
)


class CheckMind(Mind):
    """Its one environment costs `price` an hour, in dollars."""

    def __init__(self, folder: Path, price: float | None = 1.8, **settings: Any) -> None:
        given = {"environments": (Environment(ENVIRONMENT, "gpu-large", price=price),), "currency": "$"}
        super().__init__(folder, **(given | settings))

    def check(self, context: str = "luotsi/train", sha: str | None = None) -> Check:
        """The newest check of a context (at a commit), as a forge would be told."""
        where = (statuses.c.context == context) & ((statuses.c.sha == sha) if sha else (statuses.c.id > 0))
        with self.ports.ledger.read() as connection:
            row = connection.execute(select(statuses).where(where).order_by(statuses.c.id.desc())).first()
            assert row is not None, context
            return check_of(self.ports, connection, row)

    def ran(self, minutes: float, execution: ExecutionRow | None = None, **ending: Any) -> ExecutionRow:
        """An execution (the first that waits) is taken, runs so long, and ends as `Mind.finish` says."""
        execution = execution or self.waiting()[0]
        self.claim(execution)
        self.now += timedelta(minutes=minutes)
        self.finish(execution, **ending)
        return execution

    def printed(
        self,
        execution: ExecutionRow,
        lines: Sequence[str],
        outcome: Literal["complete", "error"] = "error",
        reason: str = "exit code 1 after 4 min 12 s",
        metadata: Mapping[str, Any] | None = None,
        minutes: float = 4.2,
    ) -> str:
        """An execution that printed these lines ends; the key of its log."""
        attempt = self.claim(execution)
        self.now += timedelta(minutes=minutes)
        key = keys.log(execution.id, attempt.number)
        self.ports.stores["system"].put(key, log_of(lines))
        result = Result(
            version=VERSION,
            execution=execution.id,
            attempt=attempt.id,
            outcome=outcome,
            reason=reason,
            started=moments.to_text(self.now),
            finished=moments.to_text(self.now),
            exit_code=1,
            image_digest=IMAGE_DIGEST,
            metadata=dict(metadata or {}),
            log=Log(key, len(lines), sum(map(len, lines))),
        )
        body = codec.write(result)
        self.ports.stores["system"].put(keys.result(execution.id, attempt.number), body)
        with self.ports.ledger.write() as connection:
            said = "sha256:" + hashlib.sha256(body).hexdigest()
            attempts.finish(connection, attempt.id, attempt.agent_id or "", said, self.now)
        self.turns()
        return key

    def agent_says(self, slots: int, free: int) -> None:
        """The agent renews, with so many slots."""
        with self.ports.ledger.write() as connection:
            connection.execute(update(agents).values(slots=slots, free_slots=free, renewed_at=self.now))


def log_of(lines: Sequence[str]) -> bytes:
    """A final log, as the agent stores one. A line that begins with `!` is the agent's own."""
    target = io.BytesIO()
    moment = "2030-01-02T03:04:05.000000+00:00"
    records = (
        LogRecord(seq, moment, "status" if line.startswith("!") else "stderr", line.removeprefix("!"))
        for seq, line in enumerate(lines, start=1)
    )
    final_log.write((log_lines.encode(record) for record in records), target)
    return target.getvalue()
