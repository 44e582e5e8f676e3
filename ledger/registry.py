"""The registry: which tags were accepted, what they bound for ever, and which version is made to serve which stage."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, func, insert, or_, select, update

from ledger.rows import AnyRow
from ledger.tables import commits, executions, outputs, promotions, runs, tag_observations, versions
from schemas.states import ExecutionState, PromotionState


@dataclass(frozen=True, slots=True)
class Bound:
    """A version and what it is bound to, for ever."""

    id: str
    project_id: str
    model: str
    version: str
    sha: str
    execution_id: str
    output_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A successful trusted execution's output that a version can be bound to."""

    execution_id: str
    output_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a version shall be served, and by which rule (replicas, require, smoke) as it stood at acceptance."""

    stage: str
    cluster: str
    endpoint: str
    rule: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PromotionRow:
    """A promotion as the controller works with it."""

    id: str
    repository_id: str
    project_id: str
    version_id: str
    model: str
    stage: str
    tag: str
    tag_object: str
    cluster: str
    endpoint: str
    stage_rule: dict[str, Any]
    state: PromotionState
    reason: str
    execution_id: str | None
    image: str
    digest: str
    running_digest: str
    address: str
    tries: int
    accepted_at: datetime
    checked_at: datetime | None


_PROMOTION = tuple(promotions.c[name] for name in PromotionRow.__slots__)


def tags(connection: Connection, repository_id: str) -> list[AnyRow]:
    """Every tag that was ever seen, with the date of its commit (NULL where the commit was never seen)."""
    table = tag_observations
    joined = table.outerjoin(
        commits, (commits.c.repository_id == table.c.repository_id) & (commits.c.sha == table.c.target)
    )
    return list(
        connection.execute(
            select(table, commits.c.committed_at)
            .select_from(joined)
            .where(table.c.repository_id == repository_id)
            .order_by(table.c.id)
        )
    )


def standing(connection: Connection) -> dict[str, tuple[object, ...]]:
    """Repository -> how its registry stands, of those with a tag that is open or accepted, or a promotion that is not over.

    Two answers are equal only while nothing was added: tags, versions and promotions are never taken back, an accepted tag
    stays accepted, a commit keeps its date, and a promotion that begins again is not over.
    """
    seen, mine = tag_observations, commits
    accepted = seen.c.decision == "accepted"
    here = (mine.c.repository_id == seen.c.repository_id) & (mine.c.sha == seen.c.target) & accepted
    tagged = connection.execute(
        select(
            seen.c.repository_id,
            func.count(),
            func.sum(case((accepted, 1), else_=0)),
            func.count(mine.c.committed_at),
        )
        .select_from(seen.outerjoin(mine, here))
        .where(or_(seen.c.decision.is_(None), seen.c.decision.in_(("waiting", "accepted"))))
        .group_by(seen.c.repository_id)
    )
    found: dict[str, tuple[object, ...]] = {row[0]: tuple(row[1:]) for row in tagged}
    live: dict[str, list[tuple[str, str]]] = {}
    for row in connection.execute(
        select(promotions.c.repository_id, promotions.c.id, promotions.c.state)
        .where(promotions.c.finished_at.is_(None))
        .order_by(promotions.c.id)
    ):
        live.setdefault(row.repository_id, []).append((row.id, row.state))
    counts: list[dict[str, int]] = []
    for table in (versions, promotions):
        mine_of = select(table.c.repository_id, func.count()).group_by(table.c.repository_id)
        counts.append({row[0]: row[1] for row in connection.execute(mine_of)})
    return {
        id: (found.get(id), *(count.get(id) for count in counts), tuple(live.get(id, ())))
        for id in found.keys() | live.keys()
    }


def decide_tag(connection: Connection, tag_id: int, decision: str, reason: str) -> bool:
    """Keep the answer to a tag. False when it says so already."""
    changed = connection.execute(
        update(tag_observations)
        .where(
            tag_observations.c.id == tag_id,
            (tag_observations.c.decision.is_distinct_from(decision))
            | (tag_observations.c.reason.is_distinct_from(reason)),
        )
        .values(decision=decision, reason=reason)
    )
    return bool(changed.rowcount)


def bound(connection: Connection, repository_id: str) -> dict[tuple[str, str], Bound]:
    """(model, version) -> what it is bound to."""
    columns = [versions.c[name] for name in Bound.__slots__]
    rows = connection.execute(select(*columns).where(versions.c.repository_id == repository_id))
    return {(row.model, row.version): Bound(*row) for row in rows}


def version(connection: Connection, version_id: str) -> Bound:
    """A version that exists."""
    columns = [versions.c[name] for name in Bound.__slots__]
    return Bound(*connection.execute(select(*columns).where(versions.c.id == version_id)).one())


def candidate(
    connection: Connection,
    project_id: str,
    sha: str,
    output: str,
    step: str | None,
    pipeline: str | None,
    node: str | None,
) -> Candidate | None:
    """The first successful trusted execution of a model's source at a commit (not of a schedule), and its output.

    An execution that took an old result counts at its own commit, with the files of the one that made them.
    """
    statement = (
        select(executions.c.id, outputs.c.id.label("output_id"), outputs.c.sha256, runs.c.rule)
        .join(runs, runs.c.id == executions.c.run_id)
        .join(outputs, outputs.c.execution_id == func.coalesce(executions.c.reused_id, executions.c.id))
        .where(
            executions.c.project_id == project_id,
            executions.c.sha == sha,
            executions.c.state == ExecutionState.COMPLETE,
            runs.c.trust == "trusted",
            runs.c.event != "schedule",
            outputs.c.name == output,
        )
        .order_by(executions.c.finished_at, executions.c.number)
    )
    if pipeline is None:
        statement = statement.where(executions.c.step == step)
    else:
        statement = statement.where(executions.c.node == node)
    for row in connection.execute(statement):
        target = row.rule.get("target", {})
        if pipeline is None or (target.get("kind"), target.get("name")) == ("pipeline", pipeline):
            return Candidate(row.id, row.output_id, row.sha256)
    return None


def bind(
    connection: Connection,
    project_id: str,
    tag: AnyRow,
    model: str,
    name: str,
    made: Candidate,
    now: datetime,
) -> Bound:
    """Bind a version to what made it."""
    row = Bound(
        str(uuid.uuid4()), project_id, model, name, tag.target, made.execution_id, made.output_id, made.digest
    )
    connection.execute(
        insert(versions).values(
            id=row.id,
            repository_id=tag.repository_id,
            project_id=project_id,
            model=model,
            version=name,
            sha=tag.target,
            tag=tag.name,
            tag_object=tag.tag_object,
            tagger=tag.tagger,
            execution_id=made.execution_id,
            output_id=made.output_id,
            digest=made.digest,
            registered_at=now,
        )
    )
    return row


def promotions_of(connection: Connection, repository_id: str) -> list[PromotionRow]:
    """Every promotion of a repository, oldest first."""
    rows = connection.execute(
        select(*_PROMOTION)
        .where(promotions.c.repository_id == repository_id)
        .order_by(promotions.c.accepted_at)
    )
    return [_promotion(row) for row in rows]


def live_promotions(connection: Connection) -> list[PromotionRow]:
    """Promotions that are not over: on their way, or serving."""
    rows = connection.execute(
        select(*_PROMOTION).where(promotions.c.finished_at.is_(None)).order_by(promotions.c.accepted_at)
    )
    return [_promotion(row) for row in rows]


def promotion(connection: Connection, promotion_id: str) -> PromotionRow:
    """A promotion that exists."""
    return _promotion(connection.execute(select(*_PROMOTION).where(promotions.c.id == promotion_id)).one())


def _promotion(row: AnyRow) -> PromotionRow:
    values = dict(row._mapping)
    return PromotionRow(**{**values, "state": PromotionState(values["state"])})


def promote(connection: Connection, version_row: Bound, tag: AnyRow, plan: Plan, now: datetime) -> str:
    """Record that a version shall serve a stage; the promotion's id."""
    minted = str(uuid.uuid4())
    connection.execute(
        insert(promotions).values(
            id=minted,
            repository_id=tag.repository_id,
            project_id=version_row.project_id,
            version_id=version_row.id,
            model=version_row.model,
            stage=plan.stage,
            tag=tag.name,
            tag_object=tag.tag_object,
            tagger=tag.tagger,
            cluster=plan.cluster,
            endpoint=plan.endpoint,
            stage_rule=plan.rule,
            state=PromotionState.WAITING,
            reason="accepted",
            accepted_at=now,
        )
    )
    return minted


def set_promotion(connection: Connection, promotion_id: str, **values: Any) -> None:
    """Change a promotion's state, reason or what is known of what it serves."""
    connection.execute(update(promotions).where(promotions.c.id == promotion_id).values(**values))


def built_before(connection: Connection, version_id: str, endpoint: str) -> tuple[str, str, str] | None:
    """(build execution, image, digest) of an earlier promotion of the same version and endpoint."""
    row = connection.execute(
        select(promotions.c.execution_id, promotions.c.image, promotions.c.digest)
        .where(
            promotions.c.version_id == version_id,
            promotions.c.endpoint == endpoint,
            promotions.c.digest != "",
        )
        .limit(1)
    ).first()
    return None if row is None else (row.execution_id, row.image, row.digest)


def any_moving(connection: Connection) -> bool:
    """Whether any promotion is on its way."""
    moving = (PromotionState.WAITING, PromotionState.BUILDING, PromotionState.DEPLOYING)
    return (
        connection.execute(select(promotions.c.id).where(promotions.c.state.in_(moving)).limit(1)).first()
        is not None
    )
