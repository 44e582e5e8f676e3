"""Fetches the commits that events name and no look brings: a fork's heads, what a branch was at before it was forced or deleted.

All of a repository's at once: pull requests by the refs of their heads, and by its id whatever is not here then. What a
push alone named is kept under a name that is no branch's: only a delivery says where it was, and a delivery is a hint.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog

from controller import isolate
from controller.core.events import BRANCHES, Comment, Named, PullRequest
from controller.git import by_id
from controller.ports import Ports
from controller.watching import observe
from ledger import observations, repositories
from ledger.events import EventRow
from ledger.observations import SeenCommit
from ledger.repositories import RepositoryRow
from schemas.errors import Gone, Refused
from schemas.values import Sha

log = structlog.get_logger()

AGAIN = timedelta(seconds=15)
"""Until a forge is asked again for what it did not give: it tells of a commit before git has it everywhere."""

SELDOM = timedelta(minutes=1)
"""The same for one that was told longer ago than this."""

Wanted = tuple[EventRow, PullRequest | Comment | Named]


def bring(ports: Ports, wanted: Iterable[Wanted]) -> None:
    """Fetch what these events name, as far as it is to be had now; which commits came, the mirrors say.

    Only where a look was answered after the event, which brings what branches have now.
    """
    groups: dict[str, list[Wanted]] = {}
    for row, event in wanted:
        groups.setdefault(row.repository_id, []).append((row, event))
    with ports.ledger.read() as connection:
        known = {id: repositories.by_id(connection, id) for id in groups}
    isolate.each(
        [(known[id], group) for id, group in groups.items() if not known[id].trouble],
        lambda item: _bring(ports, *item),
        lambda item, bug: _tried(ports, item[0], [event.head for _, event in item[1]]),
    )


def _bring(ports: Ports, repository: RepositoryRow, wanted: list[Wanted]) -> bool:
    mirror, now = observe.mirror_of(ports, repository), ports.clock()
    tried = ports.named.setdefault(repository.id, {})
    for sha in [sha for sha, at in tried.items() if now - at >= SELDOM]:
        del tried[sha]
    due = [
        event
        for row, event in wanted
        if repository.looked_at is not None
        and repository.looked_at >= row.received_at
        and _is_due(row, tried.get(event.head), now)
        and not mirror.has(Sha(event.head))
    ][: by_id.MOST]
    refs = [event.ref for event in due if not isinstance(event, Named)]
    if refs:
        try:
            mirror.bring(refs)
        except Gone as error:
            log.info("a pull request's head is not there", repository=repository.name, reason=str(error))
    ids = [Sha(event.head) for event in due if not mirror.has(Sha(event.head))]
    _tried(ports, repository, ids)
    try:
        answered = by_id.bring(mirror, ids)
    except Refused as error:
        log.info("commits cannot be fetched by their ids", repository=repository.name, reason=str(error))
        return False
    for sha in set(ids) - answered.keys():
        del tried[sha]  # not asked for yet: the next turn goes on
    if ids:
        came = sum(answered.values())
        log.info("fetched by their ids", repository=repository.name, asked=len(answered), came=came)
    return any(answered.values())


def commits(
    ports: Ports, repository: RepositoryRow, event: PullRequest | Comment | Named
) -> list[SeenCommit]:
    """What comes into view with an event whose commit is here: of a branch also what lies before it and was never seen.

    Of a pull request its head alone: what lies before it comes with the merge.
    """
    mirror, head = observe.mirror_of(ports, repository), Sha(event.head)
    if not isinstance(event, Named):
        return [observe.seen_commit(mirror, head, event.ref)]
    if not event.ref.startswith(BRANCHES):
        return [observe.seen_commit(mirror, head, event.kept_as)]
    with ports.ledger.read() as connection:
        hide = [Sha(sha) for sha in observations.heads_ever(connection, repository.id)]
    shas = dict.fromkeys([*(info.sha for info in mirror.new_commits([head], hide)), head])
    return [observe.seen_commit(mirror, sha, event.kept_as) for sha in shas]


def _is_due(row: EventRow, tried: datetime | None, now: datetime) -> bool:
    """Whether the commit of an event is asked for now. What is told anew is asked for at once."""
    if tried is None or tried < row.received_at:
        return True
    return now - tried >= (AGAIN if now - row.received_at < SELDOM else SELDOM)


def _tried(ports: Ports, repository: RepositoryRow, shas: Iterable[str]) -> None:
    ports.named.setdefault(repository.id, {}).update(dict.fromkeys(shas, ports.clock()))
