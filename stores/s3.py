"""A store in a bucket of S3, or of any server that speaks its protocol, through obstore.

Without a key in the settings, the credentials are the machine's: environment, web identity, container or instance role.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from schemas.errors import Gone, LuotsiError, Refused, Stalled, Waiting
from schemas.messages.claim import Address
from schemas.values import Secret
from stores import keys
from stores.port import ABSENT, GET_LIMIT, Meta

if TYPE_CHECKING:  # obstore has these types in its stubs only
    from obstore.store import ClientConfig, RetryConfig, S3Config

AT_ONCE = 64 * 1024 * 1024
"""Bytes that go up in one request, and so can be put under a condition. More goes up in parts."""

PART = 8 * 1024 * 1024
PIECE = 1024 * 1024
LONGEST_ADDRESS = 7 * 86_400
"""Seconds; the longest that a signed address (AWS Signature Version 4) may last."""

# obstore's classes do not tell these apart for every call; its text does. The address is that of the instance role.
_OUR_CREDENTIALS = (
    "status code: 401",
    "status code: 403",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "169.254.169.254",
)
_FULL = "status code: 507"
_NOT_NOW = ("HTTP error", "status code: 5", "status code: 429", "SlowDown", "timed out")


class S3BucketStore:
    """Objects of one bucket. Safe between threads; not across a fork."""

    def __init__(self, name: str, bucket: str, client: S3Store) -> None:
        self.name = name
        self._bucket = bucket
        self._client = client

    def put(self, key: str, data: bytes | Path, absent: bool = False) -> bool:
        """See the port."""
        keys.check(key)
        if isinstance(data, Path) and not data.is_file():
            raise Gone(f"the file to store is not there: {data}")
        size = len(data) if isinstance(data, bytes) else data.stat().st_size
        if absent and size > AT_ONCE and self.head(key) is not None:
            return False
        conditional = absent and size <= AT_ONCE
        with self._translated(key):
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
        with self._translated(key):
            found = obstore.get(self._client, key)
            if found.meta["size"] > limit:
                raise Refused(f"the object {key} has {found.meta['size']} bytes, more than {limit}")
            return bytes(found.bytes())

    def stream(self, key: str) -> Iterator[bytes]:
        """See the port."""
        keys.check(key)
        with self._translated(key):
            found = obstore.get(self._client, key).stream(min_chunk_size=PIECE)

        def read() -> Iterator[bytes]:
            with self._translated(key):
                for piece in found:
                    yield bytes(piece)

        return read()

    def head(self, key: str) -> Meta | None:
        """See the port."""
        keys.check(key)
        try:
            with self._translated(key):
                found = obstore.head(self._client, key)
        except Gone:
            return None
        return Meta(found["size"], found["e_tag"] or "")

    def list(self, prefix: str) -> Iterator[str]:
        """See the port."""
        with self._translated(prefix):
            for found in obstore.list(self._client, keys.check_prefix(prefix) or None, chunk_size=1000):
                yield from (meta["path"] for meta in found)

    def delete(self, key: str) -> None:
        """See the port."""
        try:
            with self._translated(key):
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
        with self._translated(key):
            lasting = timedelta(seconds=min(seconds, LONGEST_ADDRESS))
            url = obstore.sign(self._client, method, keys.check(key), lasting)
        return Address(method, key, url, self.name, dict(ABSENT) if absent else {})

    @contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise self._no_bucket() from error
            raise Gone(f"nothing is stored at {key} in the store {self.name}") from error
        except BaseError as error:
            raise self._ours(error) from error

    def _ours(self, error: BaseError) -> LuotsiError:
        text = str(error)
        words = text.partition("\n")[0][:500]
        if any(word in text for word in _OUR_CREDENTIALS):
            hint = "Look at the key in the settings, the machine's role, and the bucket's policy."
            return Stalled(f"the store {self.name} refuses our credentials: {words}", hint)
        if "NoSuchBucket" in text:
            return self._no_bucket()
        if any(word in text for word in _NOT_NOW) and _FULL not in text:
            return Waiting(f"the store {self.name} does not answer: {words}", after=15)
        return Stalled(f"the store {self.name} refuses: {words}", "Look at the store in the settings.")

    def _no_bucket(self) -> Stalled:
        return Stalled(
            f"the store {self.name} has no bucket {self._bucket}", "Make the bucket, or correct its name."
        )


def connect(name: str, settings: Mapping[str, object]) -> S3BucketStore:
    """Settings: `bucket`; `endpoint` (URL; AWS when left out), `region`, `access_key_id` and `secret_access_key` (str or
    `Secret`; the machine's own credentials when left out), `session_token`, `path_style` (default true), `allow_http`.

    Nothing is asked of the server here. Raises `Stalled` for settings that cannot work.
    """
    bucket, endpoint = _text(settings, "bucket"), _text(settings, "endpoint")
    allow_http, path_style = bool(settings.get("allow_http", False)), bool(settings.get("path_style", True))
    if not bucket:
        raise Stalled(f"the store {name} has no bucket", "Give `bucket`.")
    if bool(_text(settings, "access_key_id")) != bool(_text(settings, "secret_access_key")):
        raise Stalled(
            f"the store {name} has half a key", "Give `access_key_id` and `secret_access_key`, or neither."
        )
    if endpoint.startswith("http://") and not allow_http:
        hint = "Use https, or say `allow_http: true` for a server of this machine or network."
        raise Stalled(f"the endpoint of the store {name} is not encrypted: {endpoint}", hint)
    if endpoint and not path_style:
        parsed = urlsplit(endpoint)
        endpoint = parsed._replace(netloc=f"{bucket}.{parsed.netloc}").geturl()
    config: S3Config = {"virtual_hosted_style_request": not path_style}
    if endpoint:
        config["endpoint"] = endpoint
    if region := _text(settings, "region"):
        config["region"] = region
    if key := _text(settings, "access_key_id"):
        config["access_key_id"] = key
        config["secret_access_key"] = _text(settings, "secret_access_key")
    if token := _text(settings, "session_token"):
        config["session_token"] = token
    # The whole of a large object may take long; what must not take long is a connection, or silence in between.
    client: ClientConfig = {
        "allow_http": allow_http,
        "connect_timeout": timedelta(seconds=5),
        "read_timeout": timedelta(seconds=60),
        "timeout": timedelta(days=1),
    }
    retry: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
    try:
        return S3BucketStore(
            name, bucket, S3Store(bucket, config=config, client_options=client, retry_config=retry)
        )
    except BaseError as error:
        raise Stalled(
            f"the store {name} cannot work with its settings: {str(error).partition(chr(10))[0]}"
        ) from error


def _text(settings: Mapping[str, object], name: str) -> str:
    value = settings.get(name)
    if isinstance(value, Secret):
        return value.reveal()
    return "" if value is None else str(value)
