"""`luotsi repo remove` and `rename`: the entry changes; the ledger's row, mirrors, runs and data stay with the address.

The controller sees the changed settings and follows: a name that is gone leaves its history to the new name of the same
address (`ledger/repositories.py: ensure`).
"""

from dataclasses import dataclass

from controller.git import address as addresses
from controller.ports import Watched
from ledger.repositories import BARE
from luotsi.installation import Installation
from luotsi.repos import editing, hook_script
from schemas.errors import ConfigError, LuotsiError


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, in sentences."""

    name: str
    words: tuple[str, ...]


def find(opened: Installation, name: str) -> Watched:
    """A repository of the settings. Raises `ConfigError`."""
    found = next((one for one in opened.repositories() if one.name == name), None)
    if found is None:
        names = ", ".join(one.name for one in opened.repositories())
        raise ConfigError(
            f"no repository {name} is watched", hint=f"These are: {names}." if names else "None is watched."
        )
    return found


def remove(opened: Installation, name: str) -> Done:
    """Take a repository out of the settings. Raises `ConfigError`."""
    watched = find(opened, name)
    editing.change(opened.settings.file, lambda text: editing.remove(text, name), lambda _: None)
    words = [
        f"{name} ({addresses.shown(watched.address)}) is watched no longer.",
        "What happened stays in the ledger and the stores. What serves of it goes on serving.",
    ]
    if watched.forge != BARE:
        words.append(
            f"Our hook at {watched.forge} stays: remove it there, if {watched.slug} has one of its own."
        )
    elif _hook_taken_out(watched):
        words.append("Our post-receive hook is taken out of it.")
    return Done(name, tuple(words))


def rename(opened: Installation, old: str, new: str) -> Done:
    """Give a repository another name in the settings. Raises `ConfigError`."""
    watched = find(opened, old)
    if any(one.name == new for one in opened.repositories()):
        raise ConfigError(f"there is a repository {new} already", hint="Choose another name.")
    editing.change(opened.settings.file, lambda text: editing.rename(text, old, new), lambda _: None)
    words = [
        f"{old} is called {new} now. Its runs, data and versions stay with it.",
        f"Its pages are below {opened.address}/r/{new}; what serves gets addresses that begin with /{new}/.",
    ]
    if watched.forge == BARE:
        _take_secret_along(opened, old, new)
        words.append(f"If it has a post-receive hook of ours: luotsi repo hook {new}")
    return Done(new, tuple(words))


def _hook_taken_out(watched: Watched) -> bool:
    local = addresses.folder(watched.address)
    try:
        return local is not None and hook_script.uninstall(local)
    except (LuotsiError, OSError):
        return False


def _take_secret_along(opened: Installation, old: str, new: str) -> None:
    """The minted secret of its look-now deliveries, so that senders need a new address only."""
    keys = opened.workspace.root / "keys"
    before, after = keys / f"hook-{old}.secret", keys / f"hook-{new}.secret"
    if before.exists() and not after.exists():
        before.rename(after)
