"""What should serve: promotions become builds, built images are rolled out, and what runs is compared with what was tagged.

Each call moves a promotion one step and never waits. The one that serves goes on until its successor answers.
"""

from typing import Any

import structlog

from controller import isolate
from controller.inference.port import Serving, ServingState, Smoke
from controller.ports import Ports
from controller.reporting import statuses
from controller.running import words
from controller.serving import builds, moved
from controller.serving.wanted import Wanted, wanted_promotions
from controller.watching import observe
from ledger import executions, registry, repositories
from ledger.registry import PromotionRow
from schemas.errors import ConfigError
from schemas.states import FINAL_EXECUTION, ExecutionState, PromotionState
from schemas.values import Sha

log = structlog.get_logger()

SMOKE_LIMIT = 1024 * 1024


def serve(ports: Ports) -> int:
    """Move every promotion that is not over; how many changed."""
    with ports.ledger.read() as connection:
        live = registry.live_promotions(connection)
    wanted: dict[str, Wanted] = {}
    for row in live:
        if row.repository_id not in wanted:
            wanted[row.repository_id] = wanted_promotions(ports, row.repository_id)

    def move(row: PromotionRow) -> bool:
        if row.id not in wanted[row.repository_id].promotions:
            return _retire(ports, row, wanted[row.repository_id])
        try:
            return _move(ports, row)
        except ConfigError as error:
            return _fail(ports, row, str(error))

    return isolate.each(live, move, lambda row, bug: _fail(ports, row, f"internal: {bug}"))


def _move(ports: Ports, row: PromotionRow) -> bool:
    match row.state:
        case PromotionState.WAITING:
            return _build(ports, row)
        case PromotionState.BUILDING:
            return _built(ports, row)
        case _:
            return _roll_out(ports, row)


def _build(ports: Ports, row: PromotionRow) -> bool:
    rests = ports.settings.maintenance
    blocked = words.resting(rests) if rests else _requirement(ports, row)
    if blocked:
        return _say(ports, row, reason=blocked)
    with ports.ledger.read() as connection:
        before = registry.built_before(connection, row.version_id, row.endpoint)
    if before is not None:
        execution, image, digest = before
        again = "the image of an earlier promotion of this version is used again"
        return _say(
            ports,
            row,
            state=PromotionState.DEPLOYING,
            execution_id=execution,
            image=image,
            digest=digest,
            reason=again,
        )
    new = builds.plan(ports, row)
    with ports.ledger.write() as connection:
        created = executions.create(connection, new, ports.clock())
        registry.set_promotion(
            connection,
            row.id,
            state=PromotionState.BUILDING,
            execution_id=created.id,
            reason=f"#{created.number} builds the endpoint",
        )
    log.info("build queued", execution=f"#{created.number}", model=row.model, stage=row.stage)
    return True


def _requirement(ports: Ports, row: PromotionRow) -> str:
    """The first requirement of the stage that is not met, as a sentence; empty when all are."""
    for need in row.stage_rule.get("require", []):
        if not need.startswith("stage:"):
            raise ConfigError(f"the stage requires {need}, which this installation cannot check yet")
        stage = need.removeprefix("stage:")
        with ports.ledger.read() as connection:
            rows = registry.promotions_of(connection, row.repository_id)
        served = any(r.version_id == row.version_id and r.stage == stage and r.address for r in rows)
        if not served:
            return f"waits until this version has served {stage}"
    return ""


def _built(ports: Ports, row: PromotionRow) -> bool:
    assert row.execution_id is not None
    with ports.ledger.read() as connection:
        execution = executions.by_id(connection, row.execution_id)
    if execution.state not in FINAL_EXECUTION:
        return False
    if execution.state is not ExecutionState.COMPLETE or execution.built is None:
        return _fail(ports, row, f"#{execution.number} did not build the endpoint: {execution.reason}")
    if ports.settings.maintenance:
        return _say(ports, row, reason=words.resting(ports.settings.maintenance))
    reference, digest = execution.built["reference"], execution.built["digest"]
    made = f"#{execution.number} built {execution.built['kind']} {digest[:19]}"
    return _say(ports, row, state=PromotionState.DEPLOYING, image=reference, digest=digest, reason=made)


def _roll_out(ports: Ports, row: PromotionRow) -> bool:
    serving = _serving(ports, row)
    applied = ports.clusters[row.cluster].apply(serving)
    now = ports.clock()
    match applied.state:
        case ServingState.SERVING if row.state is PromotionState.SERVING:
            if not _left(ports, row, serving.repository):
                return _say(ports, row, reason="serves; what served under the repository's old name leaves")
            return _say(
                ports, row, reason=applied.reason, running_digest=applied.digest, address=applied.address
            )
        case ServingState.SERVING:
            changed = _say(
                ports, row, state=PromotionState.SERVING, reason=applied.reason, running_digest=applied.digest,
                address=applied.address, serving_at=now,
            )  # fmt: skip
            _record(ports, row)
            log.info(
                "serving", model=row.model, stage=row.stage, address=applied.address, digest=applied.digest
            )
            return changed
        case ServingState.FAILED:
            if row.state is PromotionState.SERVING:
                return _say(ports, row, reason=f"drifted, and cannot be repaired: {applied.reason}")
            return _fail(ports, row, applied.reason)
        case _:
            return _say(ports, row, reason=applied.reason)


