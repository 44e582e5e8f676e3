"""What a forge says of one repository of the settings: that it is there, what our login lacks, and our hook."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from controller.git import address as addresses
from controller.git.credentials import Credentials, from_login
from controller.ports import Watched
from forges.port import ForgeApi, HookState, RepositorySeen
from ledger import repositories
from ledger.database import Ledger
from ledger.repositories import RepositoryRow
from luotsi import places
from luotsi.installation import Installation
from schemas.errors import ConfigError, Gone, LuotsiError, Refused, Stalled

GITHUB = ("github.com", "www.github.com", "ssh.github.com")
RESIDENT = ".ghe.com"
"""What the hosts of GitHub Enterprise with data residency end with."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A repository at its forge: `missing` are sentences about rights that say what to do."""

    seen: RepositorySeen
    missing: tuple[str, ...]


def ask(api: ForgeApi, watched: Watched) -> Shown:
    """Ask for the repository and our rights. Raises `Stalled` if it is not shown to us, `Waiting` if the forge is down."""
    try:
        seen = api.repository(watched.slug)
    except (Gone, Refused, Stalled) as error:
        lacking = api.check_rights(watched.slug) if isinstance(error, Gone) else ()
        hint = " ".join(lacking) or error.hint
        raise Stalled(
            f"{watched.forge} does not show us {watched.slug}: {error.message}", hint=hint
        ) from error
    return Shown(seen, api.check_rights(seen.name))


def twin(opened: Installation, watched: Watched, api: ForgeApi, seen: RepositorySeen) -> Watched | None:
    """Another entry that leads to the repository `seen`, too: it was renamed there, or has an alias.

    The ledger knows the ids of those that were looked at; for the others the forge is asked.
    """
    there = known(opened)
    for other in opened.repositories():
        if other.name == watched.name or other.forge != watched.forge:
            continue
        row = there.get(addresses.spelling(other.address))
        id = row.forge_id if row is not None and row.forge == other.forge else None
        if seen.id == (id or _id(api, other)):
            return other
    return None


def refuse_twin(opened: Installation, watched: Watched, api: ForgeApi, seen: RepositorySeen) -> None:
    """Raise `ConfigError` where another entry leads to the repository `seen`."""
    other = twin(opened, watched, api, seen)
    if other is None:
        return
    moved = other.slug.lower() != seen.name.lower()
    change = f"Change the address of {other.name} to {addresses.shown(watched.address)}: its history goes on."
    raise ConfigError(
        f"this repository is watched already, as {other.name}"
        + (f": {watched.forge} calls {other.slug} {seen.name} now" if moved else ""),
        hint=change if moved else f"It gets another name with `luotsi repo rename {other.name} NEW`.",
    )


def rows(ledger: Ledger | None) -> dict[str, RepositoryRow]:
    """What the ledger knows of watched repositories, by the spelling of their address."""
    if ledger is None:
        return {}
    with ledger.read() as connection:
        return {addresses.spelling(row.address): row for row in repositories.watched(connection)}


def known(opened: Installation) -> dict[str, RepositoryRow]:
    """What `rows` knows; nothing where the ledger cannot be asked."""
    from luotsi import wiring

    try:
        ledger = wiring.ledger(opened, read_only=True)
    except LuotsiError:
        return {}
    try:
        return rows(ledger)
    finally:
        ledger.close()


def _id(api: ForgeApi, watched: Watched) -> str:
    """The forge's id of a repository; empty where the forge does not tell."""
    try:
        return api.repository(watched.slug).id
    except LuotsiError:
        return ""


def login(opened: Installation, watched: Watched, api: ForgeApi | None) -> Credentials | None:
    """What git is told of us: the forge's login, where the address is the forge's own."""
    given = opened.settings.get("forges", default={}).get(watched.forge)
    if api is None or given is None or not places.takes_login(watched.address, given):
        return None
    return from_login(lambda: api.git_login(watched.slug))


def hook_url(opened: Installation, forge: str) -> str:
    """Where the deliveries of a forge come in."""
    return f"{opened.address}/forges/{forge}"


def make_hook(opened: Installation, api: ForgeApi, watched: Watched, renew: bool = False) -> HookState:
    """See that deliveries come in, with the newest secret. Raises `Stalled` when they cannot, with what is missing."""
    if why := out_of_reach(opened, watched.forge):
        raise Stalled(
            why, hint="Set `web.address` to an address that the forge can call, or do without a hook."
        )
    secret = opened.forges()[watched.forge].secrets[0]
    return api.ensure_hook(watched.slug, hook_url(opened, watched.forge), secret, renew)


def out_of_reach(opened: Installation, forge: str) -> str:
    """Why the forge certainly cannot call us; empty where it may. Only a forge on this machine can call this machine."""
    here = urlsplit(opened.address).hostname or ""
    theirs = places.forge_host(opened.settings.get("forges", forge, default={"kind": "github"}))
    there = theirs.name if theirs is not None else ""
    if _is(here, "loopback") and not _is(there, "loopback"):
        return f"{opened.address} is this machine for itself: {there} cannot call it"
    if _is(here, "private") and places.CLOUD.get("github", "").endswith(there):
        return f"{opened.address} is an address of an inner network: {there} cannot call it"
    return ""


def looks_like_github(address: str) -> str:
    """The host, if it is one of GitHub's own; else nothing. An Enterprise server has a host of its owner's."""
    there = places.host(address)
    if there is None:
        return ""
    return there.name if there.name in GITHUB or there.name.endswith(RESIDENT) else ""


def polling(opened: Installation) -> str:
    """What happens without a hook."""
    seconds = opened.settings.get("poll-interval", default=60)
    return f"Polling finds everything meanwhile: pushes within {seconds:g} s, pull requests and comments within a minute or so."


def words(error: LuotsiError) -> str:
    """An error as one sentence or two."""
    return str(error).rstrip(".") + "."


def _is(host: str, kind: str) -> bool:
    if host == "localhost":
        return kind == "loopback"
    try:
        there = ipaddress.ip_address(host)
    except ValueError:
        return False
    if kind == "loopback":
        return there.is_loopback or there.is_unspecified
    return there.is_private
