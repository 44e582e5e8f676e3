"""What the check of a held run says: why it waits, who may approve, what to write, what that grants, and what to look at first."""

import re
from collections.abc import Iterator
from datetime import UTC

from sqlalchemy import Connection

from controller.core import trust
from controller.core.checks import markdown
from controller.core.events import PullRequest
from controller.core.trust import Policy
from controller.ports import Ports
from controller.pulls import approved
from controller.watching import configs, observe
from ledger import pull_approvals, repositories, verdicts
from ledger.pull_approvals import ApprovalRow
from ledger.repositories import RepositoryRow
from ledger.runs import RunRow
from schemas.errors import LuotsiError
from schemas.states import RunState
from schemas.values import Sha, short
from schemas.words import sentence

SHOWN = 10
"""Names of changed files that are listed."""
_BROKEN = (RunState.FAILURE, RunState.ERROR, RunState.CANCELLED)
_WORD = re.compile(r"[^\s'\"=;|&<>()]+")


def waiting_words(ports: Ports, connection: Connection, run: RunRow) -> str:
    """Markdown for the check of a run that waits for approval. Reads the mirror, for what changed against the base."""
    repository = repositories.by_id(connection, run.repository_id)
    policy = approved.policy(ports, repository.name)
    pull = (
        approved.newest(connection, run.repository_id, run.pull_request)
        if run.pull_request is not None
        else None
    )
    paragraphs = [_why(run, pull), _before(ports, connection, run)]
    missing = trust.unapprovable(policy, approved.environments(ports))
    if missing or policy is None:
        paragraphs.append(
            f"It cannot be approved at present: {sentence(markdown.prose(missing))} The operator sets it."
        )
    elif pull is not None and pull.head != run.sha:
        paragraphs.append(
            f"The pull request has moved on to {short(pull.head)}: only its head can be approved."
        )
    else:
        paragraphs += _how(run, policy)
    paragraphs.append(_look_at(ports, connection, repository, run))
    return "\n\n".join(part for part in paragraphs if part)


def again_words(ports: Ports, connection: Connection, run: RunRow, name: str) -> str:
    """Markdown for a run that did not come to a good end and whose approval is over: what lets it begin again. Else empty.

    `name`: its check's, as a command takes it.
    """
    if run.trust == "trusted" or run.state not in _BROKEN or run.pull_request is None:
        return ""
    now = ports.clock()
    repository = repositories.by_id(connection, run.repository_id)
    policy = approved.policy(ports, repository.name)
    pull = approved.newest(connection, run.repository_id, run.pull_request)
    if pull is None or pull.head != run.sha or policy is None:
        return ""
    if approved.standing(ports, connection, repository, run.sha, now) is not None:
        return ""
    missing = trust.unapprovable(policy, approved.environments(ports))
    if missing:
        return f"It cannot be approved again at present: {sentence(markdown.prose(missing))} The operator sets it."
    stopped = run.reason.startswith(trust.STOPPED)
    then = "" if stopped else f"Then {markdown.code(f'/retest {name}', 160)} lets it begin again."
    first = f"{'It begins again' if stopped else 'It may run again'} with another approval."
    return "\n\n".join(part for part in (first, *_how(run, policy), then) if part)


def granted_words(given: Policy | ApprovalRow) -> str:
    """What an approval grants: `It runs in the environment forks, with no secrets, for at most 4 machine hours.`"""
    groups = ", ".join(markdown.code(name) for name in given.grants)
    secrets = f"with the variable groups {groups} where its steps name them" if groups else "with no secrets"
    length = "" if given.cap is None else f", for at most {trust.hours(given.cap)} in all"
    return f"It runs in the environment {markdown.code(given.environment)}, {secrets}{length}."


def _why(run: RunRow, pull: PullRequest | None) -> str:
    since = f"It waits since {run.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
    if pull is not None and pull.fork:
        who = f" by {markdown.text(pull.author)}" if pull.author else ""
        return f"**Nothing of this commit runs by itself:** it comes from a fork{who}. {since}"
    return f"**Nothing of this commit runs by itself:** pull requests of this repository are not trusted. {since}"


def _before(ports: Ports, connection: Connection, run: RunRow) -> str:
    """What became of an earlier approval of the same pull request."""
    same = pull_approvals.of_commit(connection, run.repository_id, run.sha)
    if same is not None:
        reason = approved.void_reason(ports, connection, same, ports.clock())
        return (
            f"The approval by {markdown.text(same.who)} is void: {markdown.text(reason)}." if reason else ""
        )
    if run.pull_request is None:
        return ""
    other = pull_approvals.of_pull_request(connection, run.repository_id, run.pull_request)
    if other is None:
        return ""
    return f"Approved was {short(other.sha)}, by {markdown.text(other.who)}; this is another commit."


def _how(run: RunRow, policy: Policy) -> list[str]:
    return [
        "Who may write to the repository can approve exactly this commit, by a comment with this line alone:",
        f"```\n/approve {run.sha}\n```",
        f"{granted_words(policy)} A new push needs a new approval.",
    ]


def _look_at(ports: Ports, connection: Connection, repository: RepositoryRow, run: RunRow) -> str:
    """A warning when files changed that decide what would run: each valohai.yaml, and those that its commands name."""
    try:
        mirror = observe.mirror_of(ports, repository)
        changed = mirror.changed_paths(Sha(run.before) if run.before else None, Sha(run.sha))
    except LuotsiError:
        changed = None
    if changed is None:
        return "⚠ What it changes against its base is not known: look at all of it before you approve it."
    entries = [path for path in _deciding(ports, connection, repository, run.sha) if path in changed]
    if not entries:
        return ""
    names = [markdown.code(path) for path in sorted(set(entries))]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (
        f"⚠ It changes what would run: {', '.join(names[:SHOWN])}{more}. Look at that before you approve it."
    )


def _deciding(ports: Ports, connection: Connection, repository: RepositoryRow, sha: str) -> Iterator[str]:
    """Paths that decide what runs: the config's own, and all that the steps' commands name."""
    for project in repositories.projects_of(connection, repository.id):
        yield f"{project.root}/valohai.yaml" if project.root else "valohai.yaml"
        verdict = verdicts.of_project(connection, project.id, sha)
        config = configs.of(ports, project.id, sha) if verdict is not None else None
        if config is None or config.valohai is None:
            continue
        for step in config.valohai.steps.values():
            commands = step.command if isinstance(step.command, list) else [step.command]
            for word in _WORD.findall(" ".join(map(str, commands))):
                yield word.removeprefix("./")