def _left(ports: Ports, row: PromotionRow, repository: str) -> bool:
    """Whether nothing is left of it under a name that the repository had before."""
    rest = f"{row.model}/{row.stage}"
    old = moved.before(ports, row.address or "", repository, f"{rest}/{row.endpoint}")
    return not old or ports.clusters[row.cluster].end(f"{old}/{rest}")


def _serving(ports: Ports, row: PromotionRow) -> Serving:
    with ports.ledger.read() as connection:
        repository = repositories.by_id(connection, row.repository_id)
        version = registry.version(connection, row.version_id)
        assert row.execution_id is not None
        build = executions.by_id(connection, row.execution_id)
    assert build.built is not None
    asked = build.spec["build"]
    smoke = row.stage_rule.get("smoke")
    body = None
    if smoke and smoke.get("post"):
        mirror = observe.mirror_of(ports, repository)
        body = mirror.read_blob(Sha(version.sha), smoke["post"], SMOKE_LIMIT)
        if body is None:
            raise ConfigError(f"the smoke request {smoke['post']} is not in the commit {version.sha[:7]}")
    return Serving(
        repository=repository.name,
        project=row.project_id,
        model=row.model,
        stage=row.stage,
        version=version.version,
        kind=build.built["kind"],
        reference=row.image,
        digest=row.digest,
        port=asked["port"],
        prefix=f"/{repository.name}/{row.model}/{row.stage}/{row.endpoint}",
        command=asked["command"],
        replicas=row.stage_rule.get("replicas", 1),
        smoke=Smoke(body, smoke["expect"]) if smoke else None,
        resources=builds.resources_of(asked),
    )


def _retire(ports: Ports, row: PromotionRow, wanted: Wanted) -> bool:
    """A promotion that the tags no longer ask for ends when its successor serves, or at once when it has none.

    While the successor is on its way nothing is applied for this one (that would call the successor back); when the
    successor has failed, this one is kept in repair, since it is what serves.
    """
    with ports.ledger.read() as connection:
        rows = registry.promotions_of(connection, row.repository_id)
        repository = repositories.by_id(connection, row.repository_id)
    same = [r for r in rows if r.id in wanted.promotions and (r.model, r.stage) == (row.model, row.stage)]
    successor_waits = not same and (row.model, row.stage) in wanted.stages
    if row.state is PromotionState.SERVING and (
        successor_waits or any(r.state is PromotionState.FAILED for r in same)
    ):
        return _roll_out(ports, row)
    if (
        row.state is PromotionState.SERVING
        and same
        and all(r.state is not PromotionState.SERVING for r in same)
    ):
        return _say(ports, row, reason="serves until its successor answers")
    name = f"{repository.name}/{row.model}/{row.stage}"
    if row.state is PromotionState.SERVING and not same and not ports.clusters[row.cluster].end(name):
        return _say(ports, row, reason="ends: the stage was emptied by a tag")
    reason = "a later tag took its place" if same else "the stage was emptied by a tag"
    return _say(ports, row, state=PromotionState.SUPERSEDED, reason=reason, finished_at=ports.clock())


def _fail(ports: Ports, row: PromotionRow, reason: str) -> bool:
    changed = _say(ports, row, state=PromotionState.FAILED, reason=reason, finished_at=ports.clock())
    _record(ports, row)
    log.warning("promotion failed", model=row.model, stage=row.stage, why=reason)
    return changed


def _say(ports: Ports, row: PromotionRow, **values: Any) -> bool:
    """Record what changed; False when it says exactly this already."""
    news = {key: value for key, value in values.items() if getattr(row, key, None) != value}
    if not news:
        return False
    with ports.ledger.write() as connection:
        registry.set_promotion(connection, row.id, checked_at=ports.clock(), **news)
    return True


def _record(ports: Ports, row: PromotionRow) -> None:
    now = ports.clock()
    with ports.ledger.write() as connection:
        final = registry.promotion(connection, row.id)
        body = {
            "project": final.project_id,
            "version": final.version_id,
            "model": final.model,
            "stage": final.stage,
            "tag": final.tag,
            "tag_object": final.tag_object,
            "state": final.state.value,
            "reason": final.reason,
            "image": final.image,
            "digest": final.digest,
            "running_digest": final.running_digest,
            "address": final.address,
        }
        statuses.record(connection, final.repository_id, "promotion", final.id, body, now)
