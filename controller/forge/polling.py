"""Asks forges for what no delivery may have brought: pull requests, comments, how branches moved, deliveries that never got through.

Where a hook of ours works this is only the net below it, and is done seldom; without one it is the only way, and goes on
at the pace of `PACE`. A forge that does not answer is "unknown": what was known stays.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from controller import isolate
from controller.core.events import BRANCHES
from controller.forge import hearing
from controller.ports import Ports
from forges.port import ForgeApi, MissedDelivery, PullRequestSeen
from ledger import owed, repositories
from ledger.repositories import RepositoryRow
from schemas import moments
from schemas.errors import Gone, LuotsiError, Refused, Stalled, Waiting
from schemas.values import NULL_SHA

log = structlog.get_logger()

T = TypeVar("T")

PACE = timedelta(seconds=60)
WITH_HOOK = timedelta(minutes=10)
OVERLAP = timedelta(minutes=2)
"""Clocks differ, and a comment may show late: what was asked for last is asked for once more."""
SOON = timedelta(seconds=10)
"""Until a forge that did not answer is asked again which repository one is: until then nothing is done for it."""
STRANGERS = 20
"""Repositories of one round of which only that is asked."""
AT_ONCE = 5
"""Repositories of one round: deliveries and words of others wait no longer than these take."""
FIRST = timedelta(days=1)
"""How far back lost deliveries are asked for the first time: the hook may be older than the web side's first answer."""
MOST_LOST = 50
"""Deliveries that are asked for again at once."""


def ask(ports: Ports) -> set[str]:
    """Ask about repositories that are due, some at a time; the names of those of which something new was told."""
    due = _due(ports)
    strangers = [row for row in due if row.forge_id is None]
    news = _introduced(ports, strangers)
    if news:
        due = _due(ports)
    due = [row for row in due if row.forge_id is not None]

    def act(row: RepositoryRow) -> bool:
        new = _ask(ports, row)
        if new:
            news.add(row.name)
        return new

    isolate.each(due[:AT_ONCE], act, lambda row, bug: _deaf(ports, row, f"internal: {bug}"))
    return news


def _due(ports: Ports) -> list[RepositoryRow]:
    """Those that should be asked about, whoever has waited longest first."""
    now = ports.clock()
    with ports.ledger.read() as connection:
        return repositories.to_ask(connection, ports.forges, now - PACE, now - WITH_HOOK)


def _introduced(ports: Ports, strangers: Sequence[RepositoryRow]) -> set[str]:
    """Ask which repositories the strangers are; the names of those that may be looked at now.

    One that was looked at before goes first: of two that are the same, the one that was there keeps its id.
    """
    news: set[str] = set()
    down: dict[str, str] = {}

    def act(row: RepositoryRow) -> bool:
        if row.forge in down:
            return _stranger(ports, row, down[row.forge], SOON)
        try:
            known = _introduce(ports, row)
        except Waiting as error:
            down[row.forge] = f"{row.forge} has not told which repository it is: {error}"
            return _stranger(ports, row, down[row.forge], SOON)
        if known:
            news.add(row.name)
        return known

    known_first = sorted(strangers, key=lambda row: row.baseline_at is None)
    isolate.each(
        known_first[:STRANGERS], act, lambda row, bug: _stranger(ports, row, f"internal: {bug}", PACE)
    )
    return news


def _introduce(ports: Ports, row: RepositoryRow) -> bool:
    """Whether it is a repository that the forge shows, and no other that is watched; what is in the way is its trouble.

    Raises `Waiting` when the forge does not answer.
    """
    try:
        seen = ports.forges[row.forge].repository(row.slug or "")
    except Waiting:
        raise
    except LuotsiError as error:
        return _stranger(ports, row, f"{row.forge} does not show it: {error}", PACE)
    with ports.ledger.write() as connection:
        other = repositories.known_at_forge(connection, row.id, seen.id, seen.name)
        if not other:
            repositories.ask_again(connection, row.id)
            return True
    return _stranger(ports, row, repositories.twin_words(row.name, row.forge, other), PACE)


def _stranger(ports: Ports, row: RepositoryRow, why: str, again: timedelta) -> bool:
    now = ports.clock()
    with ports.ledger.write() as connection:
        repositories.asked(connection, row.id, now - PACE + again, None, None)
        news = repositories.looked(connection, row.id, why, now)
    if news:
        log.warning("the repository is at rest", repository=row.name, reason=why)
    return False


def _ask(ports: Ports, row: RepositoryRow) -> bool:
    api, began = ports.forges[row.forge], ports.clock()
    try:
        slug = _place(ports, api, row)
        new = _pulls(ports, api, row, slug)
        new += _comments(ports, api, row, slug)
        new += _moves(ports, api, row, slug)
        deaf = " ".join(filter(None, (*_lacking(ports, api, row, slug), _lost(ports, api, row, slug))))
    except LuotsiError as error:
        _deaf(ports, row, str(error))
        return False
    if deaf:
        _deaf(ports, row, deaf, began - OVERLAP)
    else:
        with ports.ledger.write() as connection:
            repositories.asked(connection, row.id, ports.clock(), began - OVERLAP, None)
    return new > 0


