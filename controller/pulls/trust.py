"""Approvals of pull requests: a person lets exactly one commit run, and what changes afterwards ends it.

An approval rests on an account that may write (its id, never a name that a commit says), on the whole commit id, on the
config that was judged there, and on what the settings grant at that moment. When any of it changes the approval is void for
ever: what no agent has taken does not start, what an agent runs already is let finish, and nothing follows it. One whose
machine hours are used up stops what runs, too.
"""

from datetime import datetime

import structlog
from sqlalchemy import Connection

from controller import isolate
from controller.core import status, triggers, trust
from controller.core.checks import markdown
from controller.core.events import Comment, PullRequest
from controller.core.triggers import Answer, Decision
from controller.ports import Ports, PullPolicy
from controller.pulls import approved
from controller.pulls.words import granted_words
from controller.reporting import statuses
from controller.triggering import asking
from controller.triggering.asking import Ask
from controller.watching import configs
from ledger import attempts, audit, events, executions, pull_approvals, repositories, runs
from ledger.pull_approvals import ApprovalRow
from ledger.repositories import RepositoryRow
from ledger.runs import NewRun, RunRow
from schemas import moments
from schemas.states import RunState
from schemas.values import short

log = structlog.get_logger()


def approve(ports: Ports, repository: RepositoryRow, comment: Comment, sha: str) -> str:
    """Approve the head of a comment's pull request, if everything is as it must be; a sentence in Markdown that says it.

    Held checks of the commit are decided again in the next turn, those of comments begin at once. The same comment heard
    again changes nothing.
    """
    now = ports.clock()
    with ports.ledger.read() as connection:
        heard = pull_approvals.of_comment(connection, repository.id, comment.key)
        pull = approved.newest(connection, repository.id, comment.number)
        digest = approved.config_digest(ports, connection, repository, sha)
        there = approved.standing(ports, connection, repository, sha, now)
    if heard is not None:
        return _given(heard)
    policy = approved.policy(ports, repository.name)
    refusal = _refusal(ports, repository, comment, sha, pull)
    if refusal or policy is None or pull is None:
        return f"Not approved: {refusal}"
    if digest is None:
        return f"Not approved: {short(sha)} has no verdict yet. Say it again when `{ports.settings.prefix}/config` is there."
    if there is not None:
        return f"{markdown.text(there.who)} approved {short(sha)} already. {granted_words(there)}"
    new = _approval(repository, comment, sha, digest, policy, now)
    commented = _of_comments(ports, repository, new)
    with ports.ledger.write() as connection:
        told = approved.newest(connection, repository.id, comment.number)
        if told is None or told.head != sha:
            return f"Not approved: {_moved(sha, told)}"
        if not pull_approvals.keep(connection, new):
            return _given(new)
        _note(connection, repository, new, now)
        names = _open(connection, repository, sha, pull)
        asking.record(connection, ports, repository, commented, now)
    log.info("approved", repository=repository.name, commit=short(sha), who=new.who_id)
    waited = (
        f" Decided again: {', '.join(map(markdown.code, names))}." if names else " No check waited for it."
    )
    return f"{_given(new)}{waited}"


def _refusal(
    ports: Ports, repository: RepositoryRow, comment: Comment, sha: str, pull: PullRequest | None
) -> str:
    """Why this account may not approve this commit of this pull request; empty when it may."""
    if not trust.may_approve(comment.author_id, comment.may_write):
        return "only an account with write access to the repository may approve."
    if pull is None:
        return f"nothing is known of #{comment.number} yet; say it again in a moment."
    if approved.as_now(ports, repository, pull).trust == "trusted":
        return "its commits are trusted, and run without an approval."
    if not trust.is_full(sha):
        return "write the whole commit id, 40 characters: a shorter one could come to mean another commit."
    if pull.head != sha:
        return _moved(sha, pull)
    missing = trust.unapprovable(approved.policy(ports, repository.name), approved.environments(ports))
    return f"{missing}. The operator can change that." if missing else ""


