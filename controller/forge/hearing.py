"""What forges deliver becomes hints to look, and events of ours. What only the forge knows is asked there, once.

A delivery is a hint: what is true of a ref, an observation says, and of a pull request, a comment or a repository's name the
forge itself, which is asked. So whoever has the hook's secret can make us look, and press a check's button, no more. What is
found is kept as an event before anything is done about it. A forge that does not answer leaves its rows waiting.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection

from controller import isolate
from controller.checks import text as check_text
from controller.core import naming, spoken, trust
from controller.core.events import BRANCHES, Comment, Named, PullRequest, pull_ref
from controller.ports import Ports, PullPolicy
from controller.pulls import wishes
from controller.pulls.wishes import Press
from forges.port import (
    Account,
    CommentSeen,
    Delivery,
    ForgeApi,
    InstallationSeen,
    PullRequestSeen,
    RepositorySeen,
    RerunAsked,
)
from ledger import audit, events, inbox, repositories
from ledger.repositories import RepositoryRow
from schemas import codec, moments
from schemas.errors import Gone, LuotsiError, Refused, Waiting

log = structlog.get_logger()

AGAIN = 60.0
"""Seconds until what a person has to mend is tried again."""
UNKNOWN = 5.0
"""The same for a delivery of a repository while the forge has not told yet which ones are ours."""
OLDEST = timedelta(days=1)
"""How long a delivery is tried: afterwards what it told of is found by asking, or is over."""
SKEW = timedelta(minutes=5)
"""How far the clock of a forge's answers may be from that of its deliveries."""
PATIENCE = 3
"""Questions that a forge leaves open until the rest of a round is left for later."""
NOTHING = "0"


@dataclass(frozen=True, slots=True)
class Told:
    """What came of telling the ledger: whether it was news, and the words for people."""

    new: bool
    words: str


@dataclass(slots=True)
class _Heard:
    """One round: repositories to look at, and by forge what it left open."""

    hinted: set[str] = field(default_factory=set)
    left_open: dict[str, list[Waiting]] = field(default_factory=dict)


def hear(ports: Ports) -> set[str]:
    """Act on what forges delivered; the names of repositories that should be looked at now."""
    with ports.ledger.read() as connection:
        rows = inbox.heard(connection, ports.clock())
    heard = _Heard()
    isolate.each(
        rows, lambda row: _row(ports, row, heard), lambda row, bug: _done(ports, row, f"internal: {bug}")
    )
    if rows:
        log.info("heard", rows=len(rows), repositories=sorted(heard.hinted))
    return heard.hinted


def _row(ports: Ports, row: Any, heard: _Heard) -> bool:
    try:
        delivery = codec.read(Delivery, row.body)
        outcome = _delivery(ports, row.source.removeprefix(inbox.FORGE), delivery, heard)
    except (Refused, Gone) as error:
        outcome = str(error)
    except LuotsiError as error:
        now = ports.clock()
        if now - row.received_at > OLDEST:
            _done(ports, row, f"given up: {error}")
            return True
        seconds = max(error.after, 1.0) if isinstance(error, Waiting) else AGAIN
        with ports.ledger.write() as connection:
            inbox.later(connection, row.id, now + timedelta(seconds=seconds), str(error))
        return False
    _done(ports, row, outcome)
    return True


def _done(ports: Ports, row: Any, outcome: str) -> None:
    with ports.ledger.write() as connection:
        inbox.handled(connection, [row.id], ports.clock(), outcome)


def _delivery(ports: Ports, forge: str, delivery: Delivery, heard: _Heard) -> str:
    """Act on one; for people what came of it. Raises `Waiting` while it cannot be acted upon."""
    if delivery.installation is not None:
        return _installation(ports, forge, delivery.installation, heard.hinted)
    with ports.ledger.read() as connection:
        repository = repositories.by_forge_id(connection, forge, delivery.repository_id)
        strange = repository is None and any(
            row.forge == forge and row.forge_id is None and not repositories.is_twin(row)
            for row in repositories.watched(connection)
        )
    if strange:
        raise Waiting("the forge has not told yet which of its repositories are watched here", after=UNKNOWN)
    if repository is None:
        return "of a repository that is not watched here"
    heard.hinted.add(repository.name)
    if delivery.event == "push" and delivery.ref and delivery.ref.startswith(BRANCHES):
        return _named(ports, repository, delivery)
    if delivery.queue is not None:
        _named(ports, repository, delivery)
    api = ports.forges.get(forge)
    return delivery.event if api is None else _asking(ports, api, repository, delivery, heard)