def _deaf(ports: Ports, row: RepositoryRow, reason: str, heard_until: datetime | None = None) -> None:
    """The forge did not tell: it is asked again at the next pace, from where it told last."""
    if row.deaf != reason:
        log.warning("the forge does not tell", repository=row.name, reason=reason)
    with ports.ledger.write() as connection:
        repositories.asked(connection, row.id, ports.clock(), heard_until, reason)


def _lacking(ports: Ports, api: ForgeApi, row: RepositoryRow, slug: str) -> tuple[str, ...]:
    """Which rights are missing. An App is told them in one call; of a token they are tried, where a word was not taken.

    Where none is missing, what the forge did not take is tried again now.
    """
    with ports.ledger.read() as connection:
        troubled = owed.any_troubled(connection, row.id)
    lacking = api.check_rights(slug) if api.checks or troubled else ()
    if troubled and not lacking:
        with ports.ledger.write() as connection:
            owed.due_now(connection, [row.id])
    return lacking


def _place(ports: Ports, api: ForgeApi, row: RepositoryRow) -> str:
    """The repository's name there now. An answer that led elsewhere says when to ask for it.

    Raises `Stalled` when the old name leads to another that is watched: this one is a stranger again.
    """
    slug = row.slug or ""
    if api.new_name(slug) is None:
        return slug
    seen = api.repository(slug)
    with ports.ledger.write() as connection:
        other = repositories.known_at_forge(connection, row.id, seen.id, seen.name)
    if other:
        raise Stalled(repositories.twin_words(row.name, row.forge, other))
    if seen.name != slug:
        log.info("the repository has another name", repository=row.name, old=slug, new=seen.name)
    return seen.name


def _pulls(ports: Ports, api: ForgeApi, row: RepositoryRow, slug: str) -> int:
    pulls = api.pulls(slug)

    def tell(some: Sequence[PullRequestSeen]) -> int:
        with ports.ledger.write() as connection:
            return sum(hearing.tell_pull(connection, ports, row, pull).new for pull in some)

    # One that the ledger does not take leaves the others alone.
    return isolate.instead(
        lambda: tell(pulls), lambda _: _each(pulls, lambda pull: tell([pull]) > 0, "a pull request")
    )


def _comments(ports: Ports, api: ForgeApi, row: RepositoryRow, slug: str) -> int:
    """What was written before the repository was watched asks for nothing."""
    if row.heard_until is None:
        return 0
    with ports.ledger.read() as connection:
        present = repositories.by_id(connection, row.id)
    found = api.comments_since(slug, moments.to_text(row.heard_until))
    return _each(found, lambda one: hearing.tell_comment(ports, api, present, one).new, "a comment")


def _moves(ports: Ports, api: ForgeApi, row: RepositoryRow, slug: str) -> int:
    """Name what branches were at since the first look, also of pushes whose deliveries nobody ever saw."""
    if row.heard_until is None or row.baseline_at is None:
        return 0
    moves = api.moves_since(slug, moments.to_text(max(row.heard_until, row.baseline_at)))
    if not moves:
        return 0
    ends = [(move.ref, sha) for move in moves for sha in (move.before, move.after) if sha != NULL_SHA]
    with ports.ledger.write() as connection:
        return sum(
            hearing.tell_named(connection, row, ref, sha, ports.clock())
            for ref, sha in ends
            if ref.startswith(BRANCHES)
        )


def _lost(ports: Ports, api: ForgeApi, row: RepositoryRow, slug: str) -> str:
    """Have what was lost delivered again; what a person has to mend first, so that comments are not asked for anew meanwhile.

    A hook that somebody deleted at the forge is forgotten: without one it is asked at the pace of that.
    """
    hook = row.hook
    if not hook:
        return ""

    def ask(missed: MissedDelivery) -> bool:
        api.redeliver(slug, hook, missed)
        log.info(
            "asked for a lost delivery", repository=row.name, told=missed.event, delivery=missed.delivery
        )
        return True

    since = row.heard_until or ports.clock() - FIRST
    try:
        missed = api.missed_deliveries(slug, hook, moments.to_text(since))[:MOST_LOST]
        _each(missed, ask, "a lost delivery")
    except Gone as error:
        log.warning("the hook is gone", repository=row.name, reason=str(error))
        with ports.ledger.write() as connection:
            repositories.hooked(connection, row.id, None)
    except Stalled as error:
        return str(error)
    return ""


def _each(found: Sequence[T], act: Callable[[T], bool], what: str) -> int:
    """Act on each; what the forge never takes, or meets a bug of ours, is passed over: it would keep the others back.

    Raises what the forge did not do now, after the others or when it happened `hearing.PATIENCE` times: all is then asked again.
    """
    not_now: list[LuotsiError] = []

    def one(item: T) -> bool:
        if len(not_now) >= hearing.PATIENCE:
            return False
        try:
            return act(item)
        except (Gone, Refused) as error:
            log.warning("passed over", what=what, reason=str(error))
        except LuotsiError as error:
            not_now.append(error)
        return False

    told = isolate.each(found, one, lambda item, bug: None)
    if not_now:
        raise not_now[0]
    return told
