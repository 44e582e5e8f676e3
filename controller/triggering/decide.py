"""Observations become runs. Each observation is handled once, in one transaction with the runs that it starts."""

from collections.abc import Mapping, Sequence

import structlog

from controller import isolate
from controller.core import events, triggers
from controller.core.events import Observation, Push, Tagged
from controller.ports import Ports
from controller.pulls import events as forge_events
from controller.triggering import asking
from controller.triggering.asking import Ask
from controller.watching import configs, observe, watched
from ledger import observations, repositories, verdicts
from ledger.observations import ObservationRow
from ledger.repositories import ProjectRow, RepositoryRow
from ledger.runs import NewRun
from schemas.errors import LuotsiError
from schemas.states import RunState
from schemas.values import RefName, Sha

log = structlog.get_logger()


BATCH = 25
"""Observations of one repository that a turn acts upon: others do not wait for ten thousand branches of one push."""


def decide(ports: Ports) -> int:
    """Turn what was observed and judged into runs; of how many repositories any was handled."""
    with ports.ledger.read() as connection:
        waiting = observations.repositories_with_unhandled(connection)
        rows = repositories.watched_of(connection, waiting, ports.forges)
    return isolate.each(rows, lambda row: _repository(ports, row), lambda row, bug: _pass_over(ports, row))


def _repository(ports: Ports, repository: RepositoryRow) -> bool:
    with ports.ledger.read() as connection:
        rows = observations.unhandled(connection, repository.id, BATCH)
    projects = watched.projects(ports, repository)
    handled = False
    for row in rows:
        if not _handle(ports, repository, projects, row):
            break  # its head has no verdict yet: later steps of the repository keep their order
        handled = True
    return handled


def _pass_over(ports: Ports, repository: RepositoryRow) -> None:
    """A bug of ours at one observation must not hold up those after it."""
    with ports.ledger.write() as connection:
        rows = observations.unhandled(connection, repository.id, 1)
        observations.handled(connection, [row.id for row in rows], ports.clock())


def _handle(
    ports: Ports, repository: RepositoryRow, projects: Sequence[ProjectRow], row: ObservationRow
) -> bool:
    with ports.ledger.read() as connection:
        fresh = observations.fresh_of(connection, row.id)
        # A baseline's tags are never judged, and ask for nothing.
        owed = [*fresh, row.sha] if row.sha is not None and not row.baseline else fresh
        if any(not verdicts.is_judged(connection, repository.id, sha) for sha in owed):
            return False
        messages = {sha: verdicts.message_of(connection, repository.id, sha) for sha in owed}
    found = _runs(ports, repository, projects, row, messages)
    now = ports.clock()
    with ports.ledger.write() as connection:
        asking.record(connection, ports, repository, found, now)
        observations.handled(connection, [row.id], now)
    if row.sha is not None and not row.baseline:
        started = [new.trigger for new in found if new.state is RunState.WAITING]
        log.info("decided", repository=repository.name, ref=row.ref, commit=row.sha[:7], triggers=started)
    return True


def _runs(
    ports: Ports,
    repository: RepositoryRow,
    projects: Sequence[ProjectRow],
    row: ObservationRow,
    messages: Mapping[str, str],
) -> list[NewRun]:
    observation = _observation(row)
    if observation.sha is not None and not observation.baseline:
        group = events.queued(observation.ref, observation.sha)
        if group is not None:
            return forge_events.of_pull_request(ports, repository, group)[0]
    tag = events.tag_of(observation)
    if tag is not None:
        return [new for project in projects for new in _of_tag(ports, project, tag)]
    push = events.push_of(observation, [Sha(sha) for sha in messages])
    if push is None:
        return []
    changed = _changed(ports, repository, push)
    return [new for project in projects for new in _of_push(ports, project, push, messages, changed)]


def _observation(row: ObservationRow) -> Observation:
    sha = Sha(row.sha) if row.sha else None
    return Observation(row.id, RefName(row.ref), sha, Sha(row.before) if row.before else None, row.baseline)


def _of_tag(ports: Ports, project: ProjectRow, tag: Tagged) -> list[NewRun]:
    config = configs.of(ports, project.id, tag.head)
    ask = Ask("tag", tag.head, tag.ref, occurrence=events.clip(tag.name))
    return asking.runs_of(project, ask, triggers.on_tag(config.triggers, tag) if config else [])


def _of_push(
    ports: Ports,
    project: ProjectRow,
    push: Push,
    messages: Mapping[str, str],
    changed: frozenset[str] | None,
) -> list[NewRun]:
    """Oldest commit first: the declared checks of those between end neutral, unless a trigger wants each of them."""
    found: list[NewRun] = []
    for sha in (*push.between, push.head):
        config = configs.of(ports, project.id, sha)
        if config is not None:
            answer = triggers.on_push if sha == push.head else triggers.on_between
            decisions = answer(config.triggers, push, messages[sha], changed)
            found += asking.runs_of(project, Ask("push", sha, push.ref, push.before), decisions)
    return found


def _changed(ports: Ports, repository: RepositoryRow, push: Push) -> frozenset[str] | None:
    """Paths that the push changes: against the old head, for a new branch against the merge base to the default one."""
    mirror = observe.mirror_of(ports, repository)
    try:
        before = push.before
        if before is None:
            with ports.ledger.read() as connection:
                main = observations.heads(connection, repository.id).get(
                    f"{events.BRANCHES}{repository.default_branch}"
                )
            before = mirror.merge_base(Sha(main), push.head) if main and main != push.head else None
        if before is None:
            return None
        paths = mirror.changed_paths(before, push.head)
    except LuotsiError as error:
        log.warning("the changed paths are not known", repository=repository.name, reason=str(error))
        return None
    return None if paths is None else frozenset(paths)
