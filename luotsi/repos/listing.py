"""How the repositories of the settings are doing: what the ledger knows of each, by its address."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from controller.git import address as addresses
from controller.ports import Watched
from ledger.database import Ledger
from ledger.repositories import BARE, RepositoryRow
from luotsi.repos import forge_side
from luotsi.repos.adding import renamed

APP = "app"


@dataclass(frozen=True, slots=True)
class Line:
    """One repository. `trouble`: why it cannot be looked at; `deaf`: what the forge does not tell; `notes`: to be done."""

    name: str
    address: str
    forge: str
    slug: str
    hook: str
    looked_at: datetime | None
    trouble: str
    deaf: str
    notes: tuple[str, ...]


def lines(
    ledger: Ledger | None, watched: tuple[Watched, ...], reached_by: Collection[str] = ()
) -> list[Line]:
    """Every repository of the settings; without a ledger nothing was looked at yet. `reached_by`: forges that may call us."""
    rows = forge_side.rows(ledger)
    return [_line(one, rows.get(addresses.spelling(one.address)), reached_by) for one in watched]


def _line(watched: Watched, row: RepositoryRow | None, reached_by: Collection[str]) -> Line:
    notes: list[str] = []
    if row is not None and row.name != watched.name:
        notes.append(f"The controller still calls it {row.name}.")
    if row is not None and row.forge == watched.forge != BARE:
        notes += renamed(watched.slug, row.slug or "", watched.forge)
    known = row if row is not None and row.forge == watched.forge else None
    if known is not None and known.forge_id and not known.hook and watched.forge in reached_by:
        make = f"`luotsi repo hook {watched.name}` makes it"
        notes.append(f"{watched.forge} has no hook of ours, so it is asked every minute: {make}.")
    return Line(
        watched.name,
        addresses.shown(watched.address),
        watched.forge,
        (known.slug if known else None) or watched.slug,
        hook(known),
        row.looked_at if row else None,
        (row.trouble if row else None) or "",
        (row.deaf if row else None) or "",
        tuple(notes),
    )


def hook(row: RepositoryRow | None) -> str:
    """Our hook at the forge, for people: `app` for the App's own, its number, or nothing."""
    return (row.hook or "") if row is not None else ""
