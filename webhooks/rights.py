"""What an attempt may read and write. Pure: decided by the spec that the controller made, and by the attempt that asks."""

from collections.abc import Iterator, Mapping
from typing import Any

from ledger.attempts import AttemptRow
from schemas.errors import Refused
from schemas.messages.claim import Wanted
from stores import keys


def code_archive(spec: Mapping[str, Any]) -> Wanted | None:
    """The snapshot that the job unpacks."""
    archive = spec.get("archive")
    return Wanted("GET", archive["key"], "system") if archive else None


class Rights:
    """The rights of one attempt. To read: its archive, and the data that its spec names. To write: its own places."""

    def __init__(self, row: AttemptRow) -> None:
        self._reads = frozenset(_reads(row.spec))
        places = keys.written_by(row.execution_id, row.number)
        upload = row.spec.get("upload_store") or "artifacts"
        self._writes = {"system": places["system"], upload: places["artifacts"]}
        self._result = keys.result(row.execution_id, row.number)

    def check(self, wanted: Wanted) -> None:
        """Raises `Refused` unless the attempt may have this object, in this way, of this store."""
        keys.check(wanted.key)
        if wanted in self._reads or (wanted.method == "PUT" and self._may_write(wanted)):
            return
        raise Refused(
            f"this attempt has no right to {wanted.method} {wanted.key} in the store {wanted.store}"
        )

    def once(self, wanted: Wanted) -> bool:
        """Whether it is written once and never replaced: the result, which is the attempt's commit point."""
        return wanted.method == "PUT" and wanted.key == self._result

    def _may_write(self, wanted: Wanted) -> bool:
        places = self._writes.get(wanted.store, ())
        return any(
            wanted.key.startswith(place) if place.endswith("/") else wanted.key == place for place in places
        )


def _reads(spec: Mapping[str, Any]) -> Iterator[Wanted]:
    if archive := code_archive(spec):
        yield archive
    data = [datum for given in spec.get("inputs") or () for datum in given.get("data") or ()]
    data += ((spec.get("build") or {}).get("files") or {}).values()
    for datum in data:
        yield Wanted("GET", datum["key"], datum.get("store", "artifacts"))
