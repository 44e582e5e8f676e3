"""Tells a forge what the outbox holds: a check or a status for each context, answers to comments, and what serves.

Final words go first, and alone where few calls are left. A word that is not final waits until the one before it is
`PACE` old: people read a check, they do not watch it. After an answer that never came the forge is looked at before
anything is said again, since it may have heard. Every call is one of a budget that all repositories share.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, cast, get_args

import structlog

from controller import isolate
from controller.checks import text as check_text
from controller.core import status
from controller.forge import comments as pull_comments
from controller.ports import Ports
from controller.watching import watched
from forges.port import Budget, Check, CheckShown, DeploymentShown, ForgeApi, Said
from ledger import outbox, replies, repositories, shown_deployments
from ledger.repositories import RepositoryRow
from schemas import codec
from schemas.errors import Gone, LuotsiError, Refused, Waiting
from schemas.messages.status import CommitState

log = structlog.get_logger()

PACE = timedelta(seconds=30)
"""Between two words of one context of which neither is final."""
STALLED = timedelta(minutes=5)
"""Until what a person has to mend is tried again."""
HOUR = 3600
AT_ONCE = 20
"""Words of one repository in a round, and a third of all: what is heard meanwhile waits no longer than these take."""
SPARE = 0.1
"""Share of the calls of an hour that is kept for final words."""
HALF = 0.5
"""Share of them from which on what the forge shows is compared with what it was told."""
COMMENTS = ((10, timedelta(minutes=1)), (200, timedelta(hours=1)))
"""Comments that are made at one forge within a time. GitHub takes about 80 of all that is made a minute, and 500 an hour.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api: checks and statuses need most of that.
"""
REFUSALS = ((2, timedelta(minutes=1)), (30, timedelta(hours=1)))
"""How many of these may be refusals, of which strangers can cause any number."""
STALE = timedelta(hours=1)
"""A refusal that has waited for this long is of no use any more."""
ON_THE_WAY: tuple[DeploymentShown, ...] = ("queued", "in_progress")
"""States of a deployment that another follows."""


def tell(ports: Ports) -> int:
    """Say what waits, as far as the forges take it; how many words arrived."""
    return isolate.every(partial(say, ports) for say in (_statuses, _replies, _deployments))


def _statuses(ports: Ports) -> int:
    now = ports.clock()
    with ports.ledger.read() as connection:
        known = watched.at_forges(ports, connection)
        rows = outbox.undelivered(connection, now, known, AT_ONCE)[: 3 * AT_ONCE]
    return _each(ports, known, rows, _status, outbox.troubled)


def _each(
    ports: Ports,
    known: Mapping[str, RepositoryRow],
    rows: Sequence[Any],
    say: Callable[[Ports, ForgeApi, RepositoryRow, Any], bool],
    troubled: Callable[..., None],
) -> int:
    """Say each row. A forge that wants us to wait is left alone for that long, with all that is for it.

    A row that meets a bug of ours waits as long as one that a person has to mend; the others are said.
    """
    resting: dict[str, tuple[datetime, str]] = {}

    def trouble(row: Any, again: datetime, why: str, ask: bool = False) -> bool:
        news = why != row.trouble
        if news:
            log.warning("the forge was not told", repository=known[row.repository_id].name, reason=why)
        with ports.ledger.write() as connection:
            troubled(connection, [row.id], why, again)
            if ask and news:  # the round of questions says what is missing, where people look
                repositories.ask_again(connection, row.repository_id)
        return False

    def act(row: Any) -> bool:
        repository = known[row.repository_id]
        if repository.forge in resting:
            return trouble(row, *resting[repository.forge])
        try:
            return say(ports, ports.forges[repository.forge], repository, row)
        except Waiting as error:
            again = ports.clock() + timedelta(seconds=max(error.after, 1.0))
            resting[repository.forge] = (again, str(error))
            return trouble(row, *resting[repository.forge])
        except LuotsiError as error:
            return trouble(row, ports.clock() + STALLED, str(error), ask=True)

    return isolate.each(rows, act, lambda row, bug: trouble(row, ports.clock() + STALLED, f"internal: {bug}"))


def _status(ports: Ports, api: ForgeApi, repository: RepositoryRow, row: Any) -> bool:
    now, slug = ports.clock(), repository.slug or ""
    known = _known(row.said)
    wait = _must_wait(api, slug, row, known, now)
    if wait is not None:
        with ports.ledger.write() as connection:
            outbox.troubled(connection, [row.id], None, wait)
        return False
    try:
        if api.checks:
            check = _check(ports, row)
            # What the forge said last is not known: it may show our check all the same.
            if known is None and (row.trouble or row.said):
                known = _found(api.shown(slug, row.sha), check)
            said = api.say_check(slug, check, known)
        else:
            pull_comments.keep(ports, repository, row.sha)
            state = cast(CommitState, row.state if row.state in get_args(CommitState) else "error")
            said = api.say_status(slug, row.sha, row.context, state, _description(ports, row), row.url, known)
    except (Gone, Refused) as error:
        # Said once more it would be refused once more. The ledger keeps the word, with the forge's; what nobody can look
        # at any more, a commit that is gone, needs no word.
        log.warning("the forge takes no word", repository=repository.name, reason=str(error))
        _delivered(ports, row, known, None if isinstance(error, Gone) else str(error))
        return False
    _delivered(ports, row, said, None)
    return True


def _description(ports: Ports, row: Any) -> str:
    """The one line of a status. Of what failed it is the check's title, which begins with the error."""
    if row.run_id is None or row.state not in ("failure", "error"):
        return cast(str, row.description)
    return status.clip(_check(ports, row).title)


