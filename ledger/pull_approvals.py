"""Approvals of pull requests' commits: who let untrusted code run, with what, until when. The fence of claims stands on them."""

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, not_, or_, select, update

from ledger import repositories
from ledger.runs import COLUMNS, RunRow, row_of
from ledger.tables import attempts, events, executions, pull_approvals, runs
from schemas.states import FINAL_RUN, RunState


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """An approval. `void_at` None: nothing has ended it yet; whether it holds, `controller/pulls/approved` says."""

    id: str
    repository_id: str
    pull_request: int
    sha: str
    config_digest: str
    grants: tuple[str, ...]
    environment: str
    cap: float | None
    who_id: str
    who: str
    comment_id: str
    approved_at: datetime
    void_at: datetime | None = None
    void_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """An execution that is not over: whether an agent has it, and whether it was asked to stop."""

    id: str
    is_claimed: bool
    is_stopping: bool


_ROW = tuple(pull_approvals.c[name] for name in ApprovalRow.__slots__)


def _row(row: Any) -> ApprovalRow:
    values = dict(row._mapping)
    # What is no list of names grants nothing.
    names = values["grants"] if isinstance(values["grants"], list) else []
    return ApprovalRow(**{**values, "grants": tuple(name for name in names if isinstance(name, str))})


def mint() -> str:
    """An id for an approval that is about to be kept."""
    return str(uuid.uuid4())


def keep(connection: Connection, new: ApprovalRow) -> bool:
    """Keep an approval; every earlier one of the commit ends with it. False when the comment was heard before."""
    if of_comment(connection, new.repository_id, new.comment_id) is not None:
        return False
    connection.execute(
        update(pull_approvals)
        .where(
            pull_approvals.c.repository_id == new.repository_id,
            pull_approvals.c.sha == new.sha,
            pull_approvals.c.void_at.is_(None),
        )
        .values(void_at=new.approved_at, void_reason="another approval took its place")
    )
    values = {name: getattr(new, name) for name in ApprovalRow.__slots__}
    connection.execute(insert(pull_approvals).values(**{**values, "grants": list(new.grants)}))
    return True


def by_id(connection: Connection, approval_id: str) -> ApprovalRow:
    """An approval that exists."""
    return _row(connection.execute(select(*_ROW).where(pull_approvals.c.id == approval_id)).one())


def of_comment(connection: Connection, repository_id: str, comment_id: str) -> ApprovalRow | None:
    """The approval that a comment gave."""
    row = connection.execute(
        select(*_ROW).where(
            pull_approvals.c.repository_id == repository_id, pull_approvals.c.comment_id == comment_id
        )
    ).first()
    return None if row is None else _row(row)


def of_commit(connection: Connection, repository_id: str, sha: str) -> ApprovalRow | None:
    """The newest approval of a commit, void or not."""
    return _newest(connection, repository_id, pull_approvals.c.sha == sha)


def of_pull_request(connection: Connection, repository_id: str, number: int) -> ApprovalRow | None:
    """The newest approval of any commit of a pull request, void or not."""
    return _newest(connection, repository_id, pull_approvals.c.pull_request == number)


def _newest(connection: Connection, repository_id: str, which: ColumnElement[bool]) -> ApprovalRow | None:
    row = connection.execute(
        select(*_ROW)
        .where(pull_approvals.c.repository_id == repository_id, which)
        .order_by(pull_approvals.c.approved_at.desc(), pull_approvals.c.id)
        .limit(1)
    ).first()
    return None if row is None else _row(row)


def not_void(connection: Connection) -> list[ApprovalRow]:
    """Every approval that nothing has ended yet, oldest first."""
    rows = connection.execute(
        select(*_ROW)
        .where(pull_approvals.c.void_at.is_(None))
        .order_by(pull_approvals.c.approved_at, pull_approvals.c.id)
    )
    return [_row(row) for row in rows]


def void(connection: Connection, approval_id: str, reason: str, now: datetime) -> bool:
    """End an approval, for ever. False when it had ended: that reason stands."""
    changed = connection.execute(
        update(pull_approvals)
        .where(pull_approvals.c.id == approval_id, pull_approvals.c.void_at.is_(None))
        .values(void_at=now, void_reason=reason)
    )
    return bool(changed.rowcount)


