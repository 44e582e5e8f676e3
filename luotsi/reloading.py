"""Notices that luotsi.yaml has changed, and takes it up without a restart; what is not valid changes nothing, and is said."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog
import yaml
from sqlalchemy.exc import SQLAlchemyError

from controller.ports import Ports
from forges.port import ForgeApi
from ledger import in_use
from luotsi import in_use as used
from luotsi import installation, wiring
from luotsi.installation import ForgeEntry, Installation
from schemas import moments
from schemas.errors import LuotsiError
from schemas.values import Problem
from schemas.words import sentence

T = TypeVar("T")

log = structlog.get_logger()

EVERY = 1.0
"""Seconds between two looks at the file."""
SETTLED = 1.0
"""Seconds for which a file has to have been left alone: an editor may write it in pieces."""
RESTART = ("ledger", "redis", "web", "stores", "clusters", "lease", "name")
"""Settings that a process keeps until it is started again."""

Mark = tuple[tuple[str, int, int, int], ...]
"""Path, time of change, size and inode of the settings file and of the files that it names."""


class Reloading:
    """The settings of one process. Safe between threads; `current` looks at the file, at most once in `every` seconds."""

    def __init__(self, opened: Installation, every: float = EVERY, settled: float = SETTLED) -> None:
        self._every, self._settled = every, settled
        self._lock = threading.Lock()
        self._current = opened
        self._there = opened.settings.file.exists()
        self._files = _files(opened)
        self._mark = self._seen = _mark(self._files)
        self._looked = time.monotonic()
        self._trouble = ""

    @property
    def current(self) -> Installation:
        """The newest settings that were valid. The same object as long as they are the same."""
        with self._lock:
            if time.monotonic() - self._looked >= self._every:
                self._looked = time.monotonic()
                self._look()
            return self._current

    @property
    def trouble(self) -> str:
        """Why the file, as it stands, is not in use; empty when it is."""
        return self._trouble

    def refuse(self, kept: Installation, reason: str) -> None:
        """Settings that were valid could not be taken up: those of before hold until the file changes again."""
        with self._lock:
            self._current = kept
        self._troubled(reason)

    def _look(self) -> None:
        mark, before = _mark(self._files), self._seen
        self._seen = mark
        if mark == self._mark or not (mark == before or _age(mark) >= self._settled):
            return
        self._mark = mark
        file = self._current.settings.file
        try:
            if self._there and not file.exists():
                raise LuotsiError(f"{file} is gone", hint="Put it back.")
            fresh = installation.opened(file)
        except (LuotsiError, OSError) as error:
            self._troubled(_words(error))
            return
        self._there = file.exists()
        self._files = _files(fresh)
        self._mark = self._seen = _mark(self._files)
        if self._trouble:
            log.info("the settings are valid again", file=str(file))
        self._trouble = ""
        self._say(fresh)
        self._current = fresh

    def _troubled(self, reason: str) -> None:
        self._trouble = reason
        log.error("the settings have changed and are not in use", reason=reason)

    def _say(self, fresh: Installation) -> None:
        old, new = self._current.settings.values, fresh.settings.values
        changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
        log.info("the settings have changed", settings=changed)
        if later := [key for key in changed if key in RESTART]:
            log.warning("some settings are used after a restart only", settings=later)


class Latest(Generic[T]):
    """What is made of the settings, made anew when they have changed. Safe between threads."""

    def __init__(self, reloading: Reloading, make: Callable[[Installation], T]) -> None:
        self._reloading, self._make = reloading, make
        self._made: tuple[Installation, T] | None = None

    def get(self) -> T:
        """Of the settings as they are now. Raises what `make` raises, and makes it again at the next call then."""
        now, made = self._reloading.current, self._made
        if made is None or made[0] is not now:
            self._made = made = (now, self._make(now))
        return made[1]


class ControllerParts:
    """Gives the controller other parts when its settings have changed: for `controller.loop.run`."""

    def __init__(self, reloading: Reloading, opened: Installation, ports: Ports) -> None:
        self._reloading = reloading
        self._before = self._opened = opened
        self._apis = {name: (_keyed(entry), ports.forges[name]) for name, entry in opened.forges().items()}
        self._ledger = ports.ledger
        self._held: tuple[str, str] | None = None
        self._kept: Installation | None = None

    def fresh(self, ports: Ports) -> Ports | None:
        """The parts with the settings as they are now; None when they are the same, or cannot be used."""
        now = self._reloading.current
        if now is self._opened:
            self.taken()
            return None
        try:
            apis = self._forges(now)
            made = wiring.with_settings(ports, now, {name: api for name, (_, api) in apis.items()})
        except LuotsiError as error:
            self._reloading.refuse(self._opened, str(error))
            self.taken()
            return None
        self._before, self._opened, self._apis = self._opened, now, apis
        return made

    def refused(self, reason: str) -> None:
        """The parts that were given last cannot be used: those of before are."""
        self._reloading.refuse(self._before, reason)
        self._opened = self._before
        self.taken()

    def taken(self) -> None:
        """Tell those who read the file what of it is in use. A ledger that does not answer is told in the next turn."""
        if self._kept is not self._opened:
            self._kept = self._opened
            used.keep(self._opened, moments.now())
        held = (self._reloading.trouble, str(self._opened.settings.get("maintenance", default="")))
        if held == self._held:
            return
        try:
            with self._ledger.write() as connection:
                in_use.hold(connection, *held, moments.now())
        except (LuotsiError, SQLAlchemyError) as error:
            log.error("the ledger cannot be told which settings are in use", reason=str(error))
            return
        self._held = held

    def _forges(self, now: Installation) -> dict[str, tuple[Any, ForgeApi]]:
        """Those that have not changed stay: they know their limits, and their logins of the hour."""
        made = {}
        for name, entry in now.forges().items():
            known = self._apis.get(name)
            key = _keyed(entry)
            made[name] = known if known and known[0] == key else (key, wiring.open_forge(entry))
        return made


def _keyed(entry: ForgeEntry) -> tuple[Any, ...]:
    """A forge's entry, and the key that lies in the file it names."""
    file = entry.api.get("private_key_file")
    key = Path(str(file)).read_bytes() if file and Path(str(file)).is_file() else b""
    return entry.kind, dict(entry.api), key


