"""The hook of one repository: at its forge, in a repository of this machine, or as a file to be taken elsewhere.

`luotsi repo hook` makes or repairs it; `luotsi repo remove` has it taken away, and `rename` has it call the new address.
"""

from dataclasses import dataclass, replace
from typing import Literal

from controller.git import address as addresses
from controller.ports import Watched
from ledger import repositories
from ledger.repositories import BARE
from luotsi.installation import Installation
from luotsi.repos import adding, forge_side, hook_script, naming
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


Parted = Literal["deleted", "absent", "shared", "other", "kept", "failed"]
"""What became of a hook whose repository is watched no longer. `other`: it calls another address; `kept`: another entry needs it."""

_STATES = {
    "created": "is new",
    "repaired": "was put right",
    "kept": "is as it should be, and was left alone",
}


def hook(opened: Installation, name: str, wish: Wish) -> Done:
    """Make or repair it. Raises `ConfigError` and `Stalled` with what is in the way."""
    watched = naming.find(opened, name)
    if watched.forge != BARE:
        return _by_hand(opened, watched) if wish.printed else _at_forge(opened, watched, wish)
    text = hook_script.script(look_now(opened, name), secret(opened, name))
    local = addresses.folder(watched.address)
    if local is None or wish.printed:
        return Done(name, "printed", addresses.shown(watched.address), _instructions(opened, watched), text)
    made = hook_script.install(local, text, wish.chain)
    words = [f"The hook {made.path} {_STATES[made.did]}; a push tells {opened.address} at once."]
    if made.chained:
        words.append(f"The hook that was there is {hook_script.BEFORE} now, and is run first.")
    return Done(name, made.did, str(made.path), tuple(words))


def part(opened: Installation, watched: Watched) -> tuple[Parted, str]:
    """Take away the hook of a repository that the settings name no more; what became of it, in a word and a sentence.

    `opened` still has the entry. Raises nothing: what could not be done is said, with what to do by hand.
    """
    if watched.forge == BARE:
        return _part_plain(opened, watched)
    url = forge_side.hook_url(opened, watched.forge)
    try:
        return _part_forge(opened, watched, url)
    except LuotsiError as error:
        return "failed", (
            f"Our hook at {watched.forge} could not be deleted: {forge_side.words(error)}"
            f" By hand: delete, in the settings of {watched.slug} there, the webhook that calls {url}."
        )


def rename(opened: Installation, old: str, new: str) -> str:
    """Have the post-receive hook of a plain repository call its new address; a sentence, empty where there is nothing to say.

    `opened` is of the settings with the new name. A forge's hook has no repository's name in its address.
    """
    watched = naming.find(opened, new)
    local = addresses.folder(watched.address)
    if watched.forge != BARE:
        return ""
    again = f"luotsi repo hook {new}"
    try:
        if local is None:
            return f"If it has a post-receive hook of ours: {again}"
        if hook_script.called(local) != look_now(opened, old):
            return ""
        hook_script.install(
            local, hook_script.script(look_now(opened, new), secret(opened, new)), chain=False
        )
    except LuotsiError as error:
        return f"Its post-receive hook still calls the old address: {forge_side.words(error)} Then: {again}"
    return "Its post-receive hook calls the new address."


def look_now(opened: Installation, name: str) -> str:
    """Where the deliveries of a plain repository come in."""
    return f"{opened.address}/hooks/{name}"


def secret(opened: Installation, name: str) -> Secret:
    """The newest secret of a plain repository's look-now deliveries: of the settings, or minted."""
    entry = next(each for each in opened.settings.get("repositories", default=[]) if each["name"] == name)
    return Secret((entry.get("secrets") or [opened.workspace.secret(f"hook-{name}")])[0])


