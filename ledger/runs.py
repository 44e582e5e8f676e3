"""Runs and pipelines: one firing of a trigger at a commit, and the graph it may be made of."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from ledger import repositories
from ledger.rows import AnyRow
from ledger.tables import executions, pipelines, runs, tasks
from schemas.states import FINAL_RUN, RunState

REPLACED = "replaced by "
"""How the reason of a run begins that a newer one of its concurrency group has replaced."""


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
    pull_request: int | None = None
    concurrency_group: str | None = None
    approval_id: str | None = None
    """By which untrusted code may run (ledger/pull_approvals)."""


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
    occurrence: str = ""
    concurrency_group: str | None = None
    pull_request: int | None = None
    approval_id: str | None = None


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


COLUMNS = (
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
    runs.c.occurrence,
    runs.c.concurrency_group,
    runs.c.pull_request,
    runs.c.approval_id,
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


def row_of(row: AnyRow) -> RunRow:
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
                    concurrency_group=new.concurrency_group,
                    pull_request=new.pull_request,
                    approval_id=new.approval_id,
                    created_at=now,
                    finished_at=now if final else None,
                )
            )
    except IntegrityError:
        return None
    return minted


def same(connection: Connection, new: NewRun) -> RunRow | None:
    """The run that `new` would be, if it exists."""
    row = connection.execute(
        select(*COLUMNS).where(
            runs.c.project_id == new.project_id,
            runs.c.trigger == new.trigger,
            runs.c.sha == new.sha,
            runs.c.trust == new.trust,
            runs.c.occurrence == new.occurrence,
        )
    ).first()
    return None if row is None else row_of(row)


def reopen_filtered(connection: Connection, new: NewRun, now: datetime | None = None) -> str | None:
    """An event that starts a run wins over one that filtered it out: the neutral run without executions begins after all.

    With `now` it takes its place in its group among the runs that were created then.
    """
    known = same(connection, new)
    if known is None or known.state is not RunState.NEUTRAL or _has_executions(connection, known):
        return None
    _reopen(connection, known, new, known.round, now)
    return known.id


def reopen_replaced(connection: Connection, new: NewRun, now: datetime) -> str | None:
    """A branch came back to a commit whose run a newer one had replaced: it begins again, in a round of its own."""
    known = same(connection, new)
    if known is None or known.state is not RunState.CANCELLED or not known.reason.startswith(REPLACED):
        return None
    began = _has_executions(connection, known) or pipeline_of(connection, known) is not None
    _reopen(connection, known, new, known.round + began, now)
    return known.id


def reopen_stopped(connection: Connection, new: NewRun, words: str, now: datetime) -> str | None:
    """What ended with its approval begins again by another one, in a round of its own. Its reason begins with `words`."""
    known = same(connection, new)
    if known is None or known.state is not RunState.CANCELLED or not known.reason.startswith(words):
        return None
    _reopen(connection, known, new, known.round + 1, now)
    return known.id


def overtake(connection: Connection, known: RunRow, new: NewRun, now: datetime) -> None:
    """Let a run begin again as the one of another event, in a round of its own if it has made anything in this one."""
    _reopen(connection, known, new, known.round + has_begun(connection, known), now)


def filter_held(connection: Connection, new: NewRun, held: Collection[str]) -> str | None:
    """A run that waited for approval (its reason is among `held`) is filtered out now that it has it; None: there is none."""
    known = same(connection, new)
    if known is None or known.state is not RunState.NEUTRAL or known.reason not in held:
        return None
    if new.state is not RunState.NEUTRAL or new.reason in held:
        return None
    connection.execute(update(runs).where(runs.c.id == known.id).values(reason=new.reason))
    return known.id


def has_begun(connection: Connection, run: RunRow) -> bool:
    """Whether the run has made anything yet, in any round: executions, a pipeline or a task."""
    made = (select(table.c.id).where(table.c.run_id == run.id) for table in (executions, pipelines, tasks))
    return any(connection.execute(each.limit(1)).first() is not None for each in made)


def _has_executions(connection: Connection, run: RunRow) -> bool:
    return (
        connection.execute(select(executions.c.id).where(executions.c.run_id == run.id)).first() is not None
    )


def _reopen(connection: Connection, known: RunRow, new: NewRun, round_: int, now: datetime | None) -> None:
    values: dict[str, Any] = {
        "state": RunState.WAITING,
        "reason": "",
        "finished_at": None,
        "gate": None,
        "round": round_,
        "rule": _rule(known, new),
        "ref": new.ref,
        "before": new.before,
        "event": new.event,
        "concurrency_group": new.concurrency_group,
        "pull_request": new.pull_request if new.pull_request is not None else known.pull_request,
        "approval_id": new.approval_id,
    }
    if now is not None:
        values["created_at"] = now
    connection.execute(update(runs).where(runs.c.id == known.id).values(**values))


def adopt(connection: Connection, new: NewRun) -> str | None:
    """A pull request asks for a run that there is: from now on its base is the pull request's, and so is its verdict.

    One that has ended by comparing with another base, or that the base expects more of, is judged once more, without running
    anything. None: nothing changes.
    """
    known = same(connection, new)
    if known is None:
        return None
    rule = _rule(known, new) if new.state is RunState.WAITING else known.rule
    more = rule.get("kept") != known.rule.get("kept")
    if (known.pull_request, known.before) == (new.pull_request, new.before) and not more:
        return None
    values: dict[str, Any] = {"pull_request": new.pull_request, "rule": rule}
    again = _is_judged(connection, known) and (more or _compares(rule))
    if new.state is RunState.WAITING and (known.state not in FINAL_RUN or again):
        values |= {"event": new.event, "before": new.before}
        if known.state in FINAL_RUN and (more or known.before != new.before):
            words = "is compared with the base of the pull request"
            values |= {"state": RunState.RUNNING, "reason": words, "finished_at": None, "gate": None}
    connection.execute(update(runs).where(runs.c.id == known.id).values(**values))
    return known.id


def _rule(known: RunRow, new: NewRun) -> dict[str, Any]:
    """The rule of `new`. What the base of a pull request has once kept at this commit, no other event takes away."""
    said = new.rule.get("kept", [])
    branches = {each["branch"] for each in said}
    kept = [*(each for each in known.rule.get("kept", []) if each["branch"] not in branches), *said]
    return new.rule | ({"kept": kept} if kept else {})


def _is_judged(connection: Connection, run: RunRow) -> bool:
    judged = run.state in (RunState.SUCCESS, RunState.FAILURE, RunState.NEUTRAL)
    return judged and _has_executions(connection, run)


def _compares(rule: dict[str, Any]) -> bool:
    kept = [text for each in rule.get("kept", ()) for text in each["expect"]]
    return any("base" in text for text in [*rule.get("expect", ()), *kept])


def last_created(connection: Connection, repository_id: str) -> datetime | None:
    """When the newest run of a repository was created."""
    created: datetime | None = connection.execute(
        select(runs.c.created_at)
        .where(runs.c.repository_id == repository_id)
        .order_by(runs.c.created_at.desc())
        .limit(1)
    ).scalar()
    return created


def open_runs(connection: Connection) -> list[RunRow]:
    """Every run that is not final, oldest first."""
    rows = connection.execute(
        select(*COLUMNS).where(runs.c.finished_at.is_(None)).order_by(runs.c.created_at)
    )
    return [row_of(row) for row in rows]


def by_id(connection: Connection, run_id: str) -> RunRow:
    """A run that exists."""
    return row_of(connection.execute(select(*COLUMNS).where(runs.c.id == run_id)).one())


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
            select(*COLUMNS).where(
                runs.c.project_id == run.project_id,
                runs.c.trigger == run.trigger,
                runs.c.trust == "trusted",
                runs.c.finished_at.is_not(None),
                runs.c.sha.in_(list(shas[start : start + 200])),
            )
        )
        found.extend(row_of(row) for row in rows)
    return found


def at_commit(connection: Connection, project_id: str, trigger: str, sha: str) -> list[RunRow]:
    """Trusted runs of a trigger at one commit, oldest first."""
    rows = connection.execute(
        select(*COLUMNS)
        .where(
            runs.c.project_id == project_id,
            runs.c.trigger == trigger,
            runs.c.sha == sha,
            runs.c.trust == "trusted",
        )
        .order_by(runs.c.created_at)
    )
    return [row_of(row) for row in rows]


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