def _words(error: Exception) -> str:
    """The error with every place in it, and no value of a setting: it may be a secret."""
    problems = getattr(error, "problems", ())
    return "; ".join([str(error), *map(_place, problems)]) if problems else str(error)


def _place(problem: Problem) -> str:
    said = f"{sentence(problem.message)} {problem.hint}" if problem.hint else problem.message
    return f"{Path(problem.path).name}:{problem.line}: {said}"


def _mark(files: tuple[Path, ...]) -> Mark:
    return tuple(map(_stat, files))


def _stat(path: Path) -> tuple[str, int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), found.st_mtime_ns, found.st_size, found.st_ino


def _age(mark: Mark) -> float:
    """Seconds since the youngest of them changed."""
    return time.time() - max(changed for _, changed, _, _ in mark) / 1e9


def _files(opened: Installation) -> tuple[Path, ...]:
    """The settings, and the files that they take texts and keys from, so that a rotated secret counts as a change."""
    found = [opened.settings.file]
    try:
        written = yaml.safe_load(opened.settings.file.read_text(encoding="utf-8", errors="replace"))
    except (OSError, yaml.YAMLError):
        written = None
    root, prefix = opened.workspace.root, "file:"
    texts = [text for text in _texts(written) if text.startswith(prefix) and not text.startswith("file://")]
    keys = [given.get("private-key") for given in opened.settings.get("forges", default={}).values()]
    found += [root / text.removeprefix(prefix) for text in texts]
    found += [root / key for key in keys if key]
    return tuple(dict.fromkeys(found))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
