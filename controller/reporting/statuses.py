"""Puts a run's word into the outbox, and its record when it is final: in the transaction that changes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from controller.core import status
from controller.ports import Ports
from ledger import groups, outbox, repositories
from ledger.repositories import RepositoryRow
from ledger.runs import RunRow
from schemas import moments
from schemas.messages.record import VERSION, Kind, Record
from schemas.states import FINAL_RUN, RunState
from stores import keys


def of_run(
    connection: Connection, ports: Ports, repository: RepositoryRow, run: RunRow, now: datetime
) -> None:
    """Say what the run is now, if the check is its own to speak for. Saying the same twice writes nothing."""
    if groups.owns_check(connection, run):
        project = repositories.project(connection, run.project_id)
        state, description = status.of_run(run.state, run.reason or "waiting for an agent")
        held = run.state is RunState.NEUTRAL and run.reason in status.HELD
        # A run that several events may share (no occurrence) has the trigger's plain check, whoever asked first.
        event = run.event if run.occurrence else ""
        outbox.say(
            connection,
            outbox.NewStatus(
                repository.id,
                run.sha,
                status.context(ports.settings.prefix, run.trigger, project.root, event),
                state,
                description,
                f"{ports.settings.web_address}/r/{repository.name}/run/{run.id}",
                final=run.state in FINAL_RUN and not held,
                run_id=run.id,
                project_id=run.project_id,
                number=run.pull_request,
            ),
            now,
        )
    if run.state in FINAL_RUN:
        body = {
            "project": run.project_id,
            "trigger": run.trigger,
            "sha": run.sha,
            "ref": run.ref,
            "trust": run.trust,
            "event": run.event,
            "occurrence": run.occurrence,
            "pull_request": run.pull_request,
            "state": run.state.value,
            "reason": run.reason,
            "round": run.round,
            "rule": run.rule,
            "created_at": moments.to_text(run.created_at),
        }
        record(connection, repository.id, "run", f"{run.id}-{run.round}", body, now)


@dataclass(frozen=True, slots=True)
class TagWord:
    """What is said of a registry tag at a commit. `words`: whole; who shows them shortens them."""

    name: str
    sha: str
    state: status.ForgeState
    words: str


def of_tag(
    connection: Connection, ports: Ports, repository: RepositoryRow, word: TagWord, now: datetime
) -> None:
    """Say that a registry tag has no effect, and why. A success is said only where that was said before."""
    context = status.context(ports.settings.prefix, word.name)
    if word.state == "success" and not outbox.is_said(connection, repository.id, word.sha, context):
        return
    url = f"{ports.settings.web_address}/r/{repository.name}/commit/{word.sha}"
    said = outbox.NewStatus(
        repository.id, word.sha, context, word.state, " ".join(word.words.split()), url, final=True
    )
    outbox.say(connection, said, now)


def record(
    connection: Connection,
    repository_id: str,
    kind: Kind,
    name: str,
    body: Mapping[str, object],
    now: datetime,
) -> None:
    """Keep a final fact for the system store."""
    made = Record(VERSION, repository_id, kind, name, moments.to_text(now), dict(body))
    outbox.keep_record(connection, keys.record(repository_id, kind, name), made, now)
