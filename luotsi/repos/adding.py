"""`luotsi repo add`: looks at a repository before it is watched, writes it into the settings, and makes its hook."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from controller.git import address as addresses
from controller.ports import Watched
from forges.port import ForgeApi, HookState
from ledger import repositories
from ledger.repositories import BARE
from luotsi import installation, looking, places
from luotsi.installation import Installation
from luotsi.repos import editing, forge_side, naming
from luotsi.repos.forge_side import Shown
from luotsi.settings import Settings
from luotsi.workspace import Workspace
from schemas import moments
from schemas.errors import ConfigError, LuotsiError


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for. `token_file`: where the token lies for a forge that the settings do not have yet."""

    address: str
    name: str = ""
    forge: str = ""
    token_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """What came of it. `hook`: created, repaired, kept, or empty; `missing` and `notes` are sentences for people."""

    name: str
    address: str
    forge: str
    slug: str
    refs: int
    default_branch: str
    hook: str
    missing: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Agreed:
    opened: Installation
    watched: Watched
    api: ForgeApi | None
    at: Shown | None
    refs: int


def add(file: Path, wish: Wish) -> Added:
    """Watch one more repository. Raises, and leaves the settings as they are, for one that cannot be read or is there."""
    present = installation.opened(file)
    addresses.check(wish.address)
    entry, forge = _entry(present, wish)

    def edit(text: str) -> str:
        if forge:
            text = editing.add_forge(text, *forge)
        return editing.add(text, entry)

    def check(settings: Settings) -> _Agreed:
        agreed = _look(settings, entry["name"])
        if agreed.at is not None and agreed.api is not None:
            forge_side.refuse_twin(agreed.opened, agreed.watched, agreed.api, agreed.at.seen)
        return agreed

    agreed = editing.change(file, edit, check)
    return _hooked(agreed)


def _entry(present: Installation, wish: Wish) -> tuple[dict[str, str], tuple[str, Mapping[str, str]] | None]:
    """The repository's entry, and that of its forge if it is new. Raises `ConfigError`."""
    address = naming.absolute(wish.address)
    there = {one.name: one for one in present.repositories()}
    spelled = addresses.spelling(address)
    for one in there.values():
        if addresses.spelling(one.address) == spelled:
            raise ConfigError(
                f"this repository is watched already, as {one.name}",
                hint=f"It gets another name with `luotsi repo rename {one.name} NEW`.",
            )
    name = wish.name or naming.name(address)
    if name in there:
        raise ConfigError(
            f"there is a repository {name} already, at {addresses.shown(there[name].address)}",
            hint="Give this one another, with --name.",
        )
    forge = _forge(present, wish, address)
    entry = {"name": name, "address": address}
    if wish.forge:
        entry["forge"] = wish.forge
    return entry, forge


def _forge(present: Installation, wish: Wish, address: str) -> tuple[str, Mapping[str, str]] | None:
    """A forge that has to be written too: one of GitHub's, with the token that was given. Raises `ConfigError`."""
    known = present.settings.get("forges", default={})
    if wish.forge in known or wish.forge == BARE or (not wish.forge and places.forges_of(address, known)):
        if wish.token_file is not None:
            raise ConfigError("the settings have this forge, and its login", hint="Leave --token-file out.")
        return None
    host = places.host(address)
    if wish.token_file is not None and host is not None:
        return wish.forge or "github", _written(present, address, host, wish.token_file)
    if (of_github := forge_side.looks_like_github(address)) or wish.forge:
        raise ConfigError(
            f"the settings have no forge {wish.forge or 'at ' + of_github}", hint=_lines(wish, of_github)
        )
    return None


