"""Pull requests and comments become runs, as decide.py does it for what git itself shows. Each event is handled once.

A commit that an event names is owed a verdict. The event waits until it has one; a commit that neither a look after the event
nor its id brings gets `error: vanished`, so that no event waits for ever.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog
from sqlalchemy import Connection

from controller import isolate
from controller.core import base_file, triggers
from controller.core import trust as core_trust
from controller.core.events import BRANCHES, TAGS, Comment, Named, PullRequest
from controller.core.triggers import Answer, Decision
from controller.ports import Ports
from controller.pulls import answers, approved, commands, dropped, fetching
from controller.triggering import asking
from controller.triggering.asking import Ask
from controller.watching import configs, observe, watched
from ledger import events, observations, replies, repositories, verdicts
from ledger.events import EventRow
from ledger.observations import SeenCommit
from ledger.repositories import ProjectRow, RepositoryRow
from ledger.runs import NewRun
from schemas import codec
from schemas.errors import LuotsiError, Refused
from schemas.repo_config import RepoConfig, Trigger
from schemas.states import RunState
from schemas.values import RefName, Sha, short

log = structlog.get_logger()

PATIENCE = timedelta(minutes=10)
"""How long a commit that an event names may take to be seen: a forge tells of it before git has it everywhere."""


def to_look_at(ports: Ports) -> set[str]:
    """Names of repositories whose newest events came after the last look: the commits that they name may not be here yet."""
    with ports.ledger.read() as connection:
        return events.to_look_at(connection, ports.clock() - fetching.AGAIN)


def see(ports: Ports) -> int:
    """Owe a verdict to the commits that waiting events name, and fetch those that no look brought; how many are new."""
    with ports.ledger.read() as connection:
        waiting = events.unhandled(connection)
    unseen = _unseen(ports, [(row, event) for row in waiting if (event := _event(row)) is not None])
    fetching.bring(ports, unseen)
    return isolate.each(
        unseen, lambda item: _see(ports, *item), lambda item, bug: _broken(ports, item[0], bug)
    )


def _unseen(ports: Ports, wanted: Sequence[fetching.Wanted]) -> list[fetching.Wanted]:
    """Events whose commits were not recorded yet, or only as vanished."""
    heads: dict[str, list[str]] = {}
    for row, event in wanted:
        heads.setdefault(row.repository_id, []).append(event.head)
    with ports.ledger.read() as connection:
        done = {
            id: observations.seen(connection, id, shas) - observations.vanished(connection, id, shas)
            for id, shas in heads.items()
        }
    return [(row, event) for row, event in wanted if event.head not in done[row.repository_id]]


def _see(ports: Ports, row: EventRow, event: PullRequest | Comment | Named) -> bool:
    with ports.ledger.read() as connection:
        repository = repositories.by_id(connection, row.repository_id)
        lost = bool(observations.vanished(connection, row.repository_id, [event.head]))
    looked = repository.looked_at is not None and repository.looked_at >= row.received_at
    if observe.mirror_of(ports, repository).has(Sha(event.head)):
        if isinstance(event, Named) and not looked and not repository.trouble:
            return False  # the look that is under way records what its ref led to
        found = fetching.commits(ports, repository, event)
    elif lost or repository.trouble or not looked or ports.clock() - row.received_at < PATIENCE:
        return False  # a look that was answered after the event has yet to come, or brings the commit later
    else:
        found = [SeenCommit(event.head, RefName(event.ref), "", "", "", None)]
    with ports.ledger.write() as connection:
        observations.see(connection, row.repository_id, found, ports.clock())
    return True


def decide(ports: Ports) -> int:
    """Turn events whose commits are judged into runs; how many were handled."""
    with ports.ledger.read() as connection:
        waiting = events.unhandled(connection)
    return isolate.each(waiting, lambda row: _handle(ports, row), lambda row, bug: _broken(ports, row, bug))


def _handle(ports: Ports, row: EventRow) -> bool:
    event = _event(row)
    with ports.ledger.read() as connection:
        repository = repositories.by_id(connection, row.repository_id)
        judged = event is None or verdicts.is_judged(connection, repository.id, event.head)
    if not judged:
        return False
    reply = ""
    if event is None:
        found, outcome = list[NewRun](), f"not understood: {row.kind}"
    elif isinstance(event, Named):
        found, outcome = [], "judged; what it starts, an observation of its ref says"
    elif isinstance(event, PullRequest):
        found, outcome = of_pull_request(ports, repository, approved.as_now(ports, repository, event))
    else:
        found, outcome = _of_comment(ports, repository, event)
        reply = commands.answer(ports, repository, event, _declared(ports, repository, event.head))
    now = ports.clock()
    with ports.ledger.write() as connection:
        made = asking.record(connection, ports, repository, found, now)
        if isinstance(event, Comment):
            outcome += _answer(connection, ports, repository, event, reply, made)
        asks = isinstance(event, PullRequest) and any(new.state is RunState.WAITING for new in found)
        if asks and not made:
            outcome = "; ".join(map(_known, found))
        events.handled(connection, row.id, outcome, now)
    log.info("decided", repository=repository.name, told=row.kind, key=row.key, outcome=outcome)
    return True


def _answer(
    connection: Connection,
    ports: Ports,
    repository: RepositoryRow,
    event: Comment,
    reply: str,
    made: Sequence[str],
) -> str:
    """Answer a comment, with the runs that it began, in their transaction; what the outcome says of it."""
    began = answers.begun(ports, connection, repository, made)
    reply = commands.with_runs(connection, repository, event, reply, began)
    if not reply:
        return ""
    key = event.key if event.may_write else f"{replies.REFUSED}{event.key}"
    replies.say(connection, repository.id, event.number, key, reply, ports.clock())
    return "; answered"


def _declared(ports: Ports, repository: RepositoryRow, sha: str) -> frozenset[str]:
    """The commands that triggers of a commit's files name."""
    read = [configs.of(ports, project.id, sha) for project in watched.projects(ports, repository)]
    return frozenset(
        trigger.when.comment
        for config in read
        if config is not None
        for trigger in config.triggers
        if trigger.when.comment is not None
    )


