"""What the accepted tags of a repository ask for: versions that are bound, and stages that have their promotions."""

from dataclasses import dataclass
from typing import Any

from controller.core.serving import promote as core
from controller.core.serving.promote import Tag
from controller.ports import Ports
from ledger import registry

OPEN = (None, "waiting")
"""Decisions on tags that are to be judged."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the accepted tags ask for now: promotions by id, and every (model, stage) that is not empty.

    A stage can be there without its promotion: its version is not bound yet, or cannot be served. Only `!` empties one.
    """

    promotions: frozenset[str]
    stages: frozenset[tuple[str, str]]


def wanted_promotions(ports: Ports, repository_id: str) -> Wanted:
    """What the accepted tags of a repository ask for."""
    with ports.ledger.read() as connection:
        rows = registry.tags(connection, repository_id)
        known = {
            (row.tag_object, row.stage): row.id for row in registry.promotions_of(connection, repository_id)
        }
    state = core.registry_state([tag(row) for row in rows if row.decision == "accepted"])
    stages = [(model.model, stage) for model in state.values() for stage in model.stages.values()]
    keys = [(stage.tag.tag_object, stage.stage) for _, stage in stages]
    return Wanted(
        frozenset(known[key] for key in keys if key in known),
        frozenset((model, stage.stage) for model, stage in stages),
    )


def is_settled(ports: Ports, repository_id: str) -> bool:
    """Whether no tag is open, each version is bound and each stage has its promotion: nothing is waited for."""
    with ports.ledger.read() as connection:
        rows = registry.tags(connection, repository_id)
        bound = registry.bound(connection, repository_id)
    if any(row.decision in OPEN for row in rows):
        return False
    state = core.registry_state([tag(row) for row in rows if row.decision == "accepted"])
    named = [
        (model.model, version.version)
        for model in state.values()
        for version in model.versions.values()
        if version.named and version.registered
    ]
    stages = sum(len(model.stages) for model in state.values())
    return (
        all(one in bound for one in named)
        and len(wanted_promotions(ports, repository_id).promotions) == stages
    )


def tag(row: Any) -> Tag:
    """A tag as the rules see it, of its observation."""
    return Tag(
        row.name,
        row.tag_object,
        row.target,
        row.annotated,
        row.tagged_at,
        row.tagger,
        row.message,
        row.committed_at,
    )