def hours(connection: Connection, approval: ApprovalRow, now: datetime) -> float:
    """Machine hours of all executions that ran by an approval: from claim to end, or until now."""
    rows = connection.execute(
        select(attempts.c.claimed_at, attempts.c.finished_at)
        .join(executions, executions.c.id == attempts.c.execution_id)
        .join(runs, runs.c.id == executions.c.run_id)
        .where(
            runs.c.approval_id == approval.id,
            executions.c.created_at >= approval.approved_at,
            attempts.c.claimed_at.is_not(None),
        )
    )
    spent = sum(((row.finished_at or now) - row.claimed_at for row in rows), timedelta())
    return spent / timedelta(hours=1)


def may_run() -> ColumnElement[bool]:
    """Of an execution: its code is trusted, or an approval that has not ended lets it run."""
    barred = (
        select(runs.c.id)
        .outerjoin(pull_approvals, pull_approvals.c.id == runs.c.approval_id)
        .where(
            runs.c.id == executions.c.run_id,
            runs.c.trust != "trusted",
            or_(pull_approvals.c.id.is_(None), pull_approvals.c.void_at.is_not(None)),
        )
        .correlate(executions)
    )
    return not_(barred.exists())


def of_execution(connection: Connection, execution_id: str) -> ApprovalRow | None:
    """The approval, not ended, by which an untrusted execution runs; None for trusted ones and for what may not run."""
    row = connection.execute(
        select(*_ROW)
        .join(runs, runs.c.approval_id == pull_approvals.c.id)
        .join(executions, executions.c.run_id == runs.c.id)
        .where(executions.c.id == execution_id, runs.c.trust != "trusted", pull_approvals.c.void_at.is_(None))
    ).first()
    return None if row is None else _row(row)


def groups_for(
    connection: Connection,
    execution_id: str,
    spec: Mapping[str, Any],
    grants: Callable[[str], Collection[str]],
) -> list[str]:
    """Names of the variable groups whose secrets an execution gets: those that it names, of untrusted code the granted ones.

    `grants`: what the settings grant now to the pull requests of a repository (by name). An approval adds nothing to it.
    """
    named = [str(name) for name in spec.get("variable_groups") or ()]
    if spec.get("trust") == "trusted":
        return named
    approval = of_execution(connection, execution_id)
    if approval is None:
        return []
    now = grants(repositories.by_id(connection, approval.repository_id).name)
    return [name for name in named if name in approval.grants and name in now]


def held(connection: Connection, repository_id: str, sha: str, reasons: Collection[str]) -> list[RunRow]:
    """Untrusted runs of a commit that wait for approval: neutral with one of these reasons, oldest first."""
    waits = runs.c.reason.in_(list(reasons))
    return _untrusted(connection, *_at(repository_id, sha), runs.c.state == RunState.NEUTRAL, waits)


def stopped(connection: Connection, repository_id: str, sha: str, words: str) -> list[RunRow]:
    """Untrusted runs of a commit that ended with their approval: their reasons begin with `words`, oldest first."""
    ended = runs.c.reason.startswith(words, autoescape=True)
    return _untrusted(connection, *_at(repository_id, sha), runs.c.state == RunState.CANCELLED, ended)


def open_runs(connection: Connection) -> list[RunRow]:
    """Untrusted runs that are not over, oldest first."""
    return _untrusted(connection, runs.c.finished_at.is_(None), runs.c.state.not_in(FINAL_RUN))


def _at(repository_id: str, sha: str) -> tuple[ColumnElement[bool], ...]:
    return runs.c.repository_id == repository_id, runs.c.sha == sha


def _untrusted(connection: Connection, *which: ColumnElement[bool]) -> list[RunRow]:
    rows = connection.execute(
        select(*COLUMNS).where(runs.c.trust != "trusted", *which).order_by(runs.c.created_at, runs.c.id)
    )
    return [row_of(row) for row in rows]


def live(connection: Connection, run: RunRow) -> list[Live]:
    """The executions of a run that are not over, of any round."""
    rows = connection.execute(
        select(executions.c.id, attempts.c.claimed_at, attempts.c.stop_at)
        .join(attempts, attempts.c.execution_id == executions.c.id)
        .where(
            executions.c.run_id == run.id,
            executions.c.finished_at.is_(None),
            attempts.c.finished_at.is_(None),
        )
        .order_by(executions.c.number)
    )
    return [Live(row.id, row.claimed_at is not None, row.stop_at is not None) for row in rows]


def ask_again(connection: Connection, repository_id: str, keys: Collection[str], kind: str) -> int:
    """Let events of a kind be decided once more, now that the commit is approved; how many."""
    changed = connection.execute(
        update(events)
        .where(
            events.c.repository_id == repository_id,
            events.c.kind == kind,
            events.c.key.in_(list(keys)),
            events.c.handled_at.is_not(None),
        )
        .values(handled_at=None)
    )
    return int(changed.rowcount)