def _written(present: Installation, address: str, host: places.Host, token_file: Path) -> Mapping[str, str]:
    path = token_file.absolute()
    if not path.is_file():
        raise ConfigError(f"there is no file {path}", hint="Put the token alone on its first line.")
    if path.is_relative_to(present.workspace.root):
        path = path.relative_to(present.workspace.root)
    given = {"kind": "github"}
    if host.name not in forge_side.GITHUB:
        scheme = "http" if address.lower().startswith("http:") else "https"
        given["url"] = f"{scheme}://{host.name}" + (f":{host.port}" if host.port else "")
    return {**given, "token": f"file:{path}"}


def _lines(wish: Wish, host: str) -> str:
    name = wish.forge or "github"
    url = f", url: https://{host}" if host and host not in forge_side.GITHUB else ""
    return (
        "Add one of these to it, or give --token-file FILE, or --forge bare to watch it as plain git:\n"
        f"forges:\n  {name}: {{ kind: github{url}, app: CLIENT_ID, private-key: secrets/{name}.pem }}\n"
        f"  {name}: {{ kind: github{url}, token: 'file:secrets/{name}' }}"
    )


def _look(settings: Settings, name: str) -> _Agreed:
    """Ask the forge, and git, before anything is written."""
    from luotsi import wiring

    opened = Installation(Workspace(settings.workspace), settings)
    watched = next(one for one in opened.repositories() if one.name == name)
    api = wiring.open_forges(opened).get(watched.forge)
    at = None if api is None else forge_side.ask(api, watched)
    refs = looking.refs_of(watched.address, forge_side.login(opened, watched, api))
    return _Agreed(opened, watched, api, at, len(refs))


def _hooked(agreed: _Agreed) -> Added:
    opened, watched, at = agreed.opened, agreed.watched, agreed.at
    notes: list[str] = []
    if addresses.has_credentials(watched.address):
        notes.append(
            "A password stands in the address: write `${NAME}` there, and give it in the environment."
        )
    hook = ""
    if agreed.api is not None and at is not None:
        hook, said = _hook(opened, agreed.api, watched, at)
        notes += said
    return Added(
        watched.name,
        addresses.shown(watched.address),
        watched.forge,
        at.seen.name if at else "",
        agreed.refs,
        at.seen.default_branch if at else "",
        hook,
        at.missing if at else (),
        tuple(notes),
    )


def _hook(opened: Installation, api: ForgeApi, watched: Watched, at: Shown) -> tuple[str, list[str]]:
    """Make the hook and keep its id; what was done, and sentences about what was not."""
    notes = renamed(watched.slug, at.seen.name, watched.forge)
    if at.seen.archived:
        notes.append(f"{at.seen.name} is archived: nothing can be written there, statuses neither.")
    made: HookState | None = None
    try:
        made = forge_side.make_hook(opened, api, replace(watched, slug=at.seen.name))
    except LuotsiError as error:
        notes += [f"There is no hook: {forge_side.words(error)}", forge_side.polling(opened)]
    try:
        record(opened, watched, at, made.id if made else None)
    except LuotsiError as error:
        notes.append(
            f"The ledger could not be told: {forge_side.words(error)} `luotsi repo hook {watched.name}` does it later."
        )
    return made.did if made else "", notes


def record(opened: Installation, watched: Watched, at: Shown, hook: str | None) -> None:
    """Keep in the ledger what the forge said: its id of the repository, its name there, our hook."""
    from luotsi import wiring

    ledger = wiring.ledger(opened)
    place = repositories.AtForge(watched.forge, watched.slug, addresses.spelling(watched.address))
    branch = watched.default_branch or at.seen.default_branch or "main"
    try:
        with ledger.write() as connection:
            id = repositories.ensure(
                connection, watched.name, watched.address, branch, moments.now(), watched.roots, place
            )
            repositories.known_at_forge(connection, id, at.seen.id, at.seen.name)
            repositories.hooked(connection, id, hook)
    finally:
        ledger.close()


def renamed(said: str, now: str, forge: str) -> list[str]:
    """A sentence for an address that the forge only redirects."""
    if not said or not now or said.lower() == now.lower():
        return []
    return [f"{forge} calls {said} {now} now: change the address, while the old one still leads there."]
