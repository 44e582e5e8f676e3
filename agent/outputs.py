"""Finds what a job left in its outputs directory and stores it. Nothing that lies outside of it is ever read.

Regular files count, and links to regular files inside; sockets, pipes, devices and links that lead elsewhere are left out,
each with an event. Files are stored a few at a time.
"""

import io
import os
import stat
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from agent.core.collect import MAX_JSONL, Collected, Found, collect, sidecars, spelled
from agent.objects import Objects
from schemas.codec import Json
from schemas.errors import LuotsiError, Refused, Stalled, Waiting
from schemas.messages.claim import Wanted
from schemas.messages.result import Output
from stores import keys

AT_ONCE = 8
_KINDS = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True)
class Stored:
    """What was stored, in the order of names, and what was not."""

    outputs: tuple[Output, ...]
    troubles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attempt's outputs go."""

    execution: str
    attempt_number: int
    store: str = "artifacts"


def find(directory: Path, seen_as: str, uploaded: frozenset[str] = frozenset()) -> Collected:
    """What is to be stored. `seen_as`: the directory as the job sees it, since its absolute links say so.

    `uploaded`: names that were stored while the command ran (agent/live.py).
    """
    events: list[str] = []
    found = list(_walk(directory, os.path.realpath(directory), seen_as, "", events))
    texts = {
        file.name: text for file in sidecars(found, uploaded) if (text := _text(file, directory)) is not None
    }
    judged = collect(found, texts, uploaded)
    return replace(judged, events=(*events, *judged.events))


def store(found: Collected, directory: Path, place: Place, objects: Objects) -> Stored:
    """Store all files. One that cannot be read does not keep the others; a store that stays in trouble does."""
    if not found.files:
        return Stored((), ())
    drafts = [(file, str(uuid.uuid4())) for file in found.files]
    targets = [_wanted(place, datum, file.name) for file, datum in drafts]
    outputs: list[Output] = []
    troubles: list[str] = []
    with ThreadPoolExecutor(min(AT_ONCE, len(drafts)), thread_name_prefix="output") as threads:
        jobs = [
            threads.submit(_store, file, datum, wanted, directory, objects, found.metadata.get(file.name, {}))
            for (file, datum), wanted in zip(drafts, targets, strict=True)
        ]
        for job, file in zip(jobs, found.files, strict=True):
            try:
                outputs.append(job.result())
            except CancelledError:
                continue
            except LuotsiError as error:
                troubles.append(f"the output {spelled(file.name)} could not be stored: {error.message}")
                if isinstance(error, Waiting | Stalled):
                    _cancel(jobs)
            except BaseException:
                _cancel(jobs)
                raise
    return Stored(tuple(outputs), tuple(troubles))


def store_one(path: Path, name: str, place: Place, objects: Objects) -> Output:
    """Store one file that is the agent's own, as an output under a name."""
    file, datum = Found(name, path, path.stat().st_size), str(uuid.uuid4())
    return _store(file, datum, _wanted(place, datum, name), path.parent, objects, {})


def store_as(datum: str, file: Found, place: Place, objects: Objects, metadata: dict[str, Json]) -> Output:
    """Store one file that a job made, under an id that is known already."""
    return _store(file, datum, _wanted(place, datum, file.name), file.path.parent, objects, metadata)


def _wanted(place: Place, datum: str, name: str) -> Wanted:
    return Wanted("PUT", keys.output(place.execution, place.attempt_number, datum, name), place.store)


def _store(
    file: Found, datum: str, wanted: Wanted, directory: Path, objects: Objects, metadata: dict[str, Json]
) -> Output:
    _, digests = objects.send(wanted, lambda: _Bounded(_open(file, directory), file.size), file.size)
    return Output(
        datum=datum,
        name=spelled(file.name),
        size=digests.size,
        sha256=digests.sha256,
        key=wanted.key,
        store=wanted.store,
        md5=digests.md5,
        sha1=digests.sha1,
        metadata=metadata,
    )


def _walk(directory: Path, top: str, seen_as: str, below: str, events: list[str]) -> Iterator[Found]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        events.append(f"{spelled(below) or 'the outputs directory'} cannot be read: {error.strerror}")
        return
    for entry in entries:
        name = f"{below}{entry.name}"
        if entry.is_symlink():
            linked = _inside(Path(entry.path), top, seen_as)
            if isinstance(linked, Path):
                yield Found(name, linked, linked.stat().st_size)
            else:
                events.append(f"{spelled(name)} is left out: {linked}")
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), top, seen_as, f"{name}/", events)
        elif entry.is_file(follow_symlinks=False):
            yield Found(name, Path(entry.path), entry.stat(follow_symlinks=False).st_size)
        else:
            kind = _KINDS.get(stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode), "no regular file")
            events.append(f"{spelled(name)} is left out: it is {kind}")


def _inside(link: Path, top: str, seen_as: str) -> Path | str:
    """The regular file that a link leads to, or why it is left out."""
    target = str(link.readlink())
    if target.startswith(f"{seen_as}/"):
        target = f"{top}/{target.removeprefix(f'{seen_as}/')}"
    real = os.path.realpath(link.parent / target)
    if not real.startswith(f"{top}/"):
        return "it is a link that leads out of the outputs directory"
    try:
        mode = os.lstat(real).st_mode
    except OSError:
        return "it is a link that leads nowhere"
    if stat.S_ISLNK(mode):
        return "it is a link that leads nowhere but in a circle"
    if stat.S_ISDIR(mode):
        return "it is a link to a directory, whose files are stored under their own names"
    return Path(real) if stat.S_ISREG(mode) else "it is a link to something that is no regular file"


def _open(file: Found, directory: Path) -> BinaryIO:
    """Open a file that was found, if it is still a regular file inside. Raises `Refused`."""
    try:
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"it cannot be read: {error.strerror}") from error
    real = str(Path(f"/proc/self/fd/{descriptor}").readlink())
    if not stat.S_ISREG(os.fstat(descriptor).st_mode) or not real.startswith(
        f"{os.path.realpath(directory)}/"
    ):
        os.close(descriptor)
        raise Refused("it is no longer the file that was found")
    return os.fdopen(descriptor, "rb")


class _Bounded(io.BufferedReader):
    """The first bytes of a file that may still grow: a request must not be longer than it says."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__(cast("io.RawIOBase", file))
        self._left = size

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(self._left if size is None or size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


def _text(file: Found, directory: Path) -> bytes | None:
    if file.size > MAX_JSONL:
        return None
    try:
        with _open(file, directory) as opened:
            return opened.read(MAX_JSONL)
    except Refused:
        return None


def _cancel(jobs: Sequence[Future[Output]]) -> None:
    for job in jobs:
        job.cancel()


def names(outputs: Sequence[Output], most: int = 3) -> str:
    """`model.json, plot.png and 4 more`: for a log line."""
    shown = ", ".join(output.name for output in outputs[:most])
    return f"{shown} and {len(outputs) - most} more" if len(outputs) > most else shown
