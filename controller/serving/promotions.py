"""Tags become versions and promotions: each tag is judged once, a version is bound for ever, a stage follows GTO's state.

A tag that moved or vanished changes nothing here; only `!` undoes. Serving itself is controller/serving/serve.py's.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from controller import isolate
from controller.core import status
from controller.core.serving import policies
from controller.core.serving import promote as core
from controller.core.serving.promote import (
    Accepted,
    Facts,
    Ignored,
    RefusedTag,
    RegistryState,
    StageState,
    Waits,
)
from controller.git.mirror import Mirror
from controller.ports import Ports
from controller.reporting import statuses
from controller.reporting.statuses import TagWord
from controller.serving import sources, wanted
from controller.watching import configs, observe
from ledger import audit, observations, registry, repositories
from ledger.registry import Bound, Candidate, PromotionRow
from ledger.repositories import ProjectRow, RepositoryRow
from schemas import moments
from schemas.errors import ConfigError
from schemas.repo_config import Model, Stage
from schemas.states import PromotionState
from schemas.values import Sha

log = structlog.get_logger()

STEP = "promotions"


@dataclass(frozen=True, slots=True)
class Scene:
    """A repository's registry as one turn sees it."""

    repository: RepositoryRow
    projects: tuple[ProjectRow, ...]
    mirror: Mirror
    rows: dict[str, Any]
    """Tag object -> its observation."""
    state: RegistryState
    bound: dict[tuple[str, str], Bound]
    head: str | None
    """The default branch's commit, whose file decides the stages' policies."""


def promote(ports: Ports) -> int:
    """Judge tags, bind versions and start promotions, a repository at a time; how many repositories changed.

    One whose tags all have what they ask for is passed over until a tag, a version or a promotion of it changes.
    """
    now = ports.clock()
    with ports.ledger.read() as connection:
        standing = {
            id: basis
            for id, basis in registry.standing(connection).items()
            if not ports.unchanged.still((STEP, id), basis, now)
        }
        rows = repositories.watched_of(connection, standing, ports.forges)

    def act(row: RepositoryRow) -> bool:
        if _repository(ports, row):
            return True
        if wanted.is_settled(ports, row.id):
            ports.unchanged.rest((STEP, row.id), standing[row.id], now)
        return False

    return isolate.each(rows, act, lambda row, bug: None)


def _repository(ports: Ports, repository: RepositoryRow) -> bool:
    with ports.ledger.read() as connection:
        rows = registry.tags(connection, repository.id)
    mirror = observe.mirror_of(ports, repository)
    changed = _judge_tags(ports, repository, mirror, rows)
    scene = scene_of(ports, repository)
    changed |= _bind_versions(ports, scene)
    return changed | _start_promotions(ports, scene)


def scene_of(ports: Ports, repository: RepositoryRow) -> Scene:
    """A repository's registry as it is now: the state that the accepted tags add up to."""
    with ports.ledger.read() as connection:
        rows = registry.tags(connection, repository.id)
        projects = tuple(repositories.projects_of(connection, repository.id))
        bound = registry.bound(connection, repository.id)
        head = observations.heads(connection, repository.id).get(f"refs/heads/{repository.default_branch}")
    return Scene(
        repository,
        projects,
        observe.mirror_of(ports, repository),
        {row.tag_object: row for row in rows},
        core.registry_state(wanted.tag(row) for row in rows if row.decision == "accepted"),
        bound,
        head,
    )


def _judge_tags(ports: Ports, repository: RepositoryRow, mirror: Mirror, rows: list[Any]) -> bool:
    open_rows = [row for row in rows if row.decision in wanted.OPEN]
    if not open_rows:
        return False
    accepted = tuple(wanted.tag(row) for row in rows if row.decision == "accepted")
    reachable = {row.tag_object: is_protected(ports, repository, mirror, row.target) for row in open_rows}
    changed = False
    for protected in (True, False):
        tags = [wanted.tag(row) for row in open_rows if reachable[row.tag_object] is protected]
        for tag, decision in core.judge(tags, Facts(accepted, None, protected), ports.clock()):
            row = next(row for row in open_rows if (row.name, row.tag_object) == (tag.name, tag.tag_object))
            changed |= _keep(ports, repository, row, decision)
            if isinstance(decision, Accepted):
                accepted = (*accepted, tag)
    return changed


def protected(ports: Ports, repository: RepositoryRow) -> tuple[str, ...]:
    """The branches whose commits may be served. Which are protected the settings say, never the commit."""
    watched = ports.settings.watched(repository.name)
    return (watched.protected if watched else ()) or (repository.default_branch,)


