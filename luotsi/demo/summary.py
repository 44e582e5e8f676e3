"""The last word of the demonstration: what is true at its end, read from the ledger and tried from outside."""

import json
import time
import urllib.error
import urllib.request
from typing import Any

from sqlalchemy import select

from ledger.database import Ledger
from ledger.tables import attempts, executions, outputs, promotions, snapshots, statuses, versions
from luotsi.demo.follow import Event
from luotsi.installation import Installation

PATIENCE = 60.0


def gather(opened: Installation, ledger: Ledger, commit: str, seconds: float) -> Event:
    """The summary event. `ok` only if the model was trained, judged, promoted, and answered."""
    with ledger.read() as connection:
        rows = connection.execute(
            select(executions, attempts.c.number.label("attempt"))
            .join(attempts, attempts.c.execution_id == executions.c.id)
            .where(executions.c.sha == commit)
            .order_by(executions.c.number, attempts.c.number)
        ).all()
        digest = connection.execute(select(snapshots.c.digest).where(snapshots.c.sha == commit)).scalar()
        files = connection.execute(
            select(outputs.c.name, outputs.c.size, outputs.c.sha256)
            .join(executions, executions.c.id == outputs.c.execution_id)
            .where(executions.c.sha == commit)
            .order_by(executions.c.number, outputs.c.name)
        ).all()
        words = connection.execute(
            select(statuses.c.context, statuses.c.state, statuses.c.description)
            .where(statuses.c.sha == commit)
            .order_by(statuses.c.context)
        ).all()
        served = connection.execute(
            select(promotions, versions.c.version)
            .join(versions, versions.c.id == promotions.c.version_id)
            .where(versions.c.sha == commit)
            .order_by(promotions.c.accepted_at.desc())
        ).first()
    last = {row.number: row for row in rows}
    made = [_execution(row) for row in last.values()]
    training = next((row for row in last.values() if row.node == "train"), None)
    evaluation = next((row for row in last.values() if row.node == "evaluate"), None)
    summary: Event = {
        "event": "summary",
        "ok": False,
        "commit": commit,
        "archive_digest": digest,
        "execution": _execution(training) if training else None,
        "executions": made,
        "metrics": dict(evaluation.metadata) if evaluation else {},
        "outputs": [dict(row._mapping) for row in files],
        "statuses": [dict(row._mapping) for row in words],
        "promotion": _promotion(served),
        "prediction": _predict(opened, served.address) if served and served.address else None,
        "dashboard": opened.address,
        "seconds": round(seconds, 1),
    }
    summary["ok"] = _is_true(summary, served) and _answers(opened.address)
    return summary


def _execution(row: Any) -> dict[str, Any]:
    return {
        "number": row.number,
        "step": row.step,
        "kind": row.kind,
        "state": row.state,
        "attempt": row.attempt,
        "runtime": row.runtime,
        "image": row.image,
    }


def _promotion(row: Any) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "model": row.model,
        "version": row.version,
        "stage": row.stage,
        "state": row.state,
        "digest": row.running_digest,
        "address": row.address,
    }


def _is_true(summary: Event, served: Any) -> bool:
    return bool(
        summary["archive_digest"]
        and len(summary["executions"]) == 3
        and all(row["state"] == "complete" for row in summary["executions"])
        and summary["outputs"]
        and {row["context"]: row["state"] for row in summary["statuses"]}
        == {"luotsi/config": "success", "luotsi/train": "success"}
        and served is not None
        and served.state == "serving"
        and served.digest == served.running_digest
        and summary["prediction"]
        and summary["prediction"].get("predictions")
    )


def _predict(opened: Installation, address: str) -> Any:
    """Ask the endpoint as a client would, with the sample's own request."""
    sample = (opened.workspace.root / "person" / "sample.json").read_bytes()
    request = urllib.request.Request(address, data=sample, headers={"Content-Type": "application/json"})  # noqa: S310  # an address that our own cluster gave
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # the same
                return json.load(answer)
        except (OSError, ValueError) as error:
            if time.monotonic() > end:
                return {"error": str(error)}
            time.sleep(0.2)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address + "/", timeout=10) as answer:  # noqa: S310  # our own web side
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
