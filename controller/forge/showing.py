"""What serves becomes deployments at the forge: one for each commit and stage, from the tag on until another takes its place."""

from datetime import timedelta

from controller.core import status
from controller.ports import Ports
from controller.watching import watched
from forges.port import DeploymentShown
from ledger import registry, shown_deployments
from ledger.repositories import RepositoryRow
from schemas.states import PromotionState

SINCE = timedelta(days=7)
"""How long after its end a promotion may still have to be shown as over: longer than any controller is away."""

_STATES: dict[PromotionState, DeploymentShown] = {
    PromotionState.WAITING: "queued",
    PromotionState.BUILDING: "in_progress",
    PromotionState.DEPLOYING: "in_progress",
    PromotionState.SERVING: "success",
    PromotionState.FAILED: "failure",
    PromotionState.SUPERSEDED: "inactive",
}


def show(ports: Ports) -> int:
    """Put what has changed into the outbox of deployments; how many words."""
    with ports.ledger.read() as connection:
        known = watched.at_forges(ports, connection)
    return sum(_show(ports, row) for row in known.values())


def _show(ports: Ports, repository: RepositoryRow) -> int:
    now = ports.clock()
    with ports.ledger.read() as connection:
        rows = registry.recent_promotions(connection, repository.id, now - SINCE)
        shown = shown_deployments.of_repository(connection, repository.id)
    wanted: dict[tuple[str, str], tuple[DeploymentShown, str, str]] = {}
    for row, sha in rows:
        page = f"{ports.settings.web_address}/promotions"
        words = status.clip(f"{row.tag}: {row.reason}")
        wanted[sha, f"{row.model}/{row.stage}"] = (_STATES[row.state], words, row.address or page)
    news = {place: words for place, words in wanted.items() if shown.get(place) != words[:2]}
    if not news:
        return 0
    with ports.ledger.write() as connection:
        return sum(
            shown_deployments.show(connection, repository.id, place, state, (words, url), now)
            for place, (state, words, url) in news.items()
        )
