"""What a repository is called when nobody says it, which one has a name, and its address as the settings keep it."""

import os
from pathlib import Path

from controller.ports import Watched
from luotsi.installation import Installation
from schemas.errors import ConfigError


def find(opened: Installation, name: str) -> Watched:
    """A repository of the settings. Raises `ConfigError`."""
    found = next((one for one in opened.repositories() if one.name == name), None)
    if found is None:
        names = ", ".join(one.name for one in opened.repositories())
        raise ConfigError(
            f"no repository {name} is watched", hint=f"These are: {names}." if names else "None is watched."
        )
    return found


def name(address: str) -> str:
    """The last part of the address, in the letters that a name may have."""
    last = address.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1].removesuffix(".git")
    return (
        "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in last).lstrip("._-")
        or "repository"
    )


def absolute(address: str) -> str:
    """A path that is there from the top; anything else as it is."""
    path = Path(address).expanduser()
    return os.path.abspath(path) if path.exists() else address  # noqa: PTH100  # without `..`, and links stay links


def refs(count: int) -> str:
    """How many branches and tags there are, for people."""
    return "one branch or tag" if count == 1 else f"{count:,} branches and tags"
