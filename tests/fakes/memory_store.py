"""A store in memory, for tests of what uses stores. It passes the same contract suite as the real ones.

`trouble`, when set, is raised by every call: what a test of a full disk or an unreachable server needs.
"""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from schemas.errors import Gone, LuotsiError, Refused
from schemas.messages.claim import Address
from stores import keys
from stores.port import ABSENT, GET_LIMIT, Meta


class MemoryStore:
    """`objects` may be looked at by a test; its keys are what `stores.keys` made."""

    def __init__(self, name: str = "memory") -> None:
        self.name = name
        self.objects: dict[str, bytes] = {}
        self.trouble: LuotsiError | None = None
        self._lock = threading.Lock()

    def put(self, key: str, data: bytes | Path, absent: bool = False) -> bool:
        """See the port."""
        self._admit(key)
        if isinstance(data, Path):
            if not data.is_file():
                raise Gone(f"the file to store is not there: {data}")
            data = data.read_bytes()
        with self._lock:
            if absent and key in self.objects:
                return False
            self.objects[key] = data
        return True

    def get(self, key: str, limit: int = GET_LIMIT) -> bytes:
        """See the port."""
        self._admit(key)
        if key not in self.objects:
            raise Gone(f"nothing is stored at {key}")
        if len(self.objects[key]) > limit:
            raise Refused(f"the object {key} has more than {limit} bytes")
        return self.objects[key]

    def stream(self, key: str) -> Iterator[bytes]:
        """See the port."""
        data = self.get(key, limit=1 << 62)
        return (data[start : start + 1_000_000] for start in range(0, len(data), 1_000_000))

    def head(self, key: str) -> Meta | None:
        """See the port."""
        self._admit(key)
        data = self.objects.get(key)
        return None if data is None else Meta(len(data), hashlib.sha256(data).hexdigest())

    def list(self, prefix: str) -> Iterator[str]:
        """See the port."""
        bare = keys.check_prefix(prefix)
        if self.trouble:
            raise self.trouble
        return iter(sorted(key for key in self.objects if not bare or key.startswith(f"{bare}/")))

    def delete(self, key: str) -> None:
        """See the port."""
        self._admit(key)
        self.objects.pop(key, None)

    def address(
        self,
        method: Literal["GET", "PUT"],
        key: str,
        seconds: float,
        shares_folder: bool,
        absent: bool = False,
    ) -> Address:
        """An address of the right shape that leads nowhere."""
        self._admit(key)
        return Address(
            method, key, f"https://memory.invalid/{key}", self.name, dict(ABSENT) if absent else {}
        )

    def _admit(self, key: str) -> None:
        keys.check(key)
        if self.trouble:
            raise self.trouble
