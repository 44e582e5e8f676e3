"""Hears when refs of local repositories change, by file events.

An event is a hint and nothing more: it may come twice, or be lost, and the next poll sees the same.
"""

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

from controller.git import address as addresses
from controller.git.listing import git_folder

AGAIN = 60.0
"""Seconds after which the kernel is asked again for watches that it refused."""
FOLDERS = 1000
"""Folders of one repository that are watched. What moves in others is seen by the next poll."""

_TELLING = (b"HEAD", b"packed-refs")
_MIRRORED = (b"heads", b"tags")
# All that moves a ref, and nothing that only reads one: looks read them all the time.
_MASK = Mask(
    InotifyConstants.IN_CREATE
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_MOVE
    | InotifyConstants.IN_DELETE
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_DONT_FOLLOW
)
_LIMITS = {
    errno.ENOSPC: "raise fs.inotify.max_user_watches (sysctl)",
    errno.EMFILE: "raise fs.inotify.max_user_instances (sysctl), or the limit of open files (ulimit -n)",
    errno.ENFILE: "raise fs.file-max (sysctl)",
    errno.ENOMEM: "it has no memory for them",
}


class RefWatch:
    """Calls `callback(name)` soon after a ref of a watched repository changed; many changes at once make one call.

    One inotify descriptor and two threads serve all repositories. The callback runs in one of them and must not raise. No
    call comes after `stop` has returned, which is not to be called from the callback. The rest is for one thread.
    `events` makes the descriptor when the first local repository is added.
    """

    def __init__(
        self,
        callback: Callable[[str], object],
        debounce: float = 0.02,
        events: Callable[[], InotifyFD] = InotifyFD,
        again: float = AGAIN,
    ) -> None:
        self._callback, self._debounce, self._again = callback, debounce, again
        self._make = events
        self._events: InotifyFD | None = None
        self._heard: dict[str, _Heard] = {}
        self._made = 0
        self._refused: set[str] = set()
        self._limit, self._asked = "", 0.0
        self._news = threading.Condition()
        self._pending: dict[str, None] = {}
        self._stopping = threading.Event()
        self._caller = threading.Thread(target=self._call, name="ref-watch", daemon=True)
        self._caller.start()

    def add(self, name: str, address: str) -> bool:
        """Watch a repository; True when its changes are going to be heard, False when it has to be polled.

        That is so for one that is not on this machine or not there, and when the system allows no more watches (`trouble`).
        Called again it costs little, and watches anew a repository that was removed and made again.
        """
        known = self._heard.get(name)
        if known is not None and known.is_whole(address):
            return True
        if name in self._refused and not self._may_ask():
            return False
        self.remove(name)
        local = addresses.folder(address)
        folder = git_folder(local) if local is not None else None
        return folder is not None and self._observe(name, address, folder)

    def remove(self, name: str) -> None:
        """Watch a repository no longer. Without effect for one that is not watched."""
        self._refused.discard(name)
        known = self._heard.pop(name, None)
        if known is not None:
            known.end()

    @property
    def trouble(self) -> str:
        """A sentence where the kernel refuses watches, and what would help; else empty."""
        if not self._refused:
            return ""
        count = len(self._refused)
        which = "1 repository" if count == 1 else f"{count} repositories"
        return (
            f"The kernel allows no more file events, so that {which} on this machine can only be polled,"
            f" every `poll-interval`: {self._limit}."
        )

    def stop(self) -> None:
        """End all watching, and wait until the last call has returned."""
        self._stopping.set()
        with self._news:
            self._news.notify()
        self._caller.join()
        if self._events is not None:
            self._events.stop()
            self._events.join()

    def _may_ask(self) -> bool:
        """Refusing one, the kernel would refuse the others, too: they are not asked for one by one in each turn."""
        return not self._limit or time.monotonic() - self._asked >= self._again

    def _observe(self, name: str, address: str, folder: Path) -> bool:
        if not self._may_ask():
            self._refused.add(name)
            return False
        try:
            if self._events is None:
                events = self._make()
                events.start()
                self._events = events
            self._made += 1
            heard = _Heard(self._events, CallbackId(self._made), address, folder, lambda: self._changed(name))
            heard.begin()
        except OSError as error:
            if error.errno in _LIMITS:
                self._limit, self._asked = _LIMITS[error.errno], time.monotonic()
                self._refused.add(name)
            return False
        self._limit = ""
        self._heard[name] = heard
        return True

    def _changed(self, name: str) -> None:
        with self._news:
            self._pending[name] = None
            self._news.notify()

    def _call(self) -> None:
        while not self._stopping.is_set():
            with self._news:
                while not self._pending and not self._stopping.is_set():
                    self._news.wait()
            self._stopping.wait(self._debounce)
            with self._news:
                names, self._pending = self._pending, {}
            for name in names:  # from here on, a change needs another call
                if self._stopping.is_set():
                    return
                self._callback(name)


