"""A look at a repository from outside the controller: for `doctor` and for `up`, before anything is recorded."""

import tempfile
from pathlib import Path

from controller.git.credentials import Credentials
from controller.git.mirror import Mirror
from schemas.values import RefName, Sha


def refs_of(address: str, credentials: Credentials | None = None) -> dict[RefName, Sha]:
    """The branches and tags that the repository has now. Raises what `Mirror.look` raises."""
    with tempfile.TemporaryDirectory(prefix="luotsi-look-") as folder:
        return Mirror(Path(folder) / "look.git", address, credentials).look()