def _check(ports: Ports, row: Any) -> Check:
    """What is shown; where its facts cannot be read, the word alone: a plain check that ends is better than none."""

    def check_of(one: Any) -> Check:
        with ports.ledger.read() as connection:
            return check_text.check_of(ports, connection, one)

    def alone(bug: Exception) -> Check:
        log.error("a check cannot be spelled out", context=row.context, commit=row.sha, reason=str(bug))
        return check_of(SimpleNamespace(**{**row._mapping, "run_id": None, "project_id": None}))

    return isolate.instead(lambda: check_of(row), alone)


def _delivered(ports: Ports, row: Any, said: Said | None, trouble: str | None) -> None:
    now = ports.clock()
    with ports.ledger.write() as connection:
        if said is not None:
            outbox.remember(connection, row.id, codec.to_json(said), now)
        if said is not None and not said.digest:
            outbox.troubled(connection, [row.id], None, now + timedelta(seconds=said.after))
            return
        outbox.delivered(connection, [row], now)
        if trouble is not None:
            outbox.noted(connection, row.id, trouble)


def _must_wait(api: ForgeApi, slug: str, row: Any, known: Said | None, now: datetime) -> datetime | None:
    """Until when a word that is not final waits; None: it is said now."""
    if row.final:
        return None
    spent = _spent(api, slug, now)
    if spent is not None:
        return spent
    begins = known is None or known.final
    if begins or row.said_at is None or row.said_at <= now - PACE:
        return None
    waits_until: datetime = row.said_at + PACE
    return waits_until


def _spent(api: ForgeApi, slug: str, now: datetime) -> datetime | None:
    """Until when the calls that are left are for final words alone; None: there are enough."""
    budget = api.budget(slug)
    if budget is None or _share(budget, now) >= SPARE:
        return None
    seconds = budget.reset - now.timestamp()
    # Whatever a forge says of its clock, a word waits an hour at most.
    return now + max(PACE, timedelta(seconds=seconds if seconds < HOUR else 0))


def _share(budget: Budget, now: datetime) -> float:
    """The share of the hour's calls that is left: all, where another hour has begun since anybody was asked."""
    return 1.0 if budget.reset <= now.timestamp() else budget.remaining / max(budget.limit, 1)


def _known(said: Any) -> Said | None:
    """What the forge was told last; None when nothing was, or the ledger holds something else than that."""
    try:
        return codec.from_json(Said, said) if said else None
    except Refused as refusal:
        log.error("what a forge was told last is not known", reason=str(refusal))
        return None


def _found(shown: Sequence[CheckShown], check: Check) -> Said | None:
    """Our check, if the forge has it although it never said so: all of it has to be said again."""
    ours = [one for one in shown if one.external_id and one.external_id == check.external_id]
    return Said(ours[-1].id, "", word=ours[-1].state) if ours else None


def _replies(ports: Ports) -> int:
    with ports.ledger.read() as connection:
        known = watched.at_forges(ports, connection)
        rows = replies.undelivered(connection, ports.clock(), known)

    def reply(ports: Ports, api: ForgeApi, repository: RepositoryRow, row: Any) -> bool:
        together = [id for id, one in known.items() if one.forge == repository.forge]
        if replies.is_refusal(row) and row.written_at <= ports.clock() - STALE:
            with ports.ledger.write() as connection:
                replies.drop(connection, row.id, ports.clock())
            return False
        wait = _full(ports, together, replies.is_refusal(row)) if row.comment_id is None else None
        if wait is None:
            return _reply(ports, api, repository, row)
        with ports.ledger.write() as connection:
            replies.troubled(connection, [row.id], row.trouble, wait)
        return False

    return _each(ports, known, rows, reply, replies.troubled)


def _full(ports: Ports, together: Sequence[str], refusal: bool) -> datetime | None:
    """Until when a comment waits, so that those of many people do not use up what a forge takes; None: it is made now."""
    now = ports.clock()
    budgets = [(False, *one) for one in COMMENTS] + [(True, *one) for one in REFUSALS if refusal]
    with ports.ledger.read() as connection:
        waits = [
            replies.full_until(connection, together, most, period, now, refusals=alone)
            for alone, most, period in budgets
        ]
    return max((wait for wait in waits if wait is not None), default=None)