def _moved(sha: str, pull: PullRequest | None) -> str:
    at = f"its head is {short(pull.head)}" if pull is not None else "its head is not known"
    return f"{markdown.code(sha)} is not the head of this pull request: {at}. Look at that one before you approve it."


def _approval(
    repository: RepositoryRow, comment: Comment, sha: str, digest: str, policy: PullPolicy, now: datetime
) -> ApprovalRow:
    return ApprovalRow(
        id=pull_approvals.mint(),
        repository_id=repository.id,
        pull_request=comment.number,
        sha=sha,
        config_digest=digest,
        grants=tuple(dict.fromkeys(policy.grants)),
        environment=policy.environment,
        cap=policy.cap,
        who_id=comment.author_id,
        who=comment.author[:200],
        comment_id=comment.key,
        approved_at=now,
    )


def _given(row: ApprovalRow) -> str:
    return f"{markdown.text(row.who)} approved {short(row.sha)}. {granted_words(row)}"


def _note(connection: Connection, repository: RepositoryRow, row: ApprovalRow, now: datetime) -> None:
    """An approval, or its end, in the audit and as a record: nothing could compute it again."""
    body = {
        "pull_request": row.pull_request,
        "sha": row.sha,
        "config_digest": row.config_digest,
        "grants": list(row.grants),
        "environment": row.environment,
        "cap": row.cap,
        "who_id": row.who_id,
        "who": row.who,
        "comment_id": row.comment_id,
        "approved_at": moments.to_text(row.approved_at),
        "void_at": moments.to_text(row.void_at) if row.void_at else None,
        "void_reason": row.void_reason,
    }
    statuses.record(connection, repository.id, "approval", row.id, body, now)
    subject = f"{repository.name}#{row.pull_request} {row.sha}"
    if row.void_at is None:
        who = f"{row.who[:120]} ({row.who_id[:70]})"
        audit.note(connection, who, "approve", subject, {**body, "approval": row.id}, now)
    else:
        detail = {"approval": row.id, "reason": row.void_reason}
        audit.note(connection, "controller", "void approval", subject, detail, now)


def _open(connection: Connection, repository: RepositoryRow, sha: str, pull: PullRequest) -> list[str]:
    """Let the pull requests at the commit be decided once more, now with the approval: paths and skip words count as ever.

    The names of the triggers that wait there.
    """
    waiting = _waiting(connection, repository, sha)
    numbers = {run.pull_request for run in waiting if run.pull_request is not None}
    told = [approved.newest(connection, repository.id, number) for number in sorted(numbers)]
    keys = {one.key for one in (pull, *told) if one is not None and one.head == sha}
    pull_approvals.ask_again(connection, repository.id, keys, events.PULL_REQUEST)
    return sorted({run.trigger for run in waiting})


def _waiting(connection: Connection, repository: RepositoryRow, sha: str) -> list[RunRow]:
    held = pull_approvals.held(connection, repository.id, sha, status.HELD)
    return held + pull_approvals.stopped(connection, repository.id, sha, trust.STOPPED)


def _of_comments(ports: Ports, repository: RepositoryRow, new: ApprovalRow) -> list[NewRun]:
    """Runs that comments asked for and that were held back: they had passed everything else, and fire."""
    with ports.ledger.read() as connection:
        waiting = [run for run in _waiting(connection, repository, new.sha) if run.event == "comment"]
        projects = {run.project_id: repositories.project(connection, run.project_id) for run in waiting}
    found = []
    for run in waiting:
        config = configs.of(ports, run.project_id, run.sha)
        trigger = next((t for t in config.triggers if t.name == run.trigger), None) if config else None
        ask = Ask(
            run.event, run.sha, run.ref, run.before, run.trust, run.occurrence, run.pull_request, new.id
        )
        if trigger is not None:
            found.append(asking.run_of(projects[run.project_id], ask, Decision(trigger, Answer.FIRES)))
    return found


