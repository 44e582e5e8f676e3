"""Live upload (contract 5.11): a file below outputs that nobody may write any more is stored while the command still runs.

It is moved out of the outputs directory first, under a new datum's id, into the attempt's folder: from then on nobody
else can touch it, and an agent that is killed finds it there. A file is taken when it had no write permission, one size
and one time of change at two looks, and when no process has it open for writing: `cp -p` gives its copy the source's
mode before all bytes are there.
"""

import fcntl
import json
import os
import shutil
import signal
import stat
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent import outputs
from agent.core.collect import MAX_SIDECAR, SIDECAR, Found, spelled
from agent.folder import AttemptFolder
from agent.logs import AttemptLog
from agent.objects import Objects
from agent.orders import Left, Lost
from agent.outputs import Place
from schemas.codec import Json
from schemas.errors import LuotsiError, Refused
from schemas.messages.result import Output
from schemas.metadata import event_of

LOOK = 0.5
"""Seconds between two looks, unless one look takes long."""

SETTLED = 5.0
"""Seconds without a change after which a file is taken where it cannot be known whether somebody writes to it."""

DEEPEST = 64
"""Directories that are looked into below each other; what is deeper is stored at the end."""

_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH

Identity = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that was taken out of the outputs directory and is not stored yet."""

    datum: str
    name: str
    path: Path
    metadata: dict[str, Json]


class LiveUploads:
    """Those of one attempt. `start` and `finish` enclose the running command."""

    def __init__(
        self, folder: AttemptFolder, place: Place, objects: Objects, log: AttemptLog, look: float = LOOK
    ) -> None:
        self._folder = folder
        self._place = place
        self._objects = objects
        self._log = log
        self._look = look
        self._over = threading.Event()
        self._seen: dict[str, Identity] = {}
        self._told: set[str] = set()
        self._thread = threading.Thread(
            target=self._run, name=f"{threading.current_thread().name} live", daemon=True
        )

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def finish(self, seconds: float | None = None) -> None:
        """Take nothing more, and wait for what is being stored, at most so long."""
        self._over.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            try:
                self._take_all()
                for taken in left(self._folder):
                    if self._over.is_set():
                        return
                    self._store(taken)
            except (Lost, Left):
                return
            except OSError as error:
                if not self._folder.path.exists():
                    return
                self._tell("", f"files cannot be uploaded while the command runs: {error.strerror}")
            self._over.wait(max(self._look, 10 * (time.monotonic() - began)))

    def _take_all(self) -> None:
        seen: dict[str, Identity] = {}
        top = self._folder.work / "outputs"
        try:
            for path, folders, files, descriptor in os.fwalk(top, follow_symlinks=False):
                below = Path(path).relative_to(top)
                if len(below.parts) >= DEEPEST:
                    folders.clear()
                for file in files:
                    self._consider(file, str(below / file), set(files), descriptor, seen)
        except RecursionError:
            return
        self._seen = seen

    def _consider(
        self, file: str, name: str, beside: set[str], descriptor: int, seen: dict[str, Identity]
    ) -> None:
        base = name.removesuffix(SIDECAR)
        if base != name and (file.removesuffix(SIDECAR) in beside or base in uploaded(self._folder)):
            return  # a sidecar is read with its file
        try:
            found = os.lstat(file, dir_fd=descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_mode & _WRITE:
                return
            identity = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            if self._seen.get(name) != identity:
                seen[name] = identity
                return
            is_written = _is_written(file, descriptor)
            if is_written or (is_written is None and time.time() - found.st_ctime < SETTLED):
                return
            self._take(file, name, descriptor, identity)
        except PermissionError as error:
            self._tell(
                name, f"{spelled(name)} is stored at the end: the agent may not take it ({error.strerror})"
            )
        except FileNotFoundError:
            return  # it was renamed between two steps

    def _take(self, file: str, name: str, descriptor: int, identity: Identity) -> None:
        place = self._folder.live / str(uuid.uuid4())
        place.mkdir(parents=True)
        about = {"name": name, "metadata": _sidecar(file, descriptor)}
        (place / "about.json").write_text(json.dumps(about))
        target = place / "file"
        try:
            os.rename(file, target, src_dir_fd=descriptor)
        except OSError:
            shutil.rmtree(place)
            raise
        found = target.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_mode & _WRITE or found.st_ino != identity[0]:
            # Another file took the name in this very moment: it is not ours to take.
            os.rename(target, file, dst_dir_fd=descriptor)
            shutil.rmtree(place)

    def _store(self, taken: Taken) -> None:
        try:
            store(taken, self._folder, self._place, self._objects)
            self._log.say(f"uploaded {spelled(taken.name)} while the command runs")
        except LuotsiError as error:
            self._tell(taken.datum, f"{spelled(taken.name)} could not be uploaded yet: {error.message}")

    def _tell(self, what: str, words: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._log.say(words)


def uploaded(folder: AttemptFolder) -> frozenset[str]:
    """The names of files that were taken while the command ran."""
    return frozenset(output.name for output in folder.state.outputs) | {taken.name for taken in left(folder)}


def left(folder: AttemptFolder) -> Iterator[Taken]:
    """Files that were taken and are not stored. What a kill left of others is cleared away."""
    if not folder.live.is_dir():
        return
    stored = {output.datum for output in folder.state.outputs}
    for place in sorted(folder.live.iterdir(), key=lambda path: path.stat().st_mtime_ns):
        path = place / "file"
        if place.name in stored or not path.exists():
            if place.name in stored:
                shutil.rmtree(place)
            continue
        about = json.loads((place / "about.json").read_text())
        yield Taken(place.name, about["name"], path, about["metadata"])


def store(taken: Taken, folder: AttemptFolder, place: Place, objects: Objects) -> Output:
    """Store a file that was taken, note it in the state, and let it go. Done again after a kill, it is the same datum.

    Raises `Refused` when it keeps changing, and what the store's errors are.
    """
    for _ in range(3):
        before = taken.path.stat()
        found = Found(taken.name, taken.path, before.st_size)
        output = outputs.store_as(taken.datum, found, place, objects, taken.metadata)
        after = taken.path.stat()
        if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
            folder.stored(output)
            shutil.rmtree(taken.path.parent)
            return output
    raise Refused("it is still being written")


def _is_written(file: str, directory: int) -> bool | None:
    """Whether some process has the file open for writing: then the kernel gives nobody a read lease (fcntl(2), F_SETLEASE).

    None where that cannot be known: others' files, unless we are root, and file systems without leases.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    try:
        # Who opens it for writing while we look breaks the lease; the usual signal for that would end this process.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


def _sidecar(file: str, directory: int) -> dict[str, Json]:
    """What `<file>.metadata.json` says now; nothing where there is none, or none that can be read."""
    try:
        descriptor = os.open(
            f"{file}{SIDECAR}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory
        )
    except OSError:
        return {}
    with os.fdopen(descriptor, "rb") as opened:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_SIDECAR:
            return {}
        event = event_of(opened.read(MAX_SIDECAR).decode("utf-8", "replace"), MAX_SIDECAR)
        return event.values if event else {}
