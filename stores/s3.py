"""A store in a bucket of S3, or of any server that speaks its protocol, through obstore.

Without a key in the settings, the credentials are the machine's: environment, web identity, container or instance role.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import S3Store

from schemas.errors import Gone, Refused
from schemas.messages.claim import Address
from stores import keys
from stores.port import ABSENT, GET_LIMIT, Meta
from stores.s3_client import Errors, client, text

AT_ONCE = 64 * 1024 * 1024
"""Bytes that go up in one request, and so can be put under a condition. More goes up in parts."""

PART = 8 * 1024 * 1024
PIECE = 1024 * 1024
LONGEST_ADDRESS = 7 * 86_400
"""Seconds; the longest that a signed address (AWS Signature Version 4) may last."""


class S3BucketStore:
    """Objects of one bucket. Safe between threads; not across a fork."""

    def __init__(self, name: str, bucket: str, client: S3Store) -> None:
        self.name = name
        self._client = client
        self._errors = Errors(f"the store {name}", bucket)

    def put(self, key: str, data: bytes | Path, absent: bool = False) -> bool:
        """See the port."""
        keys.check(key)
        if isinstance(data, Path) and not data.is_file():
            raise Gone(f"the file to store is not there: {data}")
        size = len(data) if isinstance(data, bytes) else data.stat().st_size
        if absent and size > AT_ONCE and self.head(key) is not None:
            return False
        conditional = absent and size <= AT_ONCE
        with self._errors.translated(key):
            try:
                obstore.put(
                    self._client,
                    key,
                    data,
                    mode="create" if conditional else "overwrite",
                    use_multipart=not conditional and size > PART,
                    chunk_size=max(PART, size // 9_000),  # at most 10,000 parts
                    max_concurrency=4,
                )
            except AlreadyExistsError:
                return False
        return True

    def get(self, key: str, limit: int = GET_LIMIT) -> bytes:
        """See the port."""
        keys.check(key)
        with self._errors.translated(key):
            found = obstore.get(self._client, key)
            if found.meta["size"] > limit:
                raise Refused(f"the object {key} has {found.meta['size']} bytes, more than {limit}")
            return bytes(found.bytes())

    def stream(self, key: str) -> Iterator[bytes]:
        """See the port."""
        keys.check(key)
        with self._errors.translated(key):
            found = obstore.get(self._client, key).stream(min_chunk_size=PIECE)

        def read() -> Iterator[bytes]:
            with self._errors.translated(key):
                for piece in found:
                    yield bytes(piece)

        return read()

    def head(self, key: str) -> Meta | None:
        """See the port."""
        keys.check(key)
        try:
            with self._errors.translated(key):
                found = obstore.head(self._client, key)
        except Gone:
            return None
        return Meta(found["size"], found["e_tag"] or "")

    def list(self, prefix: str) -> Iterator[str]:
        """See the port."""
        with self._errors.translated(prefix):
            for found in obstore.list(self._client, keys.check_prefix(prefix) or None, chunk_size=1000):
                yield from (meta["path"] for meta in found)

    def delete(self, key: str) -> None:
        """See the port."""
        try:
            with self._errors.translated(key):
                obstore.delete(self._client, keys.check(key))
        except Gone:
            return

    def address(
        self,
        method: Literal["GET", "PUT"],
        key: str,
        seconds: float,
        shares_folder: bool,
        absent: bool = False,
    ) -> Address:
        """See the port. Lasts a week at most, and never longer than the role's credentials."""
        with self._errors.translated(key):
            lasting = timedelta(seconds=min(seconds, LONGEST_ADDRESS))
            url = obstore.sign(self._client, method, keys.check(key), lasting)
        return Address(method, key, url, self.name, dict(ABSENT) if absent else {})


def connect(name: str, settings: Mapping[str, object]) -> S3BucketStore:
    """Settings: see `stores/s3_client.py`. Nothing is asked of the server here. Raises `Stalled` for what cannot work."""
    return S3BucketStore(name, text(settings, "bucket"), client(f"the store {name}", settings))
