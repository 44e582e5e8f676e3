"""A store in a folder of this machine (or of one that all share). An object is a file; its key is its path.

Who shares the folder gets `file://` addresses; others get addresses signed for the web side, which serves them.
"""

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Literal

from schemas.errors import Gone, Refused, Stalled
from schemas.messages.claim import Address
from schemas.values import Secret
from stores import files, keys, signed
from stores.port import ABSENT, GET_LIMIT, Meta


class FolderStore:
    """Objects as files below `root`. Durable when `put` returns. Safe between threads and between processes."""

    def __init__(
        self,
        name: str,
        root: Path,
        web: str = "",
        secret: Secret | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.root = root
        self._web = web
        self._secret = secret
        self._clock = clock

    def put(self, key: str, data: bytes | Path, absent: bool = False) -> bool:
        """See the port."""
        return files.write_whole(self._path(key), data, absent)

    def receive(self, key: str, pieces: Iterable[bytes], absent: bool = False) -> bool:
        """`put` of bytes that arrive piece by piece. What the iterator raises leaves nothing stored."""
        return files.write_whole(self._path(key), pieces, absent)

    def get(self, key: str, limit: int = GET_LIMIT) -> bytes:
        """See the port."""
        path = self._path(key)
        with files.translated(path), files.open_plain(path) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise Refused(f"the object {key} has more than {limit} bytes")
        return data

    def stream(self, key: str) -> Iterator[bytes]:
        """See the port. The file is opened at the call."""
        file, _ = self.open(key)

        def read() -> Iterator[bytes]:
            with files.translated(self.root / key), file:
                yield from files.pieces(file)

        return read()

    def open(self, key: str) -> tuple[BinaryIO, Meta]:
        """The open file and what is known of it, for who serves a range of it. Raises `Gone`."""
        path = self._path(key)
        with files.translated(path):
            file = files.open_plain(path)
            found = os.fstat(file.fileno())
        return file, Meta(found.st_size, f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}")

    def head(self, key: str) -> Meta | None:
        """See the port."""
        try:
            file, meta = self.open(key)
        except Gone:
            return None
        file.close()
        return meta

    def list(self, prefix: str) -> Iterator[str]:
        """See the port."""
        bare = keys.check_prefix(prefix)
        self._there()
        yield from _below(self.root / bare, f"{bare}/" if bare else "")

    def delete(self, key: str) -> None:
        """See the port. Folders stay, since another writer may be about to use them."""
        path = self._path(key)
        with files.translated(path):
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return

    def address(
        self,
        method: Literal["GET", "PUT"],
        key: str,
        seconds: float,
        shares_folder: bool,
        absent: bool = False,
    ) -> Address:
        """See the port. Raises `Stalled` when others may not be served: no web address, or no secret."""
        headers = dict(ABSENT) if absent else {}
        if shares_folder:
            return Address(method, key, self._path(key).absolute().as_uri(), self.name, headers)
        if not self._web or self._secret is None:
            hint = "Let the agent share the folder, or give the store `web` and `secret`."
            raise Stalled(f"the folder store {self.name} has no web address to sign for", hint)
        target = signed.Target(method, self.name, keys.check(key), absent)
        expires = math.ceil(self._clock() + seconds)
        return Address(method, key, signed.url(self._web, self._secret, target, expires), self.name, headers)

    def _path(self, key: str) -> Path:
        self._there()
        return self.root / keys.check(key)

    def _there(self) -> None:
        # A disk that is not mounted is an empty folder: it must not look like a store that lost everything.
        if not (self.root / files.PARTS).is_dir():
            hint = "Mount its disk, or give it its folder back. A new store is made when the part starts."
            raise Stalled(f"the folder of the store {self.name} has gone: {self.root}", hint)


def connect(name: str, settings: Mapping[str, object], clock: Callable[[], float] = time.time) -> FolderStore:
    """Settings: `path`; and for agents elsewhere `web` (base URL of the web side) and `secret` (str or `Secret`).

    Makes the folder (readable by its owner only) where it is missing. Raises `Stalled` when it cannot be written.
    """
    if not settings.get("path"):
        raise Stalled(f"the folder store {name} has no path", "Give `path`: a folder of this machine.")
    root = Path(str(settings["path"])).absolute()
    with files.translated(root):
        files.make_folder(root.parent)
        root.mkdir(mode=0o700, exist_ok=True)
        (root / files.PARTS).mkdir(exist_ok=True)
        files.sweep(root / files.PARTS)
    secret = settings.get("secret")
    if secret is not None and not isinstance(secret, Secret):
        secret = Secret(str(secret))
    return FolderStore(name, root, str(settings.get("web") or ""), secret, clock)


def _below(folder: Path, prefix: str) -> Iterator[str]:
    """Keys in byte order, as S3 has them: a folder sorts as its name with the slash."""
    try:
        with files.translated(folder), os.scandir(folder) as found:
            entries = sorted(filter(None, map(_spelled, found)))
    except (Gone, Refused):
        return
    for name in entries:
        if name.endswith("/"):
            yield from _below(folder / name, prefix + name)
        else:
            yield prefix + name


def _spelled(entry: os.DirEntry[str]) -> str:
    if entry.name.startswith("+"):
        return ""
    if entry.is_dir(follow_symlinks=False):
        return f"{entry.name}/"
    return entry.name if entry.is_file(follow_symlinks=False) else ""
