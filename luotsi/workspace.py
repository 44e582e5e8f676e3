"""The folder of one installation: what is made once and kept (keys, tokens, ids), and where everything else lies."""

import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import Stalled
from schemas.signing import SigningKey


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths below `root`, and the secrets that are minted on first use. Files of `keys/` are the owner's only."""

    root: Path

    def folder(self, *parts: str) -> Path:
        """A folder below the root, made when it is missing."""
        path = self.root.joinpath(*parts)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Stalled(f"{path} cannot be made: {error.strerror}") from error
        return path

    def signing_key(self) -> SigningKey:
        """The controller's key, made on first use."""
        path = self.folder("keys") / "signing.pem"
        if not path.exists():
            write_private(path, SigningKey.generate().to_pem(), absent=True)
        return SigningKey.from_pem(path.read_bytes())

    def secret(self, name: str) -> str:
        """A random secret of this installation, made on first use (43 URL-safe characters)."""
        path = self.folder("keys") / f"{name}.secret"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32).encode(), absent=True)
        return path.read_text(encoding="ascii").strip()

    def environment_id(self, name: str) -> str:
        """The fixed id of an environment that the settings give none: 12 hex characters, minted on first use."""
        path = self.folder("keys") / "environments.json"
        known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if name not in known:
            known[name] = secrets.token_hex(6)
            write_private(path, json.dumps(known, indent=1).encode())
        return known[name]


def write_private(path: Path, data: bytes, absent: bool = False) -> None:
    """Write a file that only its owner reads, whole or not at all. With `absent`, of several writers the first one wins."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if not absent:
        Path(temporary).replace(path)
        return
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        Path(temporary).unlink()
