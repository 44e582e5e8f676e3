"""A person lets a run begin again, or ends it. A retry opens the run's next round: nothing of an earlier one is taken over.

What is said here is said in words for people, plain text: why it was not done, or nothing.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from controller.core import status
from controller.core.triggers import Answer, Decision
from controller.ports import Ports
from controller.pulls import approved, asker
from controller.pulls.asker import Asker
from controller.reporting import statuses
from controller.triggering import asking
from controller.triggering.asking import Ask
from controller.watching import configs
from ledger import attempts, executions, repositories, rounds, runs
from ledger.repositories import RepositoryRow
from ledger.runs import RunRow
from schemas.states import FINAL_EXECUTION, FINAL_RUN, ExecutionState, RunState
from schemas.values import short

log = structlog.get_logger()

RUNNING = "is still running"
HELD = "waits for approval"
UNAPPROVED = "is not trusted, and no approval lets it run"
GONE = "its trigger cannot be read any more"


def rests(ports: Ports) -> str:
    """Why nothing that is waiting begins at present, in words; empty while it does."""
    why = ports.settings.maintenance
    return f"nothing new starts at present: {why}" if why else ""


def is_taken(connection: Connection, run: RunRow) -> bool:
    """Whether an agent has begun anything of a run's present round."""
    waiting = (ExecutionState.CREATED, ExecutionState.QUEUED)
    return any(row.state not in waiting for row in executions.of_run(connection, run.id, run.round))


@dataclass(frozen=True, slots=True)
class Retry:
    """What a retry came to: the run in its new round, or why there is none."""

    run: RunRow | None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run that shall begin again, and the concurrency group that it then has; read before anything is written."""

    run: RunRow
    group: str | None
    why_not: str = ""


def prepare(ports: Ports, run: RunRow) -> Wanted:
    """What a retry of this run rests on. One that was filtered out is asked for as if its event had started it."""
    config = configs.of(ports, run.project_id, run.sha)
    trigger = next((each for each in config.triggers if each.name == run.trigger), None) if config else None
    if trigger is None:
        return Wanted(run, None, GONE)
    with ports.ledger.read() as connection:
        project = repositories.project(connection, run.project_id)
    ask = Ask(run.event, run.sha, run.ref, run.before, run.trust, run.occurrence, run.pull_request)
    return Wanted(run, asking.run_of(project, ask, Decision(trigger, Answer.FIRES)).concurrency_group)


def retry(
    connection: Connection,
    ports: Ports,
    repository: RepositoryRow,
    wanted: Wanted,
    who: Asker,
    now: datetime,
) -> Retry:
    """Open the next round of a run, say it and put it into the audit. The run is looked at again, in this transaction."""
    run = runs.by_id(connection, wanted.run.id)
    if run.state not in FINAL_RUN:
        return Retry(None, RUNNING)
    if run.state is RunState.NEUTRAL and run.reason in status.HELD:
        return Retry(None, HELD)
    approval = None
    if run.trust != "trusted":
        approval = approved.standing(ports, connection, repository, run.sha, now)
        if approval is None:
            return Retry(None, UNAPPROVED)
    if wanted.why_not:
        return Retry(None, wanted.why_not)
    stop(connection, run, now)
    opened = rounds.open_next(
        connection,
        run,
        f"round {run.round + 1}, asked for by {who.shown}",
        asking.moment(connection, repository.id, now),
        wanted.group,
        approval.id if approval is not None else None,
    )
    if opened is None:
        return Retry(None, RUNNING)
    statuses.of_run(connection, ports, repository, opened, now)
    detail = {"trigger": run.trigger, "sha": run.sha, "round": opened.round}
    asker.note(connection, who, "retry", run.id, detail, now)
    log.info(
        "run begins again", trigger=run.trigger, commit=short(run.sha), round=opened.round, who=who.account
    )
    return Retry(opened)


def cancel(
    connection: Connection, ports: Ports, repository: RepositoryRow, run: RunRow, who: Asker, now: datetime
) -> bool:
    """End an open run. Its pipeline and tasks end as those of any run that is over. False when it was over already."""
    run = runs.by_id(connection, run.id)
    if run.state in FINAL_RUN or not runs.set_state(
        connection, run, RunState.CANCELLED, f"{who.shown} asked for it", now
    ):
        return False
    stop(connection, run, now)
    statuses.of_run(connection, ports, repository, runs.by_id(connection, run.id), now)
    detail = {"trigger": run.trigger, "sha": run.sha, "round": run.round}
    asker.note(connection, who, "cancel", run.id, detail, now)
    log.info("run ended", trigger=run.trigger, commit=short(run.sha), state="cancelled", who=who.account)
    return True


def stop(connection: Connection, run: RunRow, now: datetime) -> None:
    """Ask what a run's present round has begun to end."""
    for row in executions.of_run(connection, run.id, run.round):
        if row.state not in FINAL_EXECUTION:
            attempts.ask_to_stop(connection, row.id, now)