def of_pull_request(ports: Ports, repository: RepositoryRow, event: PullRequest) -> tuple[list[NewRun], str]:
    """The runs of all projects that a pull request asks for, or a merge queue's group, and the words for people."""
    base, changed = _compare(ports, repository, event)
    with ports.ledger.read() as connection:
        message = verdicts.message_of(connection, repository.id, event.head)
    by = _approval(ports, repository, event.head, event.trust)
    ask = Ask(
        "pull-request", event.head, event.ref, base, event.trust, pull_request=event.number, approval=by
    )
    none = f"no trigger is declared for pull requests to {event.target}"
    at = base or event.base

    def answer(project: ProjectRow, config: RepoConfig) -> list[Decision]:
        before = _triggers_at(ports, repository, project, at)
        return base_file.on_pull_request(config.triggers, before, at, event, message, changed, by is not None)

    found, words = _ask_all(ports, repository, ask, answer, none)
    lost = dropped.runs(ports, repository, ask, event)
    return [*found, *lost], "; ".join([words, *(f"{one.trigger}: {one.reason}" for one in lost)])


def _ask_all(
    ports: Ports,
    repository: RepositoryRow,
    ask: Ask,
    answer: Callable[[ProjectRow, RepoConfig], list[Decision]],
    none: str,
) -> tuple[list[NewRun], str]:
    """The runs of all projects, and for people what came of the event; `none`: the words where no trigger answers."""
    found: list[NewRun] = []
    words: list[str] = []
    projects = watched.projects(ports, repository)
    known = [(project, configs.of(ports, project.id, ask.sha)) for project in projects]
    for project, config in known:
        decisions = answer(project, config) if config is not None else []
        found += asking.runs_of(project, ask, decisions)
        words += _words(decisions)
    if all(config is None for _, config in known):
        none = f"there is no valohai.yaml to be read at {short(ask.sha)}"
    return found, "; ".join(words) or none


def _triggers_at(
    ports: Ports, repository: RepositoryRow, project: ProjectRow, sha: str | None
) -> tuple[Trigger, ...]:
    """The triggers of a project at a pull request's base; none where that cannot be read."""
    config = configs.of_base(ports, repository, project, sha) if sha is not None else None
    return config.triggers if config is not None else ()


