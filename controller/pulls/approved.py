"""Whether untrusted code is approved now: an approval of the ledger against the settings, the forge's word and the config.

Asked before anything of an untrusted run is decided, created or sent. Who approves, and what ends, is `pull_trust`'s.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from controller.core import trust
from controller.core.events import PullRequest
from controller.ports import Ports, PullPolicy
from ledger import events, pull_approvals, repositories, verdicts
from ledger.pull_approvals import ApprovalRow
from ledger.repositories import RepositoryRow
from schemas import codec
from schemas.errors import Refused


def policy(ports: Ports, repository: str) -> PullPolicy | None:
    """What the settings say of the pull requests of a repository (by name); None where they have it no more."""
    watched = ports.settings.watched(repository)
    return watched.pulls if watched is not None else None


def as_now(ports: Ports, repository: RepositoryRow, event: PullRequest) -> PullRequest:
    """A pull request as the settings trust it now: what was told as trusted may not be so any more, never the reverse."""
    now = policy(ports, repository.name)
    return replace(event, trusted=now is not None and trust.trusted(now, event))


def newest(connection: Connection, repository_id: str, number: int) -> PullRequest | None:
    """What was told last of a pull request; None where nothing that can be understood was."""
    told = events.newest_pull_request(connection, repository_id, number)
    try:
        return None if told is None else codec.from_json(PullRequest, told)
    except Refused:
        return None


def moved_on(connection: Connection, repository_id: str, number: int, sha: str) -> str:
    """The newest head of a pull request, if it is another commit and this one is no other pull request's head; else empty."""
    pull = newest(connection, repository_id, number)
    if pull is None or pull.head == sha:
        return ""
    others = events.pull_requests_at(connection, repository_id, [sha]) - {number}
    heads = [newest(connection, repository_id, other) for other in others]
    return "" if any(other is not None and other.head == sha for other in heads) else pull.head


def config_digest(ports: Ports, connection: Connection, repository: RepositoryRow, sha: str) -> str | None:
    """The digest of a commit's config over all watched projects; None while any of them has no verdict there."""
    watched = ports.settings.watched(repository.name)
    texts: dict[str, str | None] = {}
    for project in repositories.projects_of(connection, repository.id):
        if watched is not None and project.root not in watched.roots:
            continue
        verdict = verdicts.of_project(connection, project.id, sha)
        if verdict is None:
            return None
        texts[project.root] = verdict.text
    return trust.config_digest(texts)


def void_reason(ports: Ports, connection: Connection, approval: ApprovalRow, now: datetime) -> str | None:
    """Why an approval does not hold now; None while it does."""
    if approval.void_at is not None:
        return approval.void_reason or "it has ended"
    repository = repositories.by_id(connection, approval.repository_id)
    pull = newest(connection, repository.id, approval.pull_request)
    facts = trust.Facts(
        head=pull.head if pull is not None else None,
        config_digest=config_digest(ports, connection, repository, approval.sha) or "",
        policy=policy(ports, repository.name),
        environments=environments(ports),
        now=now,
        hours=pull_approvals.hours(connection, approval, now),
    )
    return trust.void_reason(approval, facts)


def standing(
    ports: Ports, connection: Connection, repository: RepositoryRow, sha: str, now: datetime
) -> ApprovalRow | None:
    """The approval that lets a commit's untrusted runs go on now."""
    found = pull_approvals.of_commit(connection, repository.id, sha)
    if found is None or void_reason(ports, connection, found, now) is not None:
        return None
    return found


def of_run(connection: Connection, approval_id: str | None) -> ApprovalRow | None:
    """A run's approval, if nothing has ended it."""
    found = pull_approvals.by_id(connection, approval_id) if approval_id else None
    return found if found is not None and found.void_at is None else None


def environments(ports: Ports) -> Sequence[str]:
    """Names of the installation's environments."""
    return [environment.name for environment in ports.settings.environments]
