"""`luotsi repo hook`: the hook of one repository, at its forge, in a repository of this machine, or as a file to be taken there."""

from dataclasses import dataclass, replace

from controller.git import address as addresses
from controller.ports import Watched
from ledger.repositories import BARE
from luotsi.installation import Installation
from luotsi.repos import adding, forge_side, hook_script, leaving
from schemas.errors import LuotsiError
from schemas.values import Secret


@dataclass(frozen=True, slots=True)
class Wish:
    """How: run a hook that is there first; print instead of install; send the secret of a forge's hook anew."""

    chain: bool = False
    printed: bool = False
    renew: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What was done (`created`, `repaired`, `kept`, `printed`), where, and sentences for people. `script`: to be installed."""

    name: str
    did: str
    place: str
    words: tuple[str, ...]
    script: str = ""


def hook(opened: Installation, name: str, wish: Wish) -> Done:
    """Make or repair it. Raises `ConfigError` and `Stalled` with what is in the way."""
    watched = leaving.find(opened, name)
    if watched.forge != BARE:
        return _at_forge(opened, watched, wish)
    text = hook_script.script(f"{opened.address}/hooks/{name}", secret(opened, name))
    local = addresses.folder(watched.address)
    if local is None or wish.printed:
        return Done(name, "printed", addresses.shown(watched.address), _instructions(opened, watched), text)
    made = hook_script.install(local, text, wish.chain)
    words = [f"The hook {made.path} is {made.did}; a push tells {opened.address} at once."]
    if made.chained:
        words.append(f"The hook that was there is {hook_script.BEFORE} now, and is run first.")
    return Done(name, made.did, str(made.path), tuple(words))


def secret(opened: Installation, name: str) -> Secret:
    """The newest secret of a plain repository's look-now deliveries: of the settings, or minted."""
    entry = next(each for each in opened.settings.get("repositories", default=[]) if each["name"] == name)
    return Secret((entry.get("secrets") or [opened.workspace.secret(f"hook-{name}")])[0])


def _at_forge(opened: Installation, watched: Watched, wish: Wish) -> Done:
    from luotsi import wiring

    api = wiring.open_forges(opened)[watched.forge]
    shown = forge_side.ask(api, watched)
    here = replace(watched, slug=shown.seen.name)
    made = forge_side.make_hook(opened, api, here, wish.renew)
    url = forge_side.hook_url(opened, watched.forge)
    words = [f"The hook of {here.slug} at {watched.forge} is {made.did}; deliveries come to {url}."]
    words += [*adding.renamed(watched.slug, here.slug, watched.forge), *shown.missing]
    try:
        adding.record(opened, watched, shown, made.id)
    except LuotsiError as error:
        words.append(f"The ledger could not be told: {forge_side.words(error)}")
    return Done(watched.name, made.did, url, tuple(words))


def _instructions(opened: Installation, watched: Watched) -> tuple[str, ...]:
    where = addresses.host(watched.address) or "this machine"
    return (
        f"This is a hook for {addresses.shown(watched.address)}. It holds a secret: show it to nobody else.",
        f"Put it on {where} as hooks/post-receive of the repository, owned by the user of its git server, mode 0750.",
        f"That machine needs curl and openssl, and has to reach {opened.address}.",
    )