def is_protected(ports: Ports, repository: RepositoryRow, mirror: Mirror, target: str) -> bool:
    """Whether a protected branch contains the commit."""
    refs = mirror.refs()
    for name in protected(ports, repository):
        head = next((sha for ref, sha in refs.items() if ref == f"refs/heads/{name}"), None)
        if head is not None and (head == target or mirror.merge_base(head, Sha(target)) == target):
            return True
    return False


def _keep(ports: Ports, repository: RepositoryRow, row: Any, decision: core.Decision) -> bool:
    word, reason = _words(decision)
    now = ports.clock()
    with ports.ledger.write() as connection:
        if not registry.decide_tag(connection, row.id, word, reason):
            return False
        if word != "waiting":
            body = {
                "name": row.name,
                "tag_object": row.tag_object,
                "target": row.target,
                "tagger": row.tagger,
                "tagged_at": moments.to_text(row.tagged_at) if row.tagged_at else None,
                "first_seen": moments.to_text(row.first_seen),
                "decision": word,
                "reason": reason,
            }
            statuses.record(connection, repository.id, "tag", row.tag_object, body, now)
        if isinstance(decision, RefusedTag):
            _refuse(connection, ports, repository, row, decision)
    if word != "ignored":
        log.info("tag judged", repository=repository.name, tag=row.name, decision=word, why=reason)
    return True


def _refuse(
    connection: Connection, ports: Ports, repository: RepositoryRow, row: Any, refused: RefusedTag
) -> None:
    """Say it on the tag's commit; of a tag that was accepted and has moved on the one where it was, too."""
    now = ports.clock()
    if not refused.alarm:
        word = TagWord(row.name, row.target, "failure", refused.reason)
        statuses.of_tag(connection, ports, repository, word, now)
        return
    before = [known.target for known in registry.tags(connection, repository.id) if known.name == row.name]
    for sha in dict.fromkeys((*before, row.target)):
        word = TagWord(row.name, sha, "error", refused.reason)
        statuses.of_tag(connection, ports, repository, word, now)
    audit.note(connection, row.tagger, "moved an accepted tag", row.name, {"to": row.target}, now)


def _settle(
    connection: Connection,
    ports: Ports,
    repository: RepositoryRow,
    row: Any,
    state: status.ForgeState,
    words: str,
) -> bool:
    """What became of an accepted tag: kept, and said on its commit if it has no effect or had none before."""
    changed = registry.decide_tag(connection, row.id, "accepted", words)
    if changed and state != "pending":
        word = TagWord(row.name, row.target, state, words)
        statuses.of_tag(connection, ports, repository, word, ports.clock())
    return changed


def _words(decision: core.Decision) -> tuple[str, str]:
    match decision:
        case Accepted(parsed):
            return "accepted", f"{parsed.action} {parsed.model}"
        case Ignored(reason):
            return "ignored", reason
        case RefusedTag(reason):
            return "refused", reason
        case Waits(reason):
            return "waiting", reason


def _bind_versions(ports: Ports, scene: Scene) -> bool:
    """Bind every registered version that has none yet to the execution that made it, or say what it waits for."""
    changed = False
    for model in scene.state.values():
        for version in model.versions.values():
            if not version.named or not version.registered or (model.model, version.version) in scene.bound:
                continue
            row = scene.rows[version.tag.tag_object]
            project, made, state, words = _source(ports, scene, model.model, version.target, version.tag.name)
            with ports.ledger.write() as connection:
                if project is None or made is None:
                    changed |= _settle(connection, ports, scene.repository, row, state, words)
                    continue
                now = ports.clock()
                bound = registry.bind(
                    connection,
                    project.id,
                    row,
                    model.model,
                    version.version,
                    made,
                    now,
                )
                words = f"register {model.model}: bound to its execution"
                _settle(connection, ports, scene.repository, row, "success", words)
                _record_version(connection, scene, bound, now)
            scene.bound[(model.model, version.version)] = bound
            log.info("version registered", model=model.model, version=version.version, digest=bound.digest)
            changed = True
    return changed


def _source(
    ports: Ports, scene: Scene, name: str, sha: str, tag: str
) -> tuple[ProjectRow | None, Candidate | None, status.ForgeState, str]:
    """The project of a version and the execution that made it; where there is none yet, state and sentence for the tag."""
    try:
        project, rule = model_at(ports, scene, name, sha)
        made = sources.find(ports, project, rule, sha)
        if made is not None:
            return project, made, "success", ""
        return project, None, *sources.ask(ports, scene.repository, project, rule, sha, tag)
    except ConfigError as error:
        return None, None, "failure", str(error)


