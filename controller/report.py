"""Carries words out: statuses into the repositories' notes, final facts into the system store. Tried again until they arrive."""

from collections import defaultdict
from typing import Any

import structlog

from controller import observe
from controller.git import notes
from controller.ports import Ports
from ledger import outbox, repositories
from schemas import codec, moments, signing
from schemas.errors import LuotsiError
from schemas.messages.status import CommitStatus
from schemas.values import Sha

log = structlog.get_logger()


def report(ports: Ports) -> int:
    """Deliver the words that no forge has yet, one batch a repository; how many were delivered."""
    with ports.ledger.read() as connection:
        waiting = outbox.undelivered(connection)
    batches: dict[str, list[Any]] = defaultdict(list)
    for row in waiting:
        batches[row.repository_id].append(row)
    return sum(_deliver(ports, repository_id, rows) for repository_id, rows in batches.items())


def _deliver(ports: Ports, repository_id: str, rows: list[Any]) -> int:
    with ports.ledger.read() as connection:
        repository = repositories.by_id(connection, repository_id)
    lines: dict[Sha, list[str]] = defaultdict(list)
    for row in rows:
        status = CommitStatus(
            row.context, row.state, row.description, row.sha, moments.to_text(row.written_at), row.url
        )
        lines[Sha(row.sha)].append(notes.line(status, ports.key))
    try:
        keys = dict([signing.read_public(ports.key.public())])
        mirror = observe.mirror_of(ports, repository)
        notes.Notes(mirror.path, repository.address, keys, ports.credentials(repository.name)).write(lines)
    except LuotsiError as error:
        if any(row.trouble != str(error) for row in rows):
            log.warning("statuses cannot be written", repository=repository.name, reason=str(error))
            with ports.ledger.write() as connection:
                outbox.troubled(connection, [row.id for row in rows], str(error))
        return 0
    with ports.ledger.write() as connection:
        outbox.delivered(connection, rows, ports.clock())
    return len(rows)


def put_records(ports: Ports) -> int:
    """Put final facts into the system store; how many."""
    with ports.ledger.read() as connection:
        waiting = outbox.records_to_put(connection)
    done = []
    for row in waiting:
        try:
            ports.stores["system"].put(row.key, codec.write_json(row.body))
        except LuotsiError as error:
            log.warning("records cannot be stored", reason=str(error))
            break
        done.append(row)
    if done:
        with ports.ledger.write() as connection:
            outbox.records_put(connection, done)
    return len(done)
