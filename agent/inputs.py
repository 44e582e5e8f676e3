"""The inputs of an attempt: what their addresses mean, which files go where, and which the job asks for later.

First everything is found and named, then fetched, a few at a time, each verified where its digest is known. Files on
demand are only listed: `agent/on_demand.py` has them when the running job asks.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from agent.core.config_files import Placed, input_id
from agent.core.kept import Kept, gone
from agent.core.placing import Found, Placement, directory, place, without_login
from agent.on_demand import AT_ONCE, Entry, Listing
from agent.supply import Supply, told_of
from schemas.errors import Gone, Refused
from schemas.messages.claim import Wanted
from schemas.messages.job import DatumFile, Input, Job

T = TypeVar("T")
R = TypeVar("R")

_NONE = Listing()


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of an attempt's inputs. `notes` are sentences for its log and its record."""

    files: tuple[Placed, ...] = ()
    """Every file, also those on demand, in the order of inputs.json."""
    on_demand: Listing = _NONE
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Listed:
    """An input with its files found and named."""

    described: Input
    placements: tuple[Placement, ...]
    notes: tuple[str, ...]

    @property
    def waits(self) -> bool:
        return self.described.download == "on-demand"


def wanted(inputs: Sequence[Input]) -> list[Wanted]:
    """The objects of this installation's stores that inputs ask for before the command starts."""
    here = [each for each in inputs if each.download != "on-demand"]
    return [Wanted("GET", datum.key, datum.store) for each in here for datum in each.data]


def bring(job: Job, folder: Path, supply: Supply, kept: Kept | None = None) -> Brought:
    """Find all files, and place below `folder` (which is empty) those that are not on demand. Every input has a directory.

    Raises `Refused`, `Gone` or the last trouble met, with the input's name; `Refused` also when a pattern of a required
    input fits nothing. An optional input gets a note instead. With `kept` exactly those files are taken, and one that is
    gone or has other contents is `Refused`.
    """
    for each in job.inputs:
        (folder / directory(each)).mkdir(parents=True, exist_ok=True)
    listed = [_list(each, supply, kept) for each in job.inputs]
    now = [placement for each in listed if not each.waits for placement in each.placements]
    placed = iter(_each(lambda one: _bring(one, folder, supply, kept), now))
    supply.cache.tidy()
    return Brought(
        tuple(_promised(one) if each.waits else next(placed) for each in listed for one in each.placements),
        Listing(tuple(_entry(job, one) for each in listed if each.waits for one in each.placements)),
        tuple(note for each in listed for note in each.notes),
    )


def _list(described: Input, supply: Supply, kept: Kept | None) -> _Listed:
    uris = list(dict.fromkeys(described.uris))
    with told_of(described.name):
        found = _each(lambda uri: _find(uri, supply, kept), uris)
    empty = [without_login(uri) for uri, files in zip(uris, found, strict=True) if not files]
    notes = [f"nothing fits {uri} of the optional input {described.name}" for uri in empty]
    if kept is not None:
        given = sum(map(len, found))
        found = [kept.of_these(described.name, files) for files in found]
        if new := given - sum(map(len, found)):
            notes.append(
                f"files of the input {described.name} that the first attempt did not have are left out: {new:,}"
            )
    placements = place(described, [file for files in found for file in files])
    if kept is not None:
        kept.check(described.name, placements)
    if empty and not described.optional:
        raise Refused(
            f"the input {described.name!r} is required, and nothing fits {empty[0]}",
            "Correct the pattern, or make the input `optional: true`.",
        )
    if described.filename and len(placements) > 1:
        notes.append(
            f"the input {described.name} has {len(placements)} files, so that its `filename` names none of them"
        )
    return _Listed(described, tuple(placements), tuple(notes))


def _find(uri: str, supply: Supply, kept: Kept | None) -> list[Found]:
    try:
        return supply.find(uri)
    except Gone:
        if kept is None:
            raise
        return []  # whether it was there then, `check` says


def _bring(placement: Placement, folder: Path, supply: Supply, kept: Kept | None) -> Placed:
    target = folder / placement.input / placement.name
    with told_of(placement.input):
        _claim(target, placement)
        try:
            digests = supply.fetch(placement.source, target)
        except Gone as error:
            if kept is None:
                raise
            raise gone(placement.input, placement.uri) from error
        if kept is not None:
            kept.verify(placement, digests.sha256)
        target.chmod(0o644)
    return _placed(placement, digests.size, digests.sha256, digests.md5, digests.sha1)


def _claim(target: Path, placement: Placement) -> None:
    """A new, empty file. A disk that takes two names for one (of other case, or composed otherwise) must not lose any."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.touch(exist_ok=False)
    except FileExistsError as error:
        raise Refused(
            f"the disk of this agent takes {placement.name!r} for a file that is there already",
            "Two names differ in case or accents only: use `keep-directories: full`, or rename one.",
        ) from error


def _promised(placement: Placement) -> Placed:
    source = placement.source
    return _placed(placement, source.size, source.sha256 if isinstance(source, DatumFile) else None)


def _placed(
    placement: Placement, size: int | None, sha256: str | None, md5: str = "", sha1: str = ""
) -> Placed:
    datum = placement.source if isinstance(placement.source, DatumFile) else None
    return Placed(
        input=placement.input,
        name=placement.name,
        uri=placement.uri,
        size=size,
        sha256=sha256,
        md5=md5,
        sha1=sha1,
        datum=datum.datum if datum else None,
        metadata=datum.metadata if datum else {},
        is_here=bool(md5),
    )


def _entry(job: Job, placement: Placement) -> Entry:
    source = placement.source
    identifier = input_id(job.execution, placement.input)
    if isinstance(source, Found):
        return Entry(identifier, placement.input, placement.name, found=source)
    return Entry(identifier, placement.input, placement.name, datum=source)


def _each(action: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """A few at a time, in order. The first error is raised once what is under way has ended; the rest never begins."""
    if not items:
        return []
    with ThreadPoolExecutor(min(AT_ONCE, len(items)), thread_name_prefix="input") as threads:
        futures = [threads.submit(action, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