class _Heard:
    """The watches of one repository: its folder, `refs`, and every folder below its branches and tags.

    Notes are not among them: they are Luotsi's own. The `on_` methods are for the thread that reads the events.
    """

    def __init__(
        self, events: InotifyFD, id: CallbackId, address: str, folder: Path, changed: Callable[[], None]
    ) -> None:
        self._events, self._id, self._address, self._changed = events, id, address, changed
        self._top = os.fsencode(folder)
        self._refs = os.path.join(self._top, b"refs")  # noqa: PTH118 - paths of bytes
        self._identity = _identity(self._refs)
        self._lock = threading.Lock()
        self._folders: dict[WatchDescriptor, bytes] = {}
        self._broken = False

    def begin(self) -> None:
        """Watch it. Raises `OSError`, and watches nothing, where the kernel refuses."""
        try:
            with self._lock:
                self._follow([self._top, self._refs])
                self._follow(_mirrored(self._refs))
        except OSError:
            self.end()
            raise

    def end(self) -> None:
        """Watch it no longer."""
        with self._lock:
            watches, self._folders = list(self._folders), {}
        self._events.remove_callbacks([(watch, self._id) for watch in watches])

    def is_whole(self, address: str) -> bool:
        """Whether what is watched is what lies at the address: not the remains of a repository that was made again."""
        return not self._broken and address == self._address and _identity(self._refs) == self._identity

    def on_event(self, event: InotifyEvent) -> None:
        with self._lock:
            folder = self._folders.get(event.wd)
            if folder is None or not self._tells(folder, event):
                return
            if event.is_directory and (event.is_create or event.is_moved_to):
                self._follow_late(_below(os.path.join(folder, event.name)))  # noqa: PTH118 - the same
        self._changed()

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        with self._lock:
            self._folders.pop(wd, None)

    def on_queue_overflow(self) -> None:
        """Events were lost, and among them may have been any."""
        with self._lock:
            self._follow_late(_mirrored(self._refs))
        self._changed()

    def _tells(self, folder: bytes, event: InotifyEvent) -> bool:
        if folder == self._top:
            return event.name in _TELLING
        if folder == self._refs:
            return event.name in _MIRRORED
        return not event.name.endswith(b".lock")

    def _follow_late(self, folders: Iterator[bytes]) -> None:
        try:
            self._follow(folders)
        except OSError:
            self._broken = True  # the next `add` begins anew, and says what is wrong

    def _follow(self, folders: Iterator[bytes] | list[bytes]) -> None:
        known = set(self._folders.values())
        for folder in folders:
            if folder in known:
                continue
            if len(known) >= FOLDERS:
                return
            try:
                watch = self._events.add_callback(folder, _MASK, self, self._id)
            except FileNotFoundError:
                if folder in (self._top, self._refs):
                    raise
                continue  # git removes folders that became empty
            known.add(folder)
            self._folders[watch] = folder
            if watch == -1:  # what watchdog makes of a folder that may not be read
                raise PermissionError(errno.EACCES, "not readable", folder)


def _mirrored(refs: bytes) -> Iterator[bytes]:
    for name in _MIRRORED:
        yield from _below(os.path.join(refs, name))  # noqa: PTH118 - paths of bytes


def _below(top: bytes) -> Iterator[bytes]:
    """The folder and all below it. Each is given before it is read: what is made meanwhile is read, or makes an event."""
    left = [top]
    while left:
        folder = left.pop()
        yield folder
        try:
            with os.scandir(folder) as entries:
                left += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):
            continue


def _identity(refs: bytes) -> tuple[int, int]:
    """Which folder of refs it is; (0, 0) if there is none."""
    try:
        found = os.stat(refs)  # noqa: PTH116 - a path of bytes, asked for each repository in each turn
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino
