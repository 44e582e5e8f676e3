"""`s3://bucket/key`: any bucket that the settings give access to. Nothing in a key is encoded or special, but for `*`.

Access is the first entry of `inputs.s3` whose `bucket` (a name or a shell pattern) fits; without one, the machine's own role.
Untrusted attempts are nobody: they read what everybody may.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from threading import Lock

from agent.core.patterns import Pattern
from agent.core.placing import Found
from agent.sources.port import MOST, Access, Opened, too_many
from schemas.errors import Gone, Refused, Stalled
from stores import buckets
from stores.buckets import Bucket, Thing

REGION = "us-east-1"
LOOKED_AT = 20
"""Keys that are looked at for each file that there may be."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")


class S3Source:
    """See the port."""

    def __init__(self, access: Access, most: int = MOST) -> None:
        self._access = access
        self._most = most
        self._buckets: dict[str, Bucket] = {}
        self._lock = Lock()

    def find(self, uri: str) -> list[Found]:
        """See the port. Markers of folders, as consoles make them, are no files."""
        name, key = _parted(uri)
        pattern = Pattern(key)
        with _final():
            bucket = self._bucket(name)
            if pattern.is_plain:
                thing = bucket.head(key)
                if thing is None:
                    raise Gone(f"{uri} is not there")
                return [_found(name, thing, pattern)]
            things = sorted(_fitting(bucket, pattern, self._most, uri), key=lambda thing: thing.key)
            return [_found(name, thing, pattern) for thing in things if thing.size or bucket.head(thing.key)]

    @contextmanager
    def open(self, found: Found) -> Iterator[Opened]:
        """See the port."""
        name, key = _parted(found.uri)
        with _final():
            thing, pieces = self._bucket(name).open(key)
        yield Opened(_read(pieces), thing.size, thing.version)

    def _bucket(self, name: str) -> Bucket:
        with self._lock:
            if name not in self._buckets:
                self._buckets[name] = buckets.connect(name, _settings(name, self._access))
            return self._buckets[name]


def connect(access: Access) -> S3Source:
    """See the port."""
    return S3Source(access)


def _settings(bucket: str, access: Access) -> Mapping[str, object]:
    entry = next((each for each in access.buckets if fnmatchcase(bucket, str(each["bucket"]))), {})
    endpoint = str(entry.get("endpoint") or "")
    place = {
        "endpoint": endpoint,
        "region": entry.get("region") or REGION,
        "allow_http": endpoint.startswith("http://"),
    }
    if entry.get("anonymous") or not access.is_trusted:
        return {**place, "anonymous": True}
    return {**place, "access_key_id": entry.get("access-key"), "secret_access_key": entry.get("secret-key")}


def _parted(uri: str) -> tuple[str, str]:
    bucket, slash, key = uri.partition("://")[2].partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise Refused(f"{uri} names no bucket", "Write s3://bucket/key.")
    if not slash:
        raise Refused(f"{uri} names no object", f"All of the bucket is {uri}/.")
    return bucket, key


def _fitting(bucket: Bucket, pattern: Pattern, most: int, uri: str) -> Iterator[Thing]:
    fitting = 0
    for number, thing in enumerate(bucket.list(pattern.root)):
        if number >= most * LOOKED_AT:
            words = f"more than {most * LOOKED_AT:,} keys would have to be looked at for {uri}"
            raise Refused(words, "Name a folder.")
        if pattern.matches(thing.key):
            fitting += 1
            if fitting > most:
                raise too_many(uri, most)
            yield thing


def _found(bucket: str, thing: Thing, pattern: Pattern) -> Found:
    below = thing.key.rpartition("/")[2] if pattern.is_plain else thing.key.removeprefix(pattern.root)
    return Found(f"s3://{bucket}/{thing.key}", thing.key, below, thing.size, thing.version)


def _read(pieces: Iterator[bytes]) -> Iterator[bytes]:
    with _final():
        yield from pieces


@contextmanager
def _final() -> Iterator[None]:
    """What a person has to mend is not mended while a slot waits for it."""
    try:
        yield
    except Stalled as error:
        raise Refused(error.message, error.hint) from error
