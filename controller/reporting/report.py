"""Carries words out: statuses into the notes of plain git, final facts into the system store. Tried until they arrive.

Forges are told by telling.py.
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog

from controller import isolate
from controller.git import notes, sight
from controller.ports import Ports
from controller.watching import observe
from ledger import outbox, repositories
from ledger.repositories import RepositoryRow
from queues import wake
from schemas import codec, moments, signing
from schemas.errors import LuotsiError, Refused
from schemas.messages.status import CommitStatus
from schemas.values import Sha

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Batch:
    """The words of one repository that go out together, and whether they arrived. `trouble`: why they did not."""

    repository: RepositoryRow
    rows: list[Any]
    trouble: str | None = None
    bug: Exception | None = None


def report(ports: Ports) -> int:
    """Write the words that no notes have yet, one batch a repository; how many were written.

    Repositories are written to side by side, in threads; what became of it is recorded here. One that hangs is recorded
    in a later turn, and until then is not written to again.
    """
    ports.pushes.on_late = lambda: wake.wake(ports.redis)
    written = _take(ports)  # what was late: before it is asked for what is still to be written
    with ports.ledger.read() as connection:
        if not outbox.any_undelivered(connection, ports.clock()):
            return written
        mine = {row.id: row for row in repositories.watched(connection) if row.forge not in ports.forges}
        waiting = outbox.undelivered(connection, ports.clock(), mine)
    batches: dict[str, list[Any]] = defaultdict(list)
    for row in waiting:
        batches[row.repository_id].append(row)
    for id, rows in batches.items():
        batch = _Batch(mine[id], rows)
        ports.pushes.ask(id, *sight.lane(batch.repository.address), partial(_write, ports, batch))
    return written + _take(ports)


def _take(ports: Ports) -> int:
    """Record what became of the batches that are done; how many words were written."""
    written = 0
    for answers in ports.pushes.answers():
        batches = [answer.value for answer in answers if answer.value is not None]
        done = [row for batch in batches if batch.trouble is None and batch.bug is None for row in batch.rows]
        if done:
            with ports.ledger.write() as connection:
                outbox.delivered(connection, done, ports.clock())
        written += len(done)
        for batch in batches:
            if batch.bug is not None:
                written += _one_by_one(ports, batch)
            elif batch.trouble is not None:
                _in_trouble(ports, batch, batch.trouble)
    return written


def _one_by_one(ports: Ports, batch: _Batch) -> int:
    """One of them cannot be written: it is put aside, and the others are."""

    def deliver(row: Any) -> bool:
        alone = _write(ports, replace(batch, rows=[row], bug=None))
        if alone.bug is not None:
            raise alone.bug
        if alone.trouble is not None:
            _in_trouble(ports, alone, alone.trouble)
            return False
        with ports.ledger.write() as connection:
            outbox.delivered(connection, [row], ports.clock())
        return True

    return isolate.each(batch.rows, deliver, lambda row, bug: _aside(ports, row, bug))


def _write(ports: Ports, batch: _Batch) -> _Batch:
    """Put the words into the repository's notes. For any thread."""
    try:
        lines: dict[Sha, list[str]] = defaultdict(list)
        for row in batch.rows:
            status = CommitStatus(
                row.context, row.state, row.description, row.sha, moments.to_text(row.written_at), row.url
            )
            lines[Sha(row.sha)].append(notes.line(status, ports.key))
        keys = dict([signing.read_public(ports.key.public())])
        repository = batch.repository
        mirror = observe.mirror_of(ports, repository)
        notes.Notes(mirror.path, repository.address, keys, ports.credentials(repository.name)).write(lines)
    except LuotsiError as error:
        return replace(batch, trouble=str(error))
    except Exception as bug:  # noqa: BLE001 - handed to whoever takes the batch
        return replace(batch, bug=bug)
    return batch


def _in_trouble(ports: Ports, batch: _Batch, trouble: str) -> None:
    if any(row.trouble != trouble for row in batch.rows):
        log.warning("statuses cannot be written", repository=batch.repository.name, reason=trouble)
        with ports.ledger.write() as connection:
            outbox.troubled(connection, [row.id for row in batch.rows], trouble)


def _aside(ports: Ports, row: Any, bug: Exception) -> None:
    with ports.ledger.write() as connection:
        outbox.delivered(connection, [row], ports.clock())
        outbox.noted(connection, row.id, f"internal: {bug}")


def put_records(ports: Ports) -> int:
    """Put final facts into the system store; how many."""
    with ports.ledger.read() as connection:
        waiting = outbox.records_to_put(connection)
    done = []
    for row in waiting:
        try:
            ports.stores["system"].put(row.key, codec.write_json(row.body))
        except (ValueError, Refused) as error:  # a number that JSON has not, a key that no store has
            log.error("a record is no record", key=row.key, reason=str(error))
        except LuotsiError as error:
            log.warning("records cannot be stored", reason=str(error))
            break
        done.append(row)
    if done:
        with ports.ledger.write() as connection:
            outbox.records_put(connection, done)
    return len(done)
