"""Acts on the inbox: deliveries become hints to look, operator verbs become changes. Each row is acted upon once."""

import json

import structlog

from controller.ports import Ports
from ledger import attempts, audit, inbox

log = structlog.get_logger()


def handle(ports: Ports) -> set[str]:
    """Handle what came in; the names of repositories that a delivery hints at."""
    with ports.ledger.read() as connection:
        rows = inbox.unhandled(connection)
    if not rows:
        return set()
    hinted: set[str] = set()
    now = ports.clock()
    with ports.ledger.write() as connection:
        for row in rows:
            if row.kind == "delivery":
                hinted.add(row.source)
            elif row.kind == "cancel":
                said = json.loads(row.body)
                attempts.ask_to_stop(connection, said["execution"], now)
                audit.note(connection, said["who"], "cancel", said["execution"], {}, now)
        inbox.handled(connection, [row.id for row in rows], now)
    log.info("received", rows=len(rows), repositories=sorted(hinted))
    return hinted
