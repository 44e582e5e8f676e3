"""Reading in any bucket of S3, whoever filled it: for inputs. Keys are taken as they are, not as `stores/keys.py` makes them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import InvalidPathError
from obstore.store import S3Store

from schemas.errors import Gone, Refused
from stores.s3_client import Errors, client

if TYPE_CHECKING:  # obstore has this type in its stubs only
    from obstore import ObjectMeta

PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Thing:
    """An object. `version` changes whenever its bytes may have: entity tag, size, time, and the bucket's own version."""

    key: str
    size: int
    version: str


class Bucket:
    """One bucket. Safe between threads; not across a fork. Raises `Stalled`, `Waiting`, and `Refused` for a key that
    obstore cannot spell: one with empty, `.` or `..` segments, or control characters."""

    def __init__(self, name: str, client: S3Store) -> None:
        self._name = name
        self._client = client
        self._errors = Errors(f"the bucket {name}", name, "the setting inputs.s3")

    def head(self, key: str) -> Thing | None:
        """What is known of an object; None when it is absent."""
        try:
            with self._translated(key):
                return _thing(obstore.head(self._client, key))
        except Gone:
            return None

    def list(self, folder: str) -> Iterator[Thing]:
        """Everything below a folder ("" is all). A folder's own marker looks like a file of size 0, which `head` denies."""
        with self._translated(folder):
            for found in obstore.list(self._client, folder.rstrip("/") or None, chunk_size=1000):
                yield from map(_thing, found)

    def open(self, key: str) -> tuple[Thing, Iterator[bytes]]:
        """An object as it is now, with its bytes in pieces. Raises `Gone`, here or at any piece."""
        with self._translated(key):
            found = obstore.get(self._client, key)
            stream = found.stream(min_chunk_size=PIECE)

        def read() -> Iterator[bytes]:
            with self._translated(key):
                for piece in stream:
                    yield bytes(piece)

        return _thing(found.meta), read()

    @contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        try:
            with self._errors.translated(repr(key)):
                try:
                    yield
                except InvalidPathError as error:
                    raise self._no_key(error) from error
        except ValueError as error:
            raise self._no_key(error) from error

    def _no_key(self, error: Exception) -> Refused:
        words = str(error).partition("\n")[0][:300]
        return Refused(
            f"the bucket {self._name} has, or was asked for, a key that is no plain path: {words}",
            "Keys with empty, `.` or `..` parts or with control characters are not read.",
        )


def connect(bucket: str, settings: Mapping[str, object]) -> Bucket:
    """Settings: those of `stores/s3_client.py` without `bucket`. Raises `Stalled` for what cannot work."""
    return Bucket(bucket, client(f"the bucket {bucket}", {**settings, "bucket": bucket}))


def _thing(meta: "ObjectMeta") -> Thing:
    version = "|".join(
        (meta["e_tag"] or "", str(meta["size"]), meta["last_modified"].isoformat(), meta["version"] or "")
    )
    return Thing(meta["path"], meta["size"], version if meta["e_tag"] else "")
