"""What serves becomes deployments at the forge: one for each commit and environment, until another takes its place.

Environments are `<model>/<stage>` of promotions, and of pipelines' deployment nodes `<deployment>/<alias>`, the first alias that
a version asks for, or `<deployment>/<version>` without one. A version is told of when its state changes, not with every
reason on the way: each word is a call or two of a budget that checks need.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import quote

from sqlalchemy import Connection

from controller import isolate
from controller.core import status
from controller.ports import Ports
from forges.port import DeploymentShown
from ledger import deployments, shown_deployments
from ledger.rows import AnyRow
from schemas.states import DeploymentState, PromotionState

STEP = "showing"
SINCE = timedelta(days=7)
"""How long after its end something may still have to be shown as over: longer than any controller is away."""
OVER = ("failure", "inactive")

_PROMOTED: dict[PromotionState, DeploymentShown] = {
    PromotionState.WAITING: "queued",
    PromotionState.BUILDING: "in_progress",
    PromotionState.DEPLOYING: "in_progress",
    PromotionState.SERVING: "success",
    PromotionState.FAILED: "failure",
    PromotionState.SUPERSEDED: "inactive",
}
_DEPLOYED: dict[DeploymentState, tuple[DeploymentShown, str]] = {
    DeploymentState.BUILDING: ("in_progress", "is on its way"),
    DeploymentState.DEPLOYING: ("in_progress", "is on its way"),
    DeploymentState.SERVING: ("success", "serves"),
    DeploymentState.RETIRED: ("inactive", "was replaced"),
}


@dataclass(frozen=True, slots=True)
class _Word:
    """What the forge shall show of a commit in an environment (`place`): `url` is the page about it, `address` where it answers."""

    place: tuple[str, str]
    state: DeploymentShown
    description: str
    url: str
    address: str = ""


@dataclass(slots=True)
class _Standing:
    """What there is of one repository, oldest first. Of a version: with the aliases that lead to it."""

    promoted: list[AnyRow] = field(default_factory=list)
    deployed: list[tuple[AnyRow, tuple[str, ...]]] = field(default_factory=list)

    @property
    def basis(self) -> tuple[object, ...]:
        """All that its words depend on."""
        return (*map(tuple, self.promoted), *((*row, *aliases) for row, aliases in self.deployed))


def show(ports: Ports) -> int:
    """Put what has changed into the outbox of deployments; in how many repositories something did."""
    if not ports.forges:
        return 0
    now = ports.clock()
    with ports.ledger.read() as connection:
        standing = _standing(connection, ports)
    basis = {id: one.basis for id, one in standing.items()}

    def act(id: str) -> bool:
        changed = _show(ports, id, standing[id])
        ports.unchanged.rest((STEP, id), basis[id], now)
        return changed

    new = [id for id in standing if not ports.unchanged.still((STEP, id), basis[id], now)]
    changed = isolate.each(new, act, lambda id, bug: None)
    ports.unchanged.forget(STEP, standing)
    return changed


def _standing(connection: Connection, ports: Ports) -> dict[str, _Standing]:
    """By repository; in as many questions however many there are."""
    forges, since = ports.forges, ports.clock() - SINCE
    found: dict[str, _Standing] = defaultdict(_Standing)
    for row in shown_deployments.promoted(connection, forges, since):
        found[row.repository_id].promoted.append(row)
    versions = shown_deployments.deployed(connection, forges, since)
    aliases = deployments.aliases(connection) if versions else {}
    for row in versions:
        found[row.repository_id].deployed.append((row, aliases.get(row.id, ())))
    return found


def _show(ports: Ports, repository_id: str, standing: _Standing) -> bool:
    with ports.ledger.read() as connection:
        wanted = _wanted([*_of_promotions(ports, standing), *_of_versions(ports, connection, standing)])
        shown = shown_deployments.at_commits(connection, repository_id, {sha for sha, _ in wanted})
    news = [word for word in wanted.values() if _is_news(word, shown.get(word.place))]
    if not news:
        return False
    with ports.ledger.write() as connection:
        for word in news:
            words = (word.description, word.url, word.address)
            shown_deployments.show(connection, repository_id, word.place, word.state, words, ports.clock())
    return True


def _is_news(word: _Word, shown: tuple[str, str, str] | None) -> bool:
    """What the forge never heard of need not be taken back there."""
    if shown is None:
        return word.state != "inactive"
    return shown != (word.state, word.description, word.address)


def _wanted(words: Sequence[_Word]) -> dict[tuple[str, str], _Word]:
    """The word of each place: that of the newest which is not over, else that of the newest."""
    wanted: dict[tuple[str, str], _Word] = {}
    for word in words:
        known = wanted.get(word.place)
        if known is None or known.state in OVER or word.state not in OVER:
            wanted[word.place] = word
    return wanted


def _of_promotions(ports: Ports, standing: _Standing) -> Iterator[_Word]:
    for row in standing.promoted:
        state = _PROMOTED[PromotionState(row.state)]
        yield _Word(
            (row.sha, _environment(row.model, row.stage)),
            state,
            status.clip(f"{row.tag}: {row.reason}"),
            f"{ports.settings.web_address}/r/{quote(row.repository)}/commit/{row.sha}#{row.id}",
            (row.address or "") if state == "success" else "",
        )


def _of_versions(ports: Ports, connection: Connection, standing: _Standing) -> Iterator[_Word]:
    for row, aliases in standing.deployed:
        place = row.aliases[0] if row.aliases else row.name
        state, words = _DEPLOYED.get(DeploymentState(row.state), ("failure", f"failed: {row.reason}"))
        if state == "success" and row.aliases and place not in aliases:
            state, words = _DEPLOYED[DeploymentState.RETIRED]
        address = ""
        if state == "success":
            served = deployments.by_id(connection, row.id).endpoints.values()
            places = [one["address"] for one in served if one.get("address")]
            address = places[0] if len(places) == 1 else ""
        of = f"{row.root}:{row.deployment}" if row.root else row.deployment
        yield _Word(
            (row.sha, _environment(of, place)),
            state,
            status.clip(f"{row.deployment} {row.name} {words}"),
            f"{ports.settings.web_address}/r/{quote(row.repository)}/deployments",
            address,
        )


def _environment(what: str, where: str) -> str:
    """As long as the ledger and the forges take it."""
    return f"{what}/{where}"[: shown_deployments.LONGEST]