def _reply(ports: Ports, api: ForgeApi, repository: RepositoryRow, row: Any) -> bool:
    slug = repository.slug or ""
    try:
        # An answer of ours may have arrived although the forge did not say so: it ends with its own mark.
        known = row.comment_id or (_written(api, slug, row) if row.trouble else "")
        id = api.comment(slug, row.pull_request, f"{row.text}\n\n{_mark(row)}", known)
    except (Gone, Refused) as error:
        log.warning("the answer is not taken", repository=repository.name, reason=str(error))
        id = ""
    with ports.ledger.write() as connection:
        replies.delivered(connection, row.id, id, ports.clock())
    return bool(id)


def _mark(row: Any) -> str:
    return f"<!-- luotsi {row.id} -->"


def _written(api: ForgeApi, slug: str, row: Any) -> str:
    since = row.written_at - timedelta(minutes=5)
    found = [one for one in api.comments_since(slug, since.isoformat()) if one.text.endswith(_mark(row))]
    return found[0].id if found else ""


def _deployments(ports: Ports) -> int:
    with ports.ledger.read() as connection:
        known = watched.at_forges(ports, connection)
        rows = shown_deployments.undelivered(connection, ports.clock(), known)
    return _each(ports, known, rows, _deployment, shown_deployments.troubled)


def _deployment(ports: Ports, api: ForgeApi, repository: RepositoryRow, row: Any) -> bool:
    known, slug = _known(row.said), repository.slug or ""
    wait = _spent(api, slug, ports.clock()) if row.state in ON_THE_WAY else None
    if wait is not None:
        with ports.ledger.write() as connection:
            shown_deployments.troubled(connection, [row.id], None, wait)
        return False
    try:
        said = api.say_deployment(
            slug, row.sha, row.environment, cast(DeploymentShown, row.state), row.description,
            (row.url, row.address), known,
        )  # fmt: skip
    except (Gone, Refused) as error:
        log.warning("the deployment is not shown", repository=repository.name, reason=str(error))
        said = known or Said("", "refused")
    now = ports.clock()
    with ports.ledger.write() as connection:
        again = now + timedelta(seconds=said.after) if not said.digest else None
        shown_deployments.said(connection, row, codec.to_json(said), now, again)
    return True


def refresh(ports: Ports) -> int:
    """Let checks of runs that go on be compared with what can be said of them now; how many."""
    with ports.ledger.read() as connection:
        known = watched.at_forges(ports, connection)
        among = [id for id, row in known.items() if ports.forges[row.forge].checks]
        if not among:
            return 0
    with ports.ledger.write() as connection:
        return outbox.refresh(connection, ports.clock(), among)


def repair(ports: Ports) -> int:
    """Compare what the forges show of recent commits with what they were told; of how many a word has to be said again."""
    with ports.ledger.read() as connection:
        known = watched.at_forges(ports, connection)
        rows = outbox.to_compare(connection, ports.clock(), known)
    commits: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        commits.setdefault((row.repository_id, row.sha), []).append(row)
    return isolate.each(
        commits.values(),
        lambda words: _repair(ports, known[words[0].repository_id], words),
        lambda words, bug: _compared(ports, words, None),
    )


def _repair(ports: Ports, repository: RepositoryRow, words: Sequence[Any]) -> bool:
    """Compare the words of one commit."""
    api, slug = ports.forges[repository.forge], repository.slug or ""
    budget = api.budget(slug)
    if budget is not None and _share(budget, ports.clock()) < HALF:
        return False
    shown: Sequence[CheckShown] | None = None
    try:
        shown = api.shown(slug, words[0].sha)
    except LuotsiError as error:
        log.info("what the forge shows is not known", repository=repository.name, reason=str(error))
    return _compared(ports, words, shown)


def _compared(ports: Ports, words: Sequence[Any], shown: Sequence[CheckShown] | None) -> bool:
    """Keep what came of a comparison; None: nobody knows."""
    lost = {row.id for row in words if shown is not None and _differs(row, shown)}
    with ports.ledger.write() as connection:
        for row in words:
            again = _again(row, shown or ()) if row.id in lost else None
            outbox.compared(connection, row.id, ports.clock(), again)
    return bool(lost)


def _differs(row: Any, shown: Sequence[CheckShown]) -> bool:
    said = _known(row.said)
    ours = [one for one in shown if one.context == row.context]
    return said is not None and bool(said.word) and not any(one.state == said.word for one in ours)


def _again(row: Any, shown: Sequence[CheckShown]) -> dict[str, Any]:
    """What is known of a context that shows something else: all of it has to be said again, anew where it is gone."""
    said = _known(row.said)
    assert said is not None
    there = any(one.context == row.context and one.id == said.id for one in shown)
    return cast(dict[str, Any], codec.to_json(replace(said, digest="", word="")) if there else {})
