"""Acts on the inbox: deliveries become hints to look, operator verbs become changes. Each row is acted upon once."""

import json
from datetime import datetime

import structlog
from sqlalchemy import Connection

from controller import isolate
from controller.ports import Ports
from controller.pulls import wishes
from controller.reporting import statuses
from controller.running import pipelines, tasks
from ledger import approvals, attempts, audit, inbox, verdicts
from ledger import pipelines as pipeline_rows
from ledger import tasks as task_rows
from ledger.rows import AnyRow
from schemas.errors import LuotsiError

log = structlog.get_logger()


def handle(ports: Ports) -> set[str]:
    """Handle what came in; the names of repositories that a delivery hints at.

    A row that cannot be acted upon is over, and says why: tried again it would hold up every turn.
    """
    with ports.ledger.read() as connection:
        rows = inbox.unhandled(connection)
    if not rows:
        return set()
    hints = [row for row in rows if row.kind == "delivery"]
    hinted = {row.source for row in hints}
    with ports.ledger.write() as connection:
        inbox.handled(connection, [row.id for row in hints], ports.clock())
    isolate.each(
        [row for row in rows if row.kind != "delivery"],
        lambda row: _act(ports, row),
        lambda row, bug: _over(ports, row, f"internal: {bug}"),
    )
    log.info("received", rows=len(rows), repositories=sorted(hinted))
    return hinted


def _act(ports: Ports, row: AnyRow) -> bool:
    now = ports.clock()
    try:
        if row.kind in wishes.KINDS:
            wishes.act(ports, row)
            return True
        said = json.loads(row.body)
        with ports.ledger.write() as connection:
            if row.kind == "cancel":
                _cancel(connection, ports, said, now)
            elif row.kind == "approve":
                _approve(connection, said["pipeline"], said["node"], said["who"], now)
            inbox.handled(connection, [row.id], now)
    except LuotsiError as error:
        return _over(ports, row, str(error))
    return True


def _over(ports: Ports, row: AnyRow, outcome: str) -> bool:
    log.warning("an operator's wish was not done", asked=row.kind, reason=outcome)
    with ports.ledger.write() as connection:
        inbox.handled(connection, [row.id], ports.clock(), inbox.REFUSED + outcome)
    return False


def _cancel(connection: Connection, ports: Ports, said: dict[str, str], now: datetime) -> None:
    """Stop an execution, a task or a pipeline."""
    who = said["who"]
    why = f"stopped on request of {who}"
    if "pipeline" in said:
        pipelines.stop(connection, pipeline_rows.by_id(connection, said["pipeline"]), why, now)
    elif "task" in said:
        tasks.stop(connection, ports, None, task_rows.by_id(connection, said["task"]), now, why)
    else:
        attempts.ask_to_stop(connection, said["execution"], now)
    subject = next(said[kind] for kind in ("pipeline", "task", "execution") if kind in said)
    audit.note(connection, who, "cancel", subject, {}, now)


def _approve(connection: Connection, pipeline_id: str, node: str, who: str, now: datetime) -> None:
    """Keep an approval in the ledger, in the audit, and as a record: nothing could compute it again."""
    made = approvals.approve(connection, pipeline_id, node, who, now)
    if made is None:
        return
    pipeline = pipeline_rows.by_id(connection, pipeline_id)
    body = {"pipeline": pipeline_id, "number": pipeline.number, "node": node, "who": who}
    repository_id = verdicts.repository_of(connection, pipeline.project_id)
    statuses.record(connection, repository_id, "approval", made, body, now)
    audit.note(connection, who, "approve", pipeline_id, {"node": node}, now)
