"""The port of object storage: what the rest of the house may ask of any store."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from schemas.messages.claim import Address

GET_LIMIT = 64 * 1024 * 1024
"""Bytes that `get` takes into memory unless the caller says otherwise."""

ABSENT = {"If-None-Match": "*"}
"""The header of an address that writes only what is not there yet; the answer is 412 when it is there."""


@dataclass(frozen=True, slots=True)
class Meta:
    """What a store knows of an object: its size in bytes, and a tag that changes when its bytes do."""

    size: int
    etag: str


class Store(Protocol):
    """Objects by key. Keys come from `stores.keys`; any other text is `Refused` before anything is touched.

    Safe to share between threads. An object is always whole: a reader sees all of the old bytes or all of the new ones,
    and a write that fails leaves what was there. Every method may raise `Stalled` (full disk, refused credentials,
    missing bucket: a person has to act) and `Waiting` (unreachable: try again).
    """

    @property
    def name(self) -> str:
        """The name by which settings, messages and the ledger know this store."""
        ...

    def put(self, key: str, data: bytes | Path, absent: bool = False) -> bool:
        """Store the bytes, or the content of the file, durably. True when stored.

        With `absent`, False when an object is there already, which then stays as it is; of several writers at once,
        one gets True. (S3 decides that for up to 64 MiB; above, an object written in between is replaced.)
        Raises `Gone` when the file is not there.
        """
        ...

    def get(self, key: str, limit: int = GET_LIMIT) -> bytes:
        """All bytes of the object. Raises `Gone` when it is absent, `Refused` when it has more than `limit` bytes."""
        ...

    def stream(self, key: str) -> Iterator[bytes]:
        """The bytes in pieces of about a MiB. Raises `Gone`, `Stalled`, `Waiting` at the call or at any piece."""
        ...

    def head(self, key: str) -> Meta | None:
        """What is known of the object, or None when it is absent."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Every key below the folder `prefix` (with or without a slash at its end; "" is everything), in order."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object. Nothing happens when it is absent."""
        ...

    def address(
        self,
        method: Literal["GET", "PUT"],
        key: str,
        seconds: float,
        shares_folder: bool,
        absent: bool = False,
    ) -> Address:
        """Where somebody without our rights may read or write this one object for so many seconds.

        `http(s)://`, signed; from a folder, for somebody who `shares_folder`, `file://` (percent-encoded once, as URLs
        are; write it with `stores.files.write_whole`). With `absent` the headers of the address have `If-None-Match: *`,
        which the writer sends (412: it was there) or, for `file://`, takes as `absent`. The object need not exist.
        """
        ...
