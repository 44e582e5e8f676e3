"""Starts what is due by the clock: at the branch's head, once for each fire time (rules: controller/core/schedule).

The default branch's file says when, so that nobody starts work by the clock from a branch of their own; the head of the branch
that a schedule names says what: its own file's trigger of that name runs, with what it says there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from controller import isolate
from controller.core import schedule
from controller.core.events import BRANCHES, clip
from controller.core.triggers import Answer, Decision
from controller.ports import Ports
from controller.triggering import asking
from controller.triggering.asking import Ask
from controller.watching import configs, watched
from ledger import observations, repositories, schedules, verdicts
from ledger.repositories import ProjectRow, RepositoryRow
from ledger.runs import NewRun
from ledger.schedules import Known, Standing
from schemas import moments
from schemas.errors import ConfigError
from schemas.repo_config import ScheduleRule, Trigger

log = structlog.get_logger()

STEP = "schedules"
LONGEST = 300
"""Characters of a rule, as the ledger keeps it."""


def fire(ports: Ports) -> int:
    """Start the runs that are due; how many repositories had any, or a schedule that is new, changed or gone.

    A project whose default branch stands where it stood, and of which nothing is due, is passed over.
    """
    now = ports.clock()
    with ports.ledger.read() as connection:
        stirred = {
            id: one
            for id, one in schedules.standing(connection, BRANCHES).items()
            if one.main is not None and not ports.unchanged.still((STEP, id), one.basis, now)
        }
        ids = {one.repository_id for one in stirred.values()}
        rows = repositories.watched_of(connection, ids, ports.forges)
    return isolate.each(rows, lambda row: _repository(ports, row, stirred), lambda row, bug: None)


@dataclass(frozen=True, slots=True)
class _Place:
    """A project, and its repository's default branch as it stands. `main`: the commit of that branch."""

    ports: Ports
    repository: RepositoryRow
    project: ProjectRow
    main: str
    standing: Standing


def _repository(ports: Ports, repository: RepositoryRow, stirred: Mapping[str, Standing]) -> bool:
    mine = [one for one in watched.projects(ports, repository) if one.id in stirred]
    if not mine:
        return False
    main = stirred[mine[0].id].main
    assert main is not None
    with ports.ledger.read() as connection:
        if not verdicts.is_judged(connection, repository.id, main):
            return False  # the next turn knows what the file says
    places = [_Place(ports, repository, one, main, stirred[one.id]) for one in mine]
    # Every project, not only up to the first that changed.
    return sum(_project(place) for place in places) > 0


def _project(place: _Place) -> bool:
    ports, project, known = place.ports, place.project, place.standing.known
    config = configs.of(ports, project.id, place.main, holding="schedule")
    wanted = [trigger for trigger in config.triggers if trigger.when.schedule is not None] if config else []
    gone = known.keys() - {trigger.name for trigger in wanted}
    for name in gone:
        with ports.ledger.write() as connection:
            schedules.forget(connection, project.id, name)
    now = ports.clock()
    changed = sum(_consider(place, trigger, known.get(trigger.name)) for trigger in wanted)
    if gone or changed:
        return True
    if (until := _next(wanted, known)) is None or until > now:
        ports.unchanged.rest((STEP, project.id), place.standing.basis, now, until)
    return False


def _next(wanted: Sequence[Trigger], known: Known) -> datetime | None:
    """When the first of the schedules is due; None: never."""
    found = []
    for trigger in wanted:
        rule = trigger.when.schedule
        assert rule is not None
        try:
            found.append(schedule.following_fire(rule.cron, rule.timezone, known[trigger.name][1]))
        except ConfigError:
            continue  # it never fires
    return min((one for one in found if one is not None), default=None)


def _consider(place: _Place, trigger: Trigger, known: tuple[str, datetime] | None) -> bool:
    rule = trigger.when.schedule
    assert rule is not None
    ports, project, now = place.ports, place.project, place.ports.clock()
    branch = rule.branch or place.repository.default_branch
    text = spelled(rule, branch)
    # A clock that was put right: what it said before cannot be waited for.
    if known is None or known[0] != text or known[1] > now:
        with ports.ledger.write() as connection:
            schedules.consider(connection, project.id, trigger.name, text, now)
        return True
    try:
        answer = schedule.due(rule, known[1], now)
    except ConfigError as error:
        log.warning("a schedule never fires", trigger=trigger.name, reason=str(error))
        return False
    if answer.until == known[1]:
        return False
    found: list[NewRun] = []
    if answer.fire is not None:
        made = _run(place, trigger, branch, answer.fire)
        if made is None:
            return False  # the branch's head has no verdict yet: the next turn starts it
        found.append(made)
    with ports.ledger.write() as connection:
        asking.record(connection, ports, place.repository, found, now)
        schedules.consider(connection, project.id, trigger.name, text, answer.until)
    log.info("schedule", repository=place.repository.name, trigger=trigger.name, fire=str(answer.fire))
    return True


def _run(place: _Place, trigger: Trigger, branch: str, fire: datetime) -> NewRun | None:
    """The run of a fire time; neutral where the branch, or its own trigger of this name, is not there. None: not yet."""
    ref = BRANCHES + branch
    with place.ports.ledger.read() as connection:
        head = observations.head(connection, place.repository.id, ref)
        judged = head is not None and verdicts.is_judged(connection, place.repository.id, head)
    if head is None:
        held = Decision(trigger, Answer.SKIPPED, f"there is no branch {branch}")
        return asking.run_of(place.project, _ask(place.main, ref, fire), held)
    if not judged:
        return None
    config = configs.of(place.ports, place.project.id, head)
    own = next((one for one in config.triggers if one.name == trigger.name), None) if config else None
    if own is None:
        held = Decision(trigger, Answer.SKIPPED, f"the head of {branch} has no sound trigger {trigger.name}")
        return asking.run_of(place.project, _ask(head, ref, fire), held)
    return asking.run_of(place.project, _ask(head, ref, fire), Decision(own, Answer.FIRES))


def _ask(sha: str, ref: str, fire: datetime) -> Ask:
    # A gate looks for its base from here back: along the branch, not from where it left the default one.
    return Ask("schedule", sha, ref, before=sha, occurrence=moments.to_text(fire))


def spelled(rule: ScheduleRule, branch: str) -> str:
    """A rule as one text; another text is another schedule, which begins anew."""
    return clip(f"{' '.join(rule.cron.split())} {rule.timezone} {branch}", LONGEST)