def _at_forge(opened: Installation, watched: Watched, wish: Wish) -> Done:
    from luotsi import wiring

    api = wiring.open_forges(opened)[watched.forge]
    shown = forge_side.ask(api, watched)
    here = replace(watched, slug=shown.seen.name)
    row = forge_side.known(opened).get(addresses.spelling(watched.address))
    made = forge_side.make_hook(opened, api, here, wish.renew)
    url = forge_side.hook_url(opened, watched.forge)
    words = [f"The hook of {here.slug} at {watched.forge} {_STATES[made.did]}; deliveries come to {url}."]
    words += [*adding.renamed(watched.slug, here.slug, watched.forge), *shown.missing]
    before = row.hook if row is not None and row.forge == watched.forge else None
    if made.did == "created" and before and before != made.id:
        words.append(
            f"The one that was made before, {before}, calls another address if it is still there: delete it."
        )
    try:
        adding.record(opened, watched, shown, made.id)
    except LuotsiError as error:
        words.append(f"The ledger could not be told: {forge_side.words(error)}")
    return Done(watched.name, made.did, url, tuple(words))


def _by_hand(opened: Installation, watched: Watched) -> Done:
    """How a person makes the hook where our login may not."""
    forge, url = watched.forge, forge_side.hook_url(opened, watched.forge)
    own = opened.settings.get("forges", forge, "secrets", default=[])
    minted = opened.workspace.root / "keys" / f"forge-{forge}.secret"
    where = f"the first of `forges.{forge}.secrets` in {opened.settings.file}" if own else f"in {minted}"
    opened.forges()  # mints it
    words = [
        f"Nothing was changed. By hand, in the settings of {watched.slug} at {forge}, a webhook:",
        f"address: {url}",
        "content type: application/json",
        f"secret: {where}",
        "events: all of them, or those that docs/github.md names",
    ]
    if why := forge_side.out_of_reach(opened, forge):
        words.append(f"But {why}. {forge_side.polling(opened)}")
    return Done(watched.name, "printed", url, tuple(words))


def _part_forge(opened: Installation, watched: Watched, url: str) -> tuple[Parted, str]:
    from luotsi import wiring

    forge = watched.forge
    api = wiring.open_forge(opened.forges()[forge])
    row = forge_side.known(opened).get(addresses.spelling(watched.address))
    known = row.slug if row is not None and row.forge == forge else None
    seen = api.repository(known or watched.slug)
    twin = forge_side.twin(opened, watched, api, seen)
    if twin is not None:
        return "kept", f"Its hook at {forge} stays: it is that of {twin.name}, the same repository."
    dropped = api.drop_hook(seen.name, url)
    if row is not None:
        _forget(opened, row.id)
    if dropped.did == "shared":
        return "shared", (
            f"The hook at {forge} stays: it is the App's, for all of its repositories."
            f" If the App shall hear nothing of {seen.name} any more, take it out of the App's installation there."
        )
    if dropped.did == "absent":
        return "absent", f"{seen.name} has no hook at {forge} that calls {url}."
    return "deleted", f"Our hook of {seen.name} at {forge} is deleted."


def _forget(opened: Installation, repository_id: str) -> None:
    """Without a hook the forge is asked more often, should it be watched again."""
    from luotsi import wiring

    ledger = wiring.ledger(opened)
    try:
        with ledger.write() as connection:
            repositories.hooked(connection, repository_id, None)
    finally:
        ledger.close()


def _part_plain(opened: Installation, watched: Watched) -> tuple[Parted, str]:
    local, url = addresses.folder(watched.address), look_now(opened, watched.name)
    if local is None:
        where = addresses.host(watched.address) or "its machine"
        return "failed", f"If hooks/post-receive on {where} is ours (it calls {url}), delete it there."
    try:
        there = hook_script.called(local)
        if not there:
            return "absent", ""
        if there != url:
            return "other", f"A post-receive hook of Luotsi's stays in it: it calls another address, {there}."
        hook_script.uninstall(local)
    except LuotsiError as error:
        return "failed", f"Our post-receive hook could not be taken out of it: {forge_side.words(error)}"
    return "deleted", "Our post-receive hook is taken out of it."


def _instructions(opened: Installation, watched: Watched) -> tuple[str, ...]:
    where = addresses.host(watched.address) or "this machine"
    return (
        f"This is a hook for {addresses.shown(watched.address)}. It holds a secret: show it to nobody else.",
        f"Put it on {where} as hooks/post-receive of the repository, owned by the user of its git server, mode 0750.",
        f"That machine needs curl and openssl, and has to reach {opened.address}.",
    )
