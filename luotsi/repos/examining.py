"""What `luotsi doctor` says of repositories at forges: our rights, the hook, calls that are left, a name that has changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from controller.core import trust
from controller.git import address as addresses
from controller.ports import Watched
from forges.port import Budget, ForgeApi
from ledger.repositories import BARE, RepositoryRow
from luotsi import looking
from luotsi.installation import Installation
from luotsi.repos import adding, forge_side, naming
from schemas import moments
from schemas.errors import Gone, LuotsiError

LOOK_BACK = timedelta(days=1)
"""How far back deliveries that got lost are counted."""


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence about a subject. `missing`: something else is used; `broken`: a person has to act."""

    what: str
    state: Literal["works", "missing", "broken"]
    words: str


def look(opened: Installation, watched: Watched, api: ForgeApi | None) -> str:
    """Look at a repository as the controller does. Raises what the look raises."""
    refs = looking.refs_of(watched.address, forge_side.login(opened, watched, api))
    return f"{naming.refs(len(refs))} at {addresses.shown(watched.address)}"


def at_forge(
    opened: Installation, watched: Watched, api: ForgeApi, row: RepositoryRow | None
) -> Iterator[Said]:
    """Everything about one repository at its forge. A forge that does not answer is said once."""
    if watched.forge == BARE:
        return
    what = f"{watched.name} at {watched.forge}"
    try:
        shown = forge_side.ask(api, watched)
        yield from _rights(what, watched, shown)
        yield _hook(opened, watched, api, shown.seen.name, row)
        yield _forks(opened, watched)
    except LuotsiError as error:
        yield Said(what, "broken", str(error))
        return
    if (left := api.budget(shown.seen.name)) is not None:
        yield Said(f"calls of {watched.name}", *_budget(left))


def _rights(what: str, watched: Watched, shown: forge_side.Shown) -> Iterator[Said]:
    for line in adding.renamed(watched.slug, shown.seen.name, watched.forge):
        yield Said(what, "broken", line)
    for line in shown.missing:
        yield Said(what, "broken", line)
    if not shown.missing:
        yield Said(what, "works", f"{shown.seen.name}: we have every right that is needed")


def _hook(
    opened: Installation, watched: Watched, api: ForgeApi, slug: str, row: RepositoryRow | None
) -> Said:
    what = f"hook of {watched.name}"
    if why := forge_side.out_of_reach(opened, watched.forge):
        return Said(what, "missing", f"{why}. {forge_side.polling(opened)}")
    else_polled = f"{forge_side.polling(opened)} `luotsi repo hook {watched.name}` makes it."
    if row is None or not row.hook:
        return Said(what, "missing", f"there is none of ours. {else_polled}")
    since = moments.to_text(moments.now() - LOOK_BACK)
    try:
        missed = api.missed_deliveries(slug, row.hook, since)
    except Gone:
        return Said(what, "broken", f"somebody deleted it at {watched.forge} ({row.hook}). {else_polled}")
    # A ping asks whether anybody listens: it tells nothing that could be missing, and nobody sends it again.
    lost = [one for one in missed if one.event != "ping"]
    if lost:
        newest = lost[-1]
        many = "one delivery" if len(lost) == 1 else f"{len(lost):,} deliveries"
        words = (
            f"{many} of the last day did not get through, the newest a {newest.event} at {newest.at[:19]}Z"
        )
        return Said(what, "broken", f"{words}: see that the forge can call {opened.address}")
    but = ", but for a ping" if missed else ""
    return Said(what, "works", f"every delivery of the last day got through{but} ({row.hook})")


def _forks(opened: Installation, watched: Watched) -> Said:
    """What becomes of pull requests of forks: not wrong either way, and yet nobody should have to find it out."""
    what = f"forks of {watched.name}"
    missing = trust.unapprovable(watched.pulls, [one.name for one in opened.environments()])
    if missing:
        return Said(what, "works", f"nothing of them runs, and nothing can be approved: {missing}")
    return Said(
        what, "works", f"nothing of them runs before it is approved; then in {watched.pulls.environment}"
    )


def _budget(left: Budget) -> tuple[Literal["works", "broken"], str]:
    until = datetime.fromtimestamp(left.reset, UTC).strftime("%H:%M UTC")
    words = f"{left.remaining:,} of {left.limit:,} are left until {until}"
    return ("works" if left.remaining else "broken"), words
