"""Runs and pipelines: one firing of a trigger at a commit, and the graph it may be made of."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from ledger import repositories
from ledger.rows import AnyRow
from ledger.tables import executions, pipelines, runs
from schemas.states import FINAL_RUN, RunState


@dataclass(frozen=True, slots=True)
class NewRun:
    """What makes a run: its identity (project, trigger, commit, trust, occurrence) and where it came from."""

    repository_id: str
    project_id: str
    trigger: str
    sha: str
    ref: str
    before: str | None
    rule: dict[str, Any]
    event: str = "push"
    trust: str = "trusted"
    occurrence: str = ""
    state: RunState = RunState.WAITING
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the controller works with it."""

    id: str
    repository_id: str
    project_id: str
    trigger: str
    sha: str
    ref: str
    before: str | None
    trust: str
    event: str
    state: RunState
    reason: str
    round: int
    rule: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PipelineRow:
    """A pipeline with its graph as it stands."""

    id: str
    run_id: str
    project_id: str
    round: int
    number: int
    name: str
    state: str
    graph: dict[str, Any]


_RUN = (
    runs.c.id,
    runs.c.repository_id,
    runs.c.project_id,
    runs.c.trigger,
    runs.c.sha,
    runs.c.ref,
    runs.c.before,
    runs.c.trust,
    runs.c.event,
    runs.c.state,
    runs.c.reason,
    runs.c.round,
    runs.c.rule,
    runs.c.created_at,
)
_PIPELINE = (
    pipelines.c.id,
    pipelines.c.run_id,
    pipelines.c.project_id,
    pipelines.c.round,
    pipelines.c.number,
    pipelines.c.name,
    pipelines.c.state,
    pipelines.c.graph,
)


def _run(row: AnyRow) -> RunRow:
    values = dict(row._mapping)
    return RunRow(**{**values, "state": RunState(values["state"])})


def create(connection: Connection, new: NewRun, now: datetime) -> str | None:
    """Record a run; its id, or None when the same run exists already (an event asked for it twice)."""
    minted = str(uuid.uuid4())
    final = new.state in FINAL_RUN
    try:
        with connection.begin_nested():
            connection.execute(
                insert(runs).values(
                    id=minted,
                    repository_id=new.repository_id,
                    project_id=new.project_id,
                    trigger=new.trigger,
                    sha=new.sha,
                    ref=new.ref,
                    before=new.before,
                    trust=new.trust,
                    occurrence=new.occurrence,
                    event=new.event,
                    state=new.state,
                    reason=new.reason,
                    rule=new.rule,
                    created_at=now,
                    finished_at=now if final else None,
                )
            )
    except IntegrityError:
        return None
    return minted


def reopen_filtered(connection: Connection, new: NewRun) -> str | None:
    """An event that starts a run wins over one that filtered it out: the neutral run without executions begins after all."""
    where = (
        (runs.c.project_id == new.project_id)
        & (runs.c.trigger == new.trigger)
        & (runs.c.sha == new.sha)
        & (runs.c.trust == new.trust)
        & (runs.c.occurrence == new.occurrence)
        & (runs.c.state == RunState.NEUTRAL)
    )
    run_id: str | None = connection.execute(select(runs.c.id).where(where)).scalar()
    if (
        run_id is None
        or connection.execute(select(executions.c.id).where(executions.c.run_id == run_id)).first()
    ):
        return None
    connection.execute(
        update(runs)
        .where(runs.c.id == run_id)
        .values(
            state=RunState.WAITING, reason="", finished_at=None, rule=new.rule, ref=new.ref, before=new.before
        )
    )
    return run_id


def open_runs(connection: Connection) -> list[RunRow]:
    """Every run that is not final, oldest first."""
    rows = connection.execute(select(*_RUN).where(runs.c.finished_at.is_(None)).order_by(runs.c.created_at))
    return [_run(row) for row in rows]


def by_id(connection: Connection, run_id: str) -> RunRow:
    """A run that exists."""
    return _run(connection.execute(select(*_RUN).where(runs.c.id == run_id)).one())


def set_state(
    connection: Connection,
    run: RunRow,
    state: RunState,
    reason: str,
    now: datetime,
    gate: dict[str, Any] | None = None,
) -> bool:
    """Give an open run a state. False when it is final already, or is exactly so: then nobody needs to be told."""
    if run.state is state and run.reason == reason:
        return False
    values: dict[str, Any] = {"state": state, "reason": reason}
    if state in FINAL_RUN:
        values |= {"finished_at": now, "gate": gate}
    changed = connection.execute(
        update(runs).where(runs.c.id == run.id, runs.c.finished_at.is_(None)).values(**values)
    )
    return bool(changed.rowcount)


def bases(connection: Connection, run: RunRow, shas: Sequence[str]) -> list[RunRow]:
    """Trusted final runs of the same trigger at any of these commits."""
    found: list[RunRow] = []
    for start in range(0, len(shas), 200):
        rows = connection.execute(
            select(*_RUN).where(
                runs.c.project_id == run.project_id,
                runs.c.trigger == run.trigger,
                runs.c.trust == "trusted",
                runs.c.finished_at.is_not(None),
                runs.c.sha.in_(list(shas[start : start + 200])),
            )
        )
        found.extend(_run(row) for row in rows)
    return found


def at_commit(connection: Connection, project_id: str, trigger: str, sha: str) -> list[RunRow]:
    """Trusted runs of a trigger at one commit, oldest first."""
    rows = connection.execute(
        select(*_RUN)
        .where(
            runs.c.project_id == project_id,
            runs.c.trigger == trigger,
            runs.c.sha == sha,
            runs.c.trust == "trusted",
        )
        .order_by(runs.c.created_at)
    )
    return [_run(row) for row in rows]


def create_pipeline(
    connection: Connection, run: RunRow, name: str, graph: dict[str, Any], now: datetime
) -> PipelineRow:
    """Number and record a run's pipeline."""
    number = repositories.next_number(connection, run.project_id, "pipelines")
    row = PipelineRow(str(uuid.uuid4()), run.id, run.project_id, run.round, number, name, "created", graph)
    connection.execute(
        insert(pipelines).values(
            id=row.id,
            run_id=run.id,
            project_id=run.project_id,
            round=run.round,
            number=number,
            name=name,
            state=row.state,
            graph=graph,
            created_at=now,
        )
    )
    return row


def pipeline_of(connection: Connection, run: RunRow) -> PipelineRow | None:
    """The pipeline of a run's present round."""
    row = connection.execute(
        select(*_PIPELINE).where(pipelines.c.run_id == run.id, pipelines.c.round == run.round)
    ).first()
    return None if row is None else PipelineRow(*row)


def update_pipeline(
    connection: Connection, pipeline: PipelineRow, graph: dict[str, Any], state: str, now: datetime
) -> None:
    """Record the states of the nodes, and the pipeline's own."""
    values: dict[str, Any] = {"graph": graph, "state": state}
    if state in ("complete", "error", "stopped"):
        values["finished_at"] = now
    connection.execute(update(pipelines).where(pipelines.c.id == pipeline.id).values(**values))
