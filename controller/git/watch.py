"""Who is to be looked at: local repositories when their refs change (file events), all others when their time has come.

An event is a hint and nothing more: it may come twice, or be lost, and the next poll sees the same.
"""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from controller.git import address as addresses
from controller.git.listing import git_folder

_TOP = ("HEAD", "packed-refs")
_TELLING = ("created", "modified", "moved", "deleted")


def due(repositories: Mapping[str, datetime | None], now: datetime, interval: timedelta) -> list[str]:
    """Names of the repositories to be polled: never looked at, or last an interval ago. The longest waiting come first.

    One that was looked at in the future, by a clock that has been put right since, is due too.
    """
    waiting = [
        (looked or datetime.min.replace(tzinfo=now.tzinfo), name)
        for name, looked in repositories.items()
        if looked is None or now - looked >= interval or looked > now
    ]
    return [name for _, name in sorted(waiting)]


@dataclass(frozen=True, slots=True)
class _Watched:
    """A repository's folder, which inode its refs were, and what is observed of it."""

    folder: Path
    identity: tuple[int, int]
    watches: tuple[ObservedWatch, ...]


class RefWatch:
    """Calls `callback(name)` soon after a ref of a watched repository changed; many changes at once make one call.

    The callback runs in a thread of its own and must not raise. No call comes after `stop` has returned, which is not
    to be called from the callback. The rest is for one thread.
    """

    def __init__(self, callback: Callable[[str], None], debounce: float = 0.02) -> None:
        self._callback = callback
        self._debounce = debounce
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        self._pending: dict[str, threading.Timer] = {}
        self._alive: set[threading.Timer] = set()
        self._stopped = False
        self._observer: BaseObserver = Observer()
        self._observer.start()

    def add(self, name: str, address: str) -> bool:
        """Watch a repository; True when its changes are going to be heard, False when it has to be polled.

        That is so for one that is not on this machine or not there, and when the system allows no more watches. Called
        again it costs little, and watches anew a repository that was removed and made again.
        """
        local = addresses.folder(address)
        folder = git_folder(local) if local is not None else None
        known = self._watched.get(name)
        if known is not None and (known.folder, known.identity) == (folder, _identity(known.folder)):
            return True
        self.remove(name)
        return folder is not None and self._observe(name, folder)

    def remove(self, name: str) -> None:
        """Watch a repository no longer. Without effect for one that is not watched."""
        known = self._watched.pop(name, None)
        if known is not None:
            self._unschedule(known.watches)

    def stop(self) -> None:
        """End all watching, and wait until the last call has returned."""
        with self._lock:
            self._stopped = True
            timers = list(self._alive)
        for timer in timers:
            timer.cancel()
            timer.join()
        self._observer.stop()
        self._observer.join()

    def _observe(self, name: str, folder: Path) -> bool:
        handler = _Handler(folder, lambda: self._changed(name))
        watches: list[ObservedWatch] = []
        try:
            for place, recursive in ((folder / "refs", True), (folder, False)):
                watches.append(self._observer.schedule(handler, str(place), recursive=recursive))
        except OSError:
            self._unschedule(watches)
            return False
        self._watched[name] = _Watched(folder, _identity(folder), tuple(watches))
        return True

    def _unschedule(self, watches: Iterable[ObservedWatch]) -> None:
        for watch in watches:
            try:
                self._observer.unschedule(watch)
            except KeyError:
                pass  # a watch whose folder is gone has ended by itself

    def _changed(self, name: str) -> None:
        with self._lock:
            if self._stopped or name in self._pending:
                return
            timer = threading.Timer(self._debounce, self._call, (name,))
            timer.daemon = True
            self._pending[name] = timer
            self._alive.add(timer)
            timer.start()

    def _call(self, name: str) -> None:
        with self._lock:
            timer = self._pending.pop(name)  # from here on, a change needs another call
            stopped = self._stopped
        if not stopped:
            self._callback(name)
        with self._lock:
            self._alive.discard(timer)


def _identity(folder: Path) -> tuple[int, int]:
    """Which folder of refs it is; (0, 0) if there is none."""
    try:
        found = (folder / "refs").stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


class _Handler(FileSystemEventHandler):
    """Lets through what may have moved a ref: not lock files, not objects, and not notes, which are Luotsi's own."""

    def __init__(self, folder: Path, changed: Callable[[], None]) -> None:
        self._folder = os.fsencode(folder)
        self._changed = changed

    def on_any_event(self, event: FileSystemEvent) -> None:
        paths = (os.fsencode(event.src_path), os.fsencode(event.dest_path))
        if event.event_type in _TELLING and any(self._tells(path) for path in paths):
            self._changed()

    def _tells(self, path: bytes) -> bool:
        place = path.removeprefix(self._folder).lstrip(b"/")
        if not path.startswith(self._folder) or place.endswith(b".lock"):
            return False
        in_refs = place == b"refs" or place.startswith(b"refs/")
        return place.decode(errors="replace") in _TOP or (in_refs and not place.startswith(b"refs/notes"))