def _compare(
    ports: Ports, repository: RepositoryRow, event: PullRequest
) -> tuple[Sha | None, frozenset[str] | None]:
    """The merge base of a pull request, and the paths that it changes; None where either is not known."""
    mirror = observe.mirror_of(ports, repository)
    try:
        base = mirror.merge_base(Sha(event.base), Sha(event.head))
        paths = mirror.changed_paths(base, Sha(event.head)) if base else None
    except LuotsiError as error:
        log.warning("the changed paths are not known", repository=repository.name, reason=str(error))
        return None, None
    return base, None if paths is None else frozenset(paths)


def _of_comment(ports: Ports, repository: RepositoryRow, event: Comment) -> tuple[list[NewRun], str]:
    with ports.ledger.read() as connection:
        trust = _trust(ports, connection, repository, event)
        told = approved.newest(connection, repository.id, event.number)
    by = _approval(ports, repository, event.head, trust)
    ask = Ask(
        "comment",
        event.head,
        event.ref,
        _base(ports, repository, event, told.base if told is not None else None),
        trust=trust,
        occurrence=event.key,
        pull_request=event.number,
        approval=by,
    )
    none = "no command that a trigger waits for"
    if not event.may_write:
        none = f"{event.author} may not write to the repository"

    def answer(project: ProjectRow, config: RepoConfig) -> list[Decision]:
        decisions = triggers.on_comment(config.triggers, event, trust, by is not None)
        at = ask.before or (told.base if told is not None else None)
        if told is None or at is None:
            return decisions
        return base_file.held_to(decisions, _triggers_at(ports, repository, project, at), told.target, at)

    return _ask_all(ports, repository, ask, answer, none)


def _approval(ports: Ports, repository: RepositoryRow, sha: str, trust: str) -> str | None:
    """The id of the approval by which an untrusted commit may run now."""
    if trust == "trusted":
        return None
    with ports.ledger.read() as connection:
        found = approved.standing(ports, connection, repository, sha, ports.clock())
    return found.id if found is not None else None


def _base(ports: Ports, repository: RepositoryRow, event: Comment, base: str | None) -> Sha | None:
    if base is None:
        return None
    try:
        return observe.mirror_of(ports, repository).merge_base(Sha(base), Sha(event.head))
    except LuotsiError:
        return None


def _trust(ports: Ports, connection: Connection, repository: RepositoryRow, event: Comment) -> str:
    """The class of the commit that was commented on: its pull request's, else whether a branch or tag brought it here."""
    told = approved.newest(connection, repository.id, event.number)
    if told is not None:
        return approved.as_now(ports, repository, told).trust
    policy = approved.policy(ports, repository.name)
    if policy is None or not core_trust.class_of(policy, fork=False):
        return "untrusted"
    ref = observations.ref_of(connection, repository.id, event.head) or ""
    return "trusted" if ref.startswith((BRANCHES, TAGS)) else "untrusted"


def _words(decisions: list[Decision]) -> list[str]:
    declared = [one for one in decisions if one.answer is not Answer.SILENT]
    return [
        f"{one.trigger.name} "
        + (": ".join(["runs", *filter(None, [one.reason])]) if one.answer is Answer.FIRES else one.reason)
        for one in declared
    ]


def _known(new: NewRun) -> str:
    """For people, of an event that is decided again and starts nothing that there is not."""
    return f"{new.trigger} {'has its run already' if new.state is RunState.WAITING else new.reason}"


def _event(row: EventRow) -> PullRequest | Comment | Named | None:
    """The event of a row; None for one that this version does not understand."""
    try:
        match row.kind:
            case events.PULL_REQUEST:
                return codec.from_json(PullRequest, row.body)
            case events.COMMENT:
                return codec.from_json(Comment, row.body)
            case events.NAMED:
                return codec.from_json(Named, row.body)
            case _:
                return None
    except Refused as refusal:
        log.warning("an event was not understood", told=row.kind, key=row.key, reason=str(refusal))
        return None


def _broken(ports: Ports, row: EventRow, bug: Exception) -> None:
    with ports.ledger.write() as connection:
        events.handled(connection, row.id, f"internal: {bug}", ports.clock())
