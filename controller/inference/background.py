"""Work that must not hold up a turn: pulls, unpacking, smoke requests. One job a key; asked for again, it is not doubled."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Done(Generic[T]):
    """How a job ended: its value, or what it raised."""

    value: T | None = None
    error: Exception | None = None


class Background(Generic[T]):
    """Jobs on daemon threads: at the process's end they are dropped, and the next controller finds what they left."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._running: set[Hashable] = set()
        self._done: dict[Hashable, Done[T]] = {}
        self._lock = threading.Lock()

    def run(self, key: Hashable, job: Callable[[], T]) -> None:
        """Start the job unless one of that key runs or its result waits to be taken."""
        with self._lock:
            if key in self._running or key in self._done:
                return
            self._running.add(key)
        threading.Thread(target=self._work, args=(key, job), name=f"{self._name} {key}", daemon=True).start()

    def running(self, key: Hashable) -> bool:
        """Whether the job is under way."""
        with self._lock:
            return key in self._running

    def take(self, key: Hashable) -> Done[T] | None:
        """The result, once; None while there is none."""
        with self._lock:
            return self._done.pop(key, None)

    def _work(self, key: Hashable, job: Callable[[], T]) -> None:
        done: Done[T] = Done()
        try:
            done.value = job()
        except Exception as error:  # noqa: BLE001 - handed to whoever takes the result
            done.error = error
        with self._lock:
            self._running.discard(key)
            self._done[key] = done
