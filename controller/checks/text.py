"""Assembles what a forge shows of one context: a row of `statuses` becomes a check, from the ledger and the stores.

Reads are bounded, and what is missing is left out or said; the words are in `controller/core/check_*`.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from controller.checks import run as check_run
from controller.core import status
from controller.core.checks import check_config, check_words, markdown
from controller.ports import Ports
from controller.pulls import approved
from forges.port import Action, Check, CheckState
from ledger import check_facts, runs, verdicts
from ledger.rows import AnyRow
from ledger.runs import RunRow
from ledger.verdicts import VerdictRow
from schemas import moments
from schemas.states import FINAL_RUN, RunState
from schemas.words import sentence

CANCEL = Action("Cancel", "Stop what this check has started", "cancel")

_STATES: Mapping[str, CheckState] = {
    "pending": "waiting",
    "success": "success",
    "failure": "failure",
    "error": "error",
    "neutral": "neutral",
    "action-required": "action-required",
}
_RUN_STATES: Mapping[RunState, CheckState] = {
    RunState.WAITING: "waiting",
    RunState.RUNNING: "running",
    RunState.SUCCESS: "success",
    RunState.FAILURE: "failure",
    RunState.ERROR: "error",
    RunState.NEUTRAL: "neutral",
    RunState.CANCELLED: "cancelled",
}


def check_of(ports: Ports, connection: Connection, row: AnyRow) -> Check:
    """The check of a row: a run's, else the verdict's of its project, else its state and description alone."""
    if row.run_id is not None:
        return _of_run(ports, connection, row, runs.by_id(connection, row.run_id))
    found = verdicts.of_project(connection, row.project_id, row.sha) if row.project_id is not None else None
    if found is not None:
        return _of_verdict(row, found)
    said = markdown.line(row.description)
    return replace(
        _bare(row),
        state=_STATES.get(row.state, "error"),
        title=markdown.clip(said, check_words.LONGEST_TITLE),
        summary=sentence(markdown.prose(said)),
        finished_at="" if row.state == "pending" else moments.to_text(row.written_at),
    )


def _of_verdict(row: AnyRow, verdict: VerdictRow) -> Check:
    return replace(
        _bare(row),
        state=_STATES.get(verdict.state, "error"),
        title=markdown.clip(markdown.line(verdict.summary), check_words.LONGEST_TITLE),
        summary=check_config.summary(verdict.state, verdict.summary, verdict.problems, verdict.text),
        annotations=check_config.annotations(verdict.problems),
        finished_at=moments.to_text(row.written_at),
    )


def _of_run(ports: Ports, connection: Connection, row: AnyRow, run: RunRow) -> Check:
    words = check_run.words_of(ports, connection, row, run)
    held = run.state is RunState.NEUTRAL and run.reason in status.HELD
    ended = check_facts.ending(connection, run.id)
    head = ""
    if held and run.pull_request is not None:
        head = approved.moved_on(connection, run.repository_id, run.pull_request, run.sha)
    return replace(
        _bare(row),
        # Neutral would pass where the check is required.
        state="cancelled"
        if head
        else "action-required"
        if held
        else "waiting"
        if words.only_waits
        else _RUN_STATES[run.state],
        title=status.left_behind(head) if head else check_words.title(words),
        summary=check_words.summary(words),
        text=check_words.details(words),
        actions=() if run.state in FINAL_RUN else (CANCEL,),
        started_at=moments.to_text(run.created_at),
        finished_at=_text(ended.finished_at if ended else None),
    )


def _bare(row: AnyRow) -> Check:
    return Check(row.context, row.sha, "waiting", "", "", url=row.url, external_id=_identity(row))


def _identity(row: AnyRow) -> str:
    """Which context of which repository it is, whatever it says."""
    return f"{row.repository_id}:{row.id}"


def _text(moment: datetime | None) -> str:
    return "" if moment is None else moments.to_text(moment)