def _asking(ports: Ports, api: ForgeApi, repository: RepositoryRow, delivery: Delivery, heard: _Heard) -> str:
    """What needs an answer of the forge. One that is down is not asked once for each delivery that waits."""
    left_open = heard.left_open.setdefault(repository.forge, [])
    if len(left_open) >= PATIENCE:
        raise left_open[-1]
    try:
        if delivery.repository is not None:
            return _repository(ports, api, repository, delivery.repository)
        if delivery.pull is not None:
            return _pull(ports, api, repository, delivery.pull)
        if delivery.comment is not None:
            return _comment(ports, api, repository, delivery.comment)
        if delivery.rerun is not None:
            return _button(ports, api, repository, delivery.rerun)
    except Waiting as error:
        left_open.append(error)
        raise
    return delivery.event


def _named(ports: Ports, repository: RepositoryRow, delivery: Delivery) -> str:
    with ports.ledger.write() as connection:
        for ref, sha in naming.named(delivery):
            tell_named(connection, repository, ref, sha, ports.clock())
    if not delivery.after or not delivery.after.strip(NOTHING):
        return f"{delivery.ref} is gone"
    return f"{delivery.ref} is said to be at {delivery.after[:7]}"


def tell_named(connection: Connection, repository: RepositoryRow, ref: str, sha: str, now: datetime) -> bool:
    """Keep that a branch or a pull request was at a commit, as an event; whether that was news."""
    event = Named(ref, sha)
    return events.tell(connection, repository.id, events.NAMED, event.key, asdict(event), now)


def _installation(ports: Ports, forge: str, seen: InstallationSeen, hinted: set[str]) -> str:
    """Repositories that the App was given or refused are asked about at once."""
    ids = {one.id for one in (*seen.added, *seen.removed)}
    now = ports.clock()
    with ports.ledger.write() as connection:
        rows = [row for row in repositories.watched(connection) if row.forge == forge]
        for row in rows:
            if row.forge_id is None or row.forge_id in ids or not ids:
                repositories.ask_again(connection, row.id)
                hinted.add(row.name)
        audit.note(connection, f"{forge}:{seen.account}", f"installation {seen.action}", forge, {}, now)
    return f"the App's installation: {seen.action}"


def _repository(ports: Ports, api: ForgeApi, repository: RepositoryRow, told: RepositorySeen) -> str:
    """The forge leads from the old name to the new one, if there is one."""
    if told.action == "deleted" or told.name == repository.slug:
        return told.action
    seen = api.repository(repository.slug or "")
    if seen.id != repository.forge_id or seen.name == repository.slug:
        return f"{told.action}, and the forge still calls it {repository.slug}"
    with ports.ledger.write() as connection:
        repositories.known_at_forge(connection, repository.id, seen.id, seen.name)
        detail = {"from": repository.slug, "to": seen.name}
        audit.note(connection, repository.forge, told.action, repository.name, detail, ports.clock())
    return f"{told.action}: it is {seen.name} now"


def _pull(ports: Ports, api: ForgeApi, repository: RepositoryRow, told: PullRequestSeen) -> str:
    """Asked for where it says something new: labels and titles change more often than heads."""
    if not told.open:
        return f"pull request {told.number} is {told.action or 'closed'}"
    with ports.ledger.read() as connection:
        newest = events.newest_pull_request(connection, repository.id, told.number) or {}
    said = (told.head, BRANCHES + told.base_ref, told.base)
    if said == (newest.get("head"), newest.get("base_ref"), newest.get("base")):
        return f"pull request {told.number} at {told.head[:7]}, as told before"
    seen = api.pull(repository.slug or "", told.number)
    with ports.ledger.write() as connection:
        if not seen.open or seen.head != told.head:
            # It has moved on since: its head then is owed a verdict too.
            tell_named(connection, repository, pull_ref(told.number), told.head, ports.clock())
        return tell_pull(connection, ports, repository, seen).words


