"""Makes the runs that an event asks for. The one place: whatever the event, a run is made, begins again or is shared here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from controller.core import concurrency, events, status, triggers, trust
from controller.core.triggers import Answer, Decision
from controller.ports import Ports
from controller.reporting import statuses
from controller.triggering import overtaking
from ledger import runs
from ledger.repositories import ProjectRow, RepositoryRow
from ledger.runs import NewRun
from schemas.repo_config import Trigger
from schemas.states import RunState

UNTRUSTED = "untrusted: "
"""How the names of concurrency groups of untrusted runs begin."""

_TICK = timedelta(microseconds=1)
_SKEW = timedelta(seconds=1)
"""How far the last run may lie ahead of the clock to be followed; beyond that the clock was put right."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What an event brings along for all its runs. `before`: where a gate begins to look for its base."""

    event: str
    sha: str
    ref: str
    before: str | None = None
    trust: str = "trusted"
    occurrence: str = ""
    pull_request: int | None = None
    approval: str | None = None
    """Id of the approval by which untrusted code may run."""


def runs_of(project: ProjectRow, ask: Ask, decisions: Sequence[Decision]) -> list[NewRun]:
    """The runs of a project: one for each trigger that is declared for the event, started or not."""
    return [run_of(project, ask, one) for one in decisions if one.answer is not Answer.SILENT]


def run_of(project: ProjectRow, ask: Ask, decision: Decision) -> NewRun:
    """One run: what starts waits, what is held back is neutral with its reason."""
    trigger = decision.trigger
    fires = decision.answer is Answer.FIRES
    return NewRun(
        repository_id=project.repository_id,
        project_id=project.id,
        trigger=trigger.name,
        sha=ask.sha,
        ref=ask.ref,
        before=ask.before,
        rule=triggers.rule(trigger, decision.kept),
        event=ask.event,
        trust=ask.trust,
        occurrence=ask.occurrence,
        state=RunState.WAITING if fires else RunState.NEUTRAL,
        reason="" if fires else decision.reason,
        pull_request=ask.pull_request,
        concurrency_group=_group(trigger, ask) if fires else None,
        approval_id=ask.approval if fires and ask.trust != "trusted" else None,
    )


def _group(trigger: Trigger, ask: Ask) -> str | None:
    if trigger.concurrency is None:
        return None
    named = concurrency.group(trigger.concurrency.group, trigger.name, ask.ref, ask.pull_request)
    # Groups of their own: what an untrusted file calls its group replaces, and holds up, nothing that is trusted.
    return named if ask.trust == "trusted" else events.clip(f"{UNTRUSTED}{named}", concurrency.LONGEST)


def record(
    connection: Connection, ports: Ports, repository: RepositoryRow, found: Sequence[NewRun], now: datetime
) -> list[str]:
    """Record what an event asked for, in its transaction, and say it; the ids of runs that are new or begin again.

    A microsecond lies between any two runs of a repository, so that the order of their creation says who came first.
    """
    made = []
    first = moment(connection, repository.id, now) if found else now
    for place, new in enumerate(found):
        created = first + place * _TICK
        run_id = runs.create(connection, new, created)
        shared = None
        if run_id is None:
            run_id = _again(connection, ports, new, created)
            shared = runs.adopt(connection, new) if new.pull_request is not None else None
            shared = runs.filter_held(connection, new, status.HELD) or shared
        if run_id is not None:
            made.append(run_id)
        if run_id or shared:
            said = runs.by_id(connection, run_id or shared or "")
            statuses.of_run(connection, ports, repository, said, now)
    return made


def moment(connection: Connection, repository_id: str, now: datetime) -> datetime:
    """When a run that begins now is created: after every other one of its repository."""
    last = runs.last_created(connection, repository_id)
    return last + _TICK if last is not None and now <= last < now + _SKEW else now


def _again(connection: Connection, ports: Ports, new: NewRun, now: datetime) -> str | None:
    if new.state is not RunState.WAITING:
        return None
    started = runs.reopen_filtered(connection, new, now)
    # A branch that came back is newer than what replaced the run; without a group nothing replaces it again.
    if started is None and (new.event == "push" or new.concurrency_group is None):
        started = runs.reopen_replaced(connection, new, now)
    if started is None and new.approval_id is not None:
        started = runs.reopen_stopped(connection, new, trust.STOPPED, now)
    return started or overtaking.overtake(connection, ports, new, now)