def review(ports: Ports) -> int:
    """End the approvals that hold no more, and what of their runs may not go on; how many approvals and runs changed."""
    with ports.ledger.read() as connection:
        rows = pull_approvals.not_void(connection)
    # What cannot be looked at for a bug of ours is not let run.
    changed = isolate.each(
        rows, lambda row: _review(ports, row), lambda row, bug: _void(ports, row, f"internal: {bug}")
    )
    with ports.ledger.read() as connection:
        rest = _resting(connection)
    return changed + isolate.each(rest, lambda run: _end(ports, run), lambda run, bug: None)


def _review(ports: Ports, row: ApprovalRow) -> bool:
    with ports.ledger.read() as connection:
        reason = approved.void_reason(ports, connection, row, ports.clock())
    return reason is not None and _void(ports, row, reason)


def resting(ports: Ports) -> frozenset[str]:
    """Ids of open untrusted runs that may not begin anything more."""
    with ports.ledger.read() as connection:
        return frozenset(run.id for run in _resting(connection))


def _resting(connection: Connection) -> list[RunRow]:
    """Open untrusted runs whose approval has ended, but for those that an agent has all of: they come to their own end."""
    return [
        run
        for run in pull_approvals.open_runs(connection)
        if not (approval := _approval_of(connection, run))
        or (approval.void_at is not None and not _is_all_taken(connection, run, approval))
    ]


def _approval_of(connection: Connection, run: RunRow) -> ApprovalRow | None:
    return pull_approvals.by_id(connection, run.approval_id) if run.approval_id else None


def _is_all_taken(connection: Connection, run: RunRow, approval: ApprovalRow) -> bool:
    """Whether the run is of one step, and its execution is an agent's or over: nothing could follow it."""
    if run.rule.get("target", {}).get("kind") != "step" or _is_used_up(approval):
        return False
    waits = any(not each.is_claimed for each in pull_approvals.live(connection, run))
    return not waits and bool(executions.of_run(connection, run.id, run.round))


def _is_used_up(approval: ApprovalRow) -> bool:
    return approval.void_reason == trust.cap_words(approval)


def _void(ports: Ports, row: ApprovalRow, reason: str) -> bool:
    now = ports.clock()
    with ports.ledger.write() as connection:
        if not pull_approvals.void(connection, row.id, reason, now):
            return False
        repository = repositories.by_id(connection, row.repository_id)
        _note(connection, repository, pull_approvals.by_id(connection, row.id), now)
    log.info("approval void", repository=repository.name, commit=short(row.sha), why=reason)
    return True


def _end(ports: Ports, run: RunRow) -> bool:
    """One step towards the end of a run without an approval; whether anything changed.

    What no agent has is stopped; the run ends when what they have has ended. When its hours are used up all of it is stopped
    and the run ends at once. One that has not begun is held again.
    """
    now = ports.clock()
    with ports.ledger.write() as connection:
        approval = _approval_of(connection, run)
        by_cap = approval is not None and _is_used_up(approval)
        live = pull_approvals.live(connection, run)
        stop = [each.id for each in live if (by_cap or not each.is_claimed) and not each.is_stopping]
        for execution in stop:
            attempts.ask_to_stop(connection, execution, now)
        if any(each.is_claimed for each in live) and not by_cap:
            return bool(stop)
        state, reason = RunState.CANCELLED, trust.ended(_why(approval), by_cap)
        if not runs.has_begun(connection, run):
            state, reason = RunState.NEUTRAL, _held_reason(connection, run)
        runs.set_state(connection, run, state, reason, now)
        repository = repositories.by_id(connection, run.repository_id)
        statuses.of_run(connection, ports, repository, runs.by_id(connection, run.id), now)
    log.info("run ended", trigger=run.trigger, commit=short(run.sha), state=state.value, why=reason)
    return True


def _why(approval: ApprovalRow | None) -> str:
    return (approval.void_reason if approval is not None else None) or "there is none"


def _held_reason(connection: Connection, run: RunRow) -> str:
    pull = (
        approved.newest(connection, run.repository_id, run.pull_request)
        if run.event == "pull-request" and run.pull_request is not None
        else None
    )
    return triggers.FORK if pull is not None and pull.fork else triggers.UNTRUSTED
