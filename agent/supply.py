"""One file of an input at a time: from the cache, from a store of this installation, or from a source; verified, patiently."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.cache import DataCache
from agent.core import controls
from agent.core.placing import Found
from agent.objects import Objects
from agent.settings import AgentSettings
from agent.sources import Sources
from agent.sources.port import Access
from agent.transfer import Digests, write
from schemas.errors import LuotsiError, Refused
from schemas.messages.claim import Wanted
from schemas.messages.job import DatumFile, Job


@dataclass(frozen=True, slots=True)
class Supply:
    """What an attempt's inputs come from. Safe to share between threads."""

    objects: Objects
    sources: Sources
    cache: DataCache
    reads_cache: bool = True
    """False: what the cache has is fetched again, and put there again."""

    @classmethod
    def of(cls, job: Job, settings: AgentSettings, objects: Objects) -> "Supply":
        """For one attempt: what its trust and the agent's settings allow. `objects` bring their manner of trying."""
        is_trusted = job.trust == "trusted"
        access = Access(settings.input_folders, settings.input_buckets, is_trusted)
        cache = DataCache(settings.folder / "data-cache" / job.trust, settings.data_cache)
        fresh = controls.read(job, settings.controls).fresh_data
        return cls(objects, Sources(access), cache, not fresh)

    def find(self, uri: str) -> list[Found]:
        """The files of an address, as the port of sources says."""
        return self.objects.patiently(lambda: self.sources.find(uri))

    def fetch(self, source: DatumFile | Found, target: Path) -> Digests:
        """Write one file. Raises `Refused` when it is not the file that was ordered, also at the second try."""
        if isinstance(source, DatumFile):
            return self._datum(source, target)
        return self._found(source, target)

    def _datum(self, datum: DatumFile, target: Path) -> Digests:
        cached = self.cache.take(datum.sha256, target) if self.reads_cache else None
        if cached:
            return cached
        digests = fetch_datum(datum, target, self.objects)
        self.cache.keep(target, digests)
        return digests

    def _found(self, found: Found, target: Path) -> Digests:
        cached = self._cached(found, target)
        if cached:
            return cached

        def once() -> tuple[Digests, str]:
            with self.sources.open(found) as opened:
                return write(self.objects.heeding(opened.pieces), target), opened.version

        digests, version = self.objects.patiently(once)
        if version:
            self.cache.keep(target, digests, found.uri, version)
        return digests

    def _cached(self, found: Found, target: Path) -> Digests | None:
        if not self.reads_cache or not found.version:
            return None
        known = self.cache.known(found.uri, found.version)
        return self.cache.take(known, target) if known else None


def fetch_datum(datum: DatumFile, target: Path, objects: Objects) -> Digests:
    """Write a datum to a file. Raises `Refused` when it is not the file that was ordered, also at the second try."""
    wanted = Wanted("GET", datum.key, datum.store)
    found = objects.fetch(wanted, target)
    if found.sha256 != datum.sha256:
        found = objects.fetch(wanted, target)
    if found.sha256 != datum.sha256:
        target.unlink(missing_ok=True)
        raise Refused(
            f"{datum.name} (datum {datum.datum}) is not the file that was stored: "
            f"its digest is {found.sha256}, not {datum.sha256}"
        )
    return found


@contextmanager
def told_of(name: str) -> Iterator[None]:
    """Errors of a single input say whose they are."""
    try:
        yield
    except LuotsiError as error:
        if not error.message.startswith("the input "):
            error.message = f"the input {name!r}: {error.message}"
        raise
