"""What live upload took goes back to where the command had put it, for those who keep the folder of an attempt."""

import os
from pathlib import Path

from agent.folder import AttemptFolder
from schemas.errors import Stalled
from stores.port import Store


def give_back(folder: AttemptFolder, store: Store, beside: Path) -> None:
    """Put stored files back below outputs, under each name the newest; others into numbered folders in `beside`.

    Called when the command has ended. Raises `Stalled` when the disk does not take them.
    """
    top = folder.work / "outputs"
    for number, output in reversed(list(enumerate(folder.state.outputs, 1))):
        target = top / output.name
        if not _is_free(top, target):
            target = beside / str(number) / output.name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                for piece in store.stream(output.key):
                    file.write(piece)
            target.chmod(0o444)
        except OSError as error:
            raise Stalled(f"{target} cannot be written: {error.strerror}") from error


def _is_free(top: Path, target: Path) -> bool:
    """Whether nothing has the name, and only directories lead to it: a link of the command's could lead anywhere."""
    above = target.parents[: len(target.relative_to(top).parts)]
    return not os.path.lexists(target) and all(
        path.is_dir() and not path.is_symlink() for path in above if os.path.lexists(path)
    )
