"""Bytes between this machine and an address: `http(s)://` signed for one object, or `file://` on a shared machine.

Every byte is digested on its way. One try a call; errors say whether another makes sense: `Waiting` (away, busy),
`Stalled` (full disk, refused), `Gone` (nothing there), `Refused` (never).
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from schemas.errors import Gone, LuotsiError, Refused, Stalled, Waiting
from schemas.messages.claim import Address
from stores import files

CHUNK = 1024 * 1024
TIMEOUT = urllib3.Timeout(connect=10.0, read=120.0)


@dataclass(frozen=True, slots=True)
class Digests:
    """Size in bytes and digests of what passed. `sha256` has its prefix, the others are plain hex."""

    size: int
    sha256: str
    md5: str
    sha1: str


class Transfer:
    """Safe to share between threads."""

    def __init__(self, pool: urllib3.PoolManager) -> None:
        self._pool = pool

    def stream(self, address: Address) -> Iterator[bytes]:
        """The object, a piece at a time."""
        if _is_file(address.url):
            yield from _read_file(files.path_of(address.url))
            return
        yield from self._get(address.url, address.headers)

    def send(self, address: Address, source: BinaryIO, size: int) -> tuple[bool, Digests]:
        """Store what is read from `source`. False: the address writes only what is absent, and it was there."""
        meter = Meter()
        if _is_file(address.url):
            absent = "If-None-Match" in address.headers
            stored = files.write_whole(files.path_of(address.url), meter.through(_pieces(source)), absent)
            return stored, meter.digests()
        return self._put(address, _Body(source, meter), size), meter.digests()

    def _get(self, url: str, headers: dict[str, str]) -> Iterator[bytes]:
        plain, login = _login(url)
        with _translated(plain):
            response = self._pool.request(
                "GET",
                plain,
                headers={**login, **headers},
                timeout=TIMEOUT,
                retries=_REDIRECTS,
                preload_content=False,
            )
            with response:
                if response.status != 200:
                    raise answered(response.status, response.read(4096), plain)
                yield from response.stream(CHUNK, decode_content=False)

    def _put(self, address: Address, body: "_Body", size: int) -> bool:
        headers = {"Content-Type": "application/octet-stream", **address.headers, "Content-Length": str(size)}
        with _translated(address.url):
            response = self._pool.request(
                "PUT",
                address.url,
                body=cast("IO[Any]", body),
                headers=headers,
                timeout=TIMEOUT,
                retries=False,
            )
        if response.status in (200, 201, 204):
            return True
        if response.status in (409, 412) and "If-None-Match" in address.headers:
            return False
        raise answered(response.status, response.data[:4096], address.url)


def write(pieces: Iterable[bytes], target: Path) -> Digests:
    """Write pieces to a file, which is begun anew. Raises what `pieces` raise, and `Stalled` for trouble with this disk."""
    meter = Meter()
    try:
        with target.open("wb") as file:
            for piece in meter.through(pieces):
                file.write(piece)
    except OSError as error:
        raise Stalled(
            f"this machine's disk does not take {target.name}: {error.strerror or error}"
        ) from error
    return meter.digests()


class Meter:
    """Counts and digests bytes."""

    def __init__(self) -> None:
        self._size = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha1 = hashlib.sha1(usedforsecurity=False)

    def add(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._size += len(data)
        for digest in (self._sha256, self._md5, self._sha1):
            digest.update(data)

    def through(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces, taken in as they pass."""
        for piece in pieces:
            self.add(piece)
            yield piece

    def digests(self) -> Digests:
        """What passed so far."""
        return Digests(
            self._size, f"sha256:{self._sha256.hexdigest()}", self._md5.hexdigest(), self._sha1.hexdigest()
        )


class _Body:
    """A file that is digested as the connection reads it."""

    def __init__(self, source: BinaryIO, meter: Meter) -> None:
        self._source = source
        self._meter = meter

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(CHUNK if size < 0 else max(size, CHUNK))
        self._meter.add(data)
        return data


_REDIRECTS = urllib3.Retry(total=None, connect=0, read=0, redirect=5, status=0, other=0)


def _is_file(url: str) -> bool:
    return url.startswith("file:")


def _read_file(path: Path) -> Iterator[bytes]:
    with files.translated(path), files.open_plain(path) as file:
        yield from files.pieces(file)


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    while piece := source.read(CHUNK):
        yield piece


def _login(url: str) -> tuple[str, dict[str, str]]:
    parsed = urlsplit(url)
    login, at, host = parsed.netloc.rpartition("@")
    if not at:
        return url, {}
    return parsed._replace(netloc=host).geturl(), dict(urllib3.make_headers(basic_auth=unquote(login)))


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except (HTTPError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise Waiting(f"{_place(url)} cannot be reached: {str(reason)[:300]}", after=0) from error


def answered(status: int, body: bytes, url: str) -> LuotsiError:
    """What an answer other than success means for who asked."""
    words = f"{_place(url)} answered {status}: {_said(body)}"
    if status in (404, 410):
        return Gone(words)
    if status in (401, 403, 507):
        return Stalled(words)
    if status in (408, 425, 429) or status >= 500:
        return Waiting(words, after=0)
    return Refused(words)


def _said(body: bytes) -> str:
    """The message inside an answer: JSON's `error`, XML's `Message`, or its first words."""
    text = body.decode("utf-8", "replace")
    found = re.search(r'"error"\s*:\s*"((?:[^"\\]|\\.)*)"', text) or re.search(
        r"<Message>(.*?)</Message>", text, re.DOTALL
    )
    return " ".join((found.group(1) if found else text).split())[:300] or "nothing more"


def _place(url: str) -> str:
    """Host and path: a signed address' query is a credential."""
    parsed = urlsplit(url)
    return f"{parsed.scheme}://{parsed.netloc.rpartition('@')[2]}{parsed.path}"
