"""`luotsi repo remove` and `rename`: the entry changes; the ledger's row, mirrors, runs and data stay with the address.

The controller sees the changed settings and follows: a name that is gone leaves its history to the new name of the same
address (`ledger/repositories.py: ensure`).
"""

from dataclasses import dataclass

from controller.git import address as addresses
from ledger.repositories import BARE
from luotsi import installation
from luotsi.installation import Installation
from luotsi.repos import editing, hooking, naming
from schemas.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, in sentences. `hook`: what became of a removed repository's hook (`hooking.Parted`)."""

    name: str
    words: tuple[str, ...]
    hook: str = ""


def remove(opened: Installation, name: str, keep_hook: bool = False) -> Done:
    """Take a repository out of the settings, then its hook away. Raises `ConfigError`; about the hook, nothing."""
    watched = naming.find(opened, name)
    editing.change(opened.settings.file, lambda text: editing.remove(text, name), lambda _: None)
    words = [
        f"{name} ({addresses.shown(watched.address)}) is watched no longer.",
        "What happened stays in the ledger and the stores. What serves of it goes on serving.",
    ]
    if keep_hook:
        return Done(name, (*words, "Its hook, if there is one, stays."), "kept")
    hook, said = hooking.part(opened, watched)
    return Done(name, (*words, said) if said else tuple(words), hook)


def rename(opened: Installation, old: str, new: str) -> Done:
    """Give a repository another name in the settings. Raises `ConfigError`."""
    watched = naming.find(opened, old)
    if any(one.name == new for one in opened.repositories()):
        raise ConfigError(f"there is a repository {new} already", hint="Choose another name.")
    editing.change(opened.settings.file, lambda text: editing.rename(text, old, new), lambda _: None)
    words = [
        f"{old} is called {new} now. Its runs, data and versions stay with it.",
        f"Its pages are below {opened.address}/r/{new}; what serves gets addresses that begin with /{new}/.",
    ]
    if watched.forge == BARE:
        _take_secret_along(opened, old, new)
        said = hooking.rename(installation.opened(opened.settings.file), old, new)
        words += [said] if said else []
    return Done(new, tuple(words))


def _take_secret_along(opened: Installation, old: str, new: str) -> None:
    """The minted secret of its look-now deliveries, so that senders need a new address only."""
    keys = opened.workspace.root / "keys"
    before, after = keys / f"hook-{old}.secret", keys / f"hook-{new}.secret"
    if before.exists() and not after.exists():
        before.rename(after)
