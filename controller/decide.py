"""Observations become runs. Each observation is handled once, in one transaction with the runs that it starts."""

from collections.abc import Sequence

import structlog

from controller import configs, observe, statuses
from controller.core import events, triggers
from controller.core.events import Observation, Push
from controller.core.triggers import Answer, Decision
from controller.ports import Ports
from ledger import observations, repositories, runs, verdicts
from ledger.observations import ObservationRow
from ledger.repositories import ProjectRow, RepositoryRow
from schemas.errors import LuotsiError
from schemas.repo_config import RepoConfig, Trigger
from schemas.states import RunState
from schemas.values import RefName, Sha, short

log = structlog.get_logger()


def decide(ports: Ports) -> int:
    """Turn what was observed and judged into runs; how many observations were handled."""
    with ports.ledger.read() as connection:
        waiting = observations.repositories_with_unhandled(connection)
        known = {repository.id: repository for repository in repositories.watched(connection)}
    handled = 0
    for repository_id in waiting:
        if repository_id not in known:
            continue
        with ports.ledger.read() as connection:
            rows = observations.unhandled(connection, repository_id)
            projects = repositories.projects_of(connection, repository_id)
        for row in rows:
            if not _handle(ports, known[repository_id], projects, row):
                break  # its head has no verdict yet: later steps of the repository keep their order
            handled += 1
    return handled


def _handle(
    ports: Ports, repository: RepositoryRow, projects: Sequence[ProjectRow], row: ObservationRow
) -> bool:
    with ports.ledger.read() as connection:
        if row.sha is not None and not verdicts.is_judged(connection, repository.id, row.sha):
            return False
        fresh = observations.fresh_of(connection, row.id)
        if any(not verdicts.is_judged(connection, repository.id, sha) for sha in fresh):
            return False
        message = verdicts.message_of(connection, repository.id, row.sha) if row.sha else ""
    push = events.push_of(_observation(row), [Sha(sha) for sha in fresh])
    found: list[runs.NewRun] = []
    if push is not None:
        changed = _changed(ports, repository, push)
        for project in projects:
            found += _runs_at_head(ports, project, push, message, changed)
            found += _superseded(ports, project, push)
    now = ports.clock()
    with ports.ledger.write() as connection:
        for new in found:
            run_id = runs.create(connection, new, now)
            if run_id is None and new.state is RunState.WAITING:
                run_id = runs.reopen_filtered(connection, new)
            if run_id is not None:
                statuses.of_run(connection, ports, repository, runs.by_id(connection, run_id), now)
        observations.handled(connection, [row.id], now)
    started = [new.trigger for new in found if new.state is RunState.WAITING]
    if push is not None:
        log.info("decided", repository=repository.name, ref=push.ref, commit=push.head[:7], triggers=started)
    return True


def _observation(row: ObservationRow) -> Observation:
    sha = Sha(row.sha) if row.sha else None
    return Observation(row.id, RefName(row.ref), sha, Sha(row.before) if row.before else None, row.baseline)


def _changed(ports: Ports, repository: RepositoryRow, push: Push) -> frozenset[str] | None:
    """Paths that the push changes: against the old head, for a new branch against the merge base to the default one."""
    mirror = observe.mirror_of(ports, repository)
    try:
        before = push.before
        if before is None:
            with ports.ledger.read() as connection:
                main = observations.heads(connection, repository.id).get(
                    f"refs/heads/{repository.default_branch}"
                )
            before = mirror.merge_base(Sha(main), push.head) if main and main != push.head else None
        if before is None:
            return None
        paths = mirror.changed_paths(before, push.head)
    except LuotsiError as error:
        log.warning("the changed paths are not known", repository=repository.name, reason=str(error))
        return None
    return None if paths is None else frozenset(paths)


def _runs_at_head(
    ports: Ports, project: ProjectRow, push: Push, message: str, changed: frozenset[str] | None
) -> list[runs.NewRun]:
    config = configs.of(ports, project.id, push.head)
    if config is None:
        return []
    decisions = triggers.on_push(config.triggers, push, message, changed)
    return [_run(project, push, push.head, d) for d in decisions if d.answer is not Answer.SILENT]


def _superseded(ports: Ports, project: ProjectRow, push: Push) -> list[runs.NewRun]:
    """The commits between end neutral: their checks are declared, and a declared check always ends."""
    found = []
    for sha in push.between:
        config = configs.of(ports, project.id, sha)
        for trigger in _watching(config, push):
            each = trigger.every_commit
            reason = "" if each else f"superseded by {short(push.head)}"
            decision = Decision(trigger, Answer.FIRES if each else Answer.SKIPPED, reason)
            found.append(_run(project, push, sha, decision))
    return found


def _watching(config: RepoConfig | None, push: Push) -> list[Trigger]:
    return [] if config is None else [t for t in config.triggers if triggers.watches(t, push.branch)]


def _run(project: ProjectRow, push: Push, sha: Sha, decision: Decision) -> runs.NewRun:
    trigger = decision.trigger
    fires = decision.answer is Answer.FIRES
    return runs.NewRun(
        repository_id=project.repository_id,
        project_id=project.id,
        trigger=trigger.name,
        sha=sha,
        ref=push.ref,
        before=push.before,
        rule={
            "target": {"kind": trigger.target.kind, "name": trigger.target.name},
            "expect": [expectation.text for expectation in trigger.expect],
            "required": trigger.required,
        },
        state=RunState.WAITING if fires else RunState.NEUTRAL,
        reason="" if fires else decision.reason,
    )
