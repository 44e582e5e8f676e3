"""Where a repository on this machine keeps its hooks."""

from pathlib import Path

import pygit2

from schemas.errors import Stalled


def folder(repository: Path) -> Path:
    """The folder of hooks, which `core.hooksPath` may have moved. Raises `Stalled` for what is no repository."""
    try:
        opened = pygit2.Repository(str(repository))
    except pygit2.GitError as error:
        raise Stalled(
            f"there is no repository at {repository}", hint="See that the path is right."
        ) from error
    place = Path(opened.path)
    if "core.hooksPath" in opened.config:
        moved = Path(str(opened.config["core.hooksPath"])).expanduser()
        return moved if moved.is_absolute() else place / moved
    return place / "hooks"
