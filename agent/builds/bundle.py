"""An endpoint without an engine: one deterministic archive of what would be in its image, and how to start it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import zstandard

from agent.builds.tree import METADATA, Item, Items, write_tar
from schemas.errors import Stalled
from schemas.messages.job import Build, Resources
from schemas.messages.result import Built, Output

NAME = "endpoint.bundle.tar.zst"
DESCRIPTION = "luotsi-bundle.json"
CODE = b"repository/"
REQUIREMENTS = (b"requirements-deployment.txt", b"requirements.txt")


def build(
    wanted: Build, items: Items, folder: Path, put: Callable[[Path, str], Output], say: Callable[[str], None]
) -> Built:
    """Pack and store it. The digest is over the uncompressed tar, so no compressor's version plays a part."""
    code = items.together()
    if any(name in code for name in REQUIREMENTS):
        say(
            "There is no container engine: requirements are not installed; the cluster's own Python must have them."
        )
    if wanted.packages:
        say(
            f"The cluster's own Python must have {', '.join(wanted.packages)}: the endpoint's command needs it."
        )
    if wanted.resources != Resources():
        say("`resources` of the endpoint are ignored: it is served as a plain process, which nothing bounds.")
    whole = {CODE + path: item for path, item in code.items()}
    whole[METADATA.encode()] = Item(items.metadata)
    whole[DESCRIPTION.encode()] = Item(_description(wanted, items))
    path = folder / NAME
    digest = _pack(whole, path)
    stored = put(path, NAME)
    say(f"Bundled {len(whole)} files into {stored.size} bytes, {digest}.")
    return Built(kind="bundle", reference=stored.key, digest=digest, size=stored.size)


def _description(wanted: Build, items: Items) -> bytes:
    files = {path: datum.sha256 for path, datum in wanted.files.items()}
    said = {
        "format": 1,
        "model": wanted.model,
        "version": wanted.version,
        "endpoint": wanted.endpoint,
        "command": wanted.command,
        "port": wanted.port,
        "files": files,
    }
    return json.dumps(said, indent=2, sort_keys=True).encode() + b"\n"


def _pack(items: dict[bytes, Item], path: Path) -> str:
    sha256 = hashlib.sha256()
    try:
        with path.open("wb") as file, zstandard.ZstdCompressor(level=3).stream_writer(file) as packed:

            def write(piece: bytes) -> None:
                sha256.update(piece)
                packed.write(piece)

            write_tar(items, write)
    except OSError as error:
        raise Stalled(
            f"the bundle cannot be written to {path}: {error.strerror or error}", "Is the disk full?"
        ) from error
    return f"sha256:{sha256.hexdigest()}"