def _record_version(connection: Any, scene: Scene, bound: Bound, now: datetime) -> None:
    body = {
        "project": bound.project_id,
        "model": bound.model,
        "version": bound.version,
        "sha": bound.sha,
        "execution": bound.execution_id,
        "output": bound.output_id,
        "digest": bound.digest,
    }
    statuses.record(connection, scene.repository.id, "version", bound.id, body, now)


def model_at(ports: Ports, scene: Scene, name: str, sha: str) -> tuple[ProjectRow, Model]:
    """The project and the model item that a tag's artifact means: `churn`, or with its folder `models/eu:churn`."""
    folder = name.rpartition(":")[0]
    projects = {project.root: project for project in scene.projects if folder in ("", project.root)}
    files = {root: configs.of(ports, project.id, sha) for root, project in projects.items()}
    read = {root: file for root, file in files.items() if file is not None}
    root, model = policies.model_of(read, name, sha)
    return projects[root], model


def _start_promotions(ports: Ports, scene: Scene) -> bool:
    """Where a stage's state is served by nobody's promotion, start one; what a stage no longer names is superseded."""
    with ports.ledger.read() as connection:
        rows = registry.promotions_of(connection, scene.repository.id)
    known = {(row.tag_object, row.stage): row for row in rows}
    asked: set[str] = set()
    changed = False
    for model in scene.state.values():
        for stage in model.stages.values():
            row = known.get((stage.tag.tag_object, stage.stage))
            bound = scene.bound.get((model.model, stage.version.version))
            if row is not None:
                asked.add(row.id)
                changed |= _revive(ports, row)
            elif bound is not None:
                started = _start(ports, scene, stage, bound)
                asked |= started
                changed |= bool(started)
            else:
                words = policies.waits_for_version(model.model, stage.version.target)
                with ports.ledger.write() as connection:
                    waits = scene.rows[stage.tag.tag_object]
                    changed |= _settle(connection, ports, scene.repository, waits, "pending", words)
    return _supersede(ports, [row for row in rows if row.id not in asked]) or changed


def _start(ports: Ports, scene: Scene, stage: StageState, bound: Bound) -> set[str]:
    row = scene.rows[stage.tag.tag_object]
    try:
        project, model = model_at(ports, scene, bound.model, bound.sha)
        rule = policy(ports, scene, project, model, stage.stage)
        endpoint, _ = policies.served_by(model)
        if rule.cluster not in ports.clusters:
            names = ", ".join(ports.clusters) or "none"
            raise ConfigError(f"there is no cluster {rule.cluster}", hint=f"This installation has: {names}.")
    except ConfigError as error:
        with ports.ledger.write() as connection:
            _settle(connection, ports, scene.repository, row, "failure", str(error))
        return set()
    kept = {
        "replicas": rule.replicas,
        "require": list(rule.require),
        "smoke": {"post": rule.smoke.post, "expect": rule.smoke.expect} if rule.smoke else None,
    }
    plan = registry.Plan(stage.stage, rule.cluster, endpoint, kept)
    with ports.ledger.write() as connection:
        promotion = registry.promote(connection, bound, row, plan, ports.clock())
        words = f"assign {bound.model}: promotes {bound.version}"
        _settle(connection, ports, scene.repository, row, "success", words)
    log.info("promotion started", model=bound.model, version=bound.version, stage=stage.stage)
    return {promotion}


def policy(ports: Ports, scene: Scene, project: ProjectRow, model: Model, stage: str) -> Stage:
    """The stage as the default branch's file has it; its requirements and the tagged commit's together, never fewer."""
    main = configs.of(ports, project.id, scene.head) if scene.head else None
    return policies.stage_rule(model, main, stage)


def _revive(ports: Ports, row: PromotionRow) -> bool:
    """A stage that falls back to an earlier promotion serves that one again."""
    if row.state is not PromotionState.SUPERSEDED:
        return False
    with ports.ledger.write() as connection:
        registry.set_promotion(
            connection, row.id, state=PromotionState.WAITING, reason="serves again: the later one was undone",
            finished_at=None, accepted_at=ports.clock(),
        )  # fmt: skip
    return True


def _supersede(ports: Ports, rows: list[PromotionRow]) -> bool:
    """Promotions that no stage names any more. While a successor is on its way, the one that serves goes on serving."""
    changed = False
    for row in rows:
        if row.state in (PromotionState.SUPERSEDED, PromotionState.FAILED, PromotionState.SERVING):
            continue
        with ports.ledger.write() as connection:
            registry.set_promotion(
                connection, row.id, state=PromotionState.SUPERSEDED, reason="a later tag took its place",
                finished_at=ports.clock(),
            )  # fmt: skip
        changed = True
    return changed