def _comment(ports: Ports, api: ForgeApi, repository: RepositoryRow, told: CommentSeen) -> str:
    """A comment that may be a command, as the forge shows it. One that was edited meanwhile is no command any more."""
    passed = _no_command(ports, repository, told)
    if passed:
        return passed
    since = max(moments.from_text(told.at) - SKEW, ports.clock() - OLDEST)
    shown = api.comments_since(repository.slug or "", moments.to_text(since))
    found = next((one for one in shown if one.id == told.id), None)
    if found is None:
        return "a comment that the forge does not show"
    return tell_comment(ports, api, repository, found).words


def tell_pull(connection: Connection, ports: Ports, repository: RepositoryRow, pull: PullRequestSeen) -> Told:
    """Keep a pull request as the forge shows it, as an event."""
    if not pull.open:
        return Told(False, f"pull request {pull.number} is {pull.action or 'closed'}")
    watched = ports.settings.watched(repository.name)
    policy = watched.pulls if watched else PullPolicy()
    event = PullRequest(
        pull.number,
        pull.head,
        BRANCHES + pull.base_ref,
        pull.base,
        fork=pull.fork,
        title=pull.title,
        trusted=trust.class_of(policy, pull.fork),
        head_ref=pull.head_ref,
        author_id=pull.author_id,
        author=pull.author_login,
    )
    new = events.tell(connection, repository.id, events.PULL_REQUEST, event.key, asdict(event), ports.clock())
    return Told(new, f"pull request {pull.number} at {pull.head[:7]}" + ("" if new else ", as told before"))


def _no_command(ports: Ports, repository: RepositoryRow, comment: CommentSeen) -> str:
    """Why a comment asks for nothing; empty when it may be a command that nobody has heard yet."""
    if comment.action != "created" or comment.bot:
        how = "written by a program" if comment.bot else comment.action
        return f"a comment that was {how}: it asks for nothing"
    if not any(line.startswith("/") for line in spoken.lines(comment.text)):
        return "a comment without a command"
    with ports.ledger.read() as connection:
        told = events.is_told(connection, repository.id, events.COMMENT, comment.id)
    return "a comment that was told before" if told else ""


def tell_comment(ports: Ports, api: ForgeApi, repository: RepositoryRow, comment: CommentSeen) -> Told:
    """Keep a comment that may be a command, as an event with the author's rights and the commit as they are now."""
    passed = _no_command(ports, repository, comment)
    if passed:
        return Told(False, passed)
    slug = repository.slug or ""
    may_write = _may_write(api, slug, comment.author_id, comment.author_login)
    pull = api.pull(slug, comment.number)
    event = Comment(
        comment.id,
        comment.number,
        pull.head,
        comment.text,
        comment.author_login,
        may_write,
        comment.at,
        comment.author_id,
    )
    now = ports.clock()
    with ports.ledger.write() as connection:
        tell_pull(connection, ports, repository, pull)
        new = events.tell(connection, repository.id, events.COMMENT, event.key, asdict(event), now)
    return Told(new, f"a comment below pull request {comment.number}")


def _button(ports: Ports, api: ForgeApi, repository: RepositoryRow, asked: RerunAsked) -> str:
    may_write = _may_write(api, repository.slug or "", asked.author_id, asked.author_login)
    if asked.action not in ("rerun", check_text.CANCEL.identifier):
        return f"a button that is none of ours: {asked.action}"
    again = asked.action == "rerun"
    pressed = Press(again, asked.head, asked.context, asked.author_id, asked.author_login, may_write)
    return wishes.press(ports, repository, pressed)


def _may_write(api: ForgeApi, slug: str, id: str, login: str) -> bool:
    """What the forge says now. Without an id there is nobody to ask about."""
    return bool(id) and api.permission(slug, Account(id, login)).may_write
