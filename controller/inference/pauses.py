"""How long to wait before something that failed is tried again: longer with every failure in a row."""

from collections.abc import Callable, Hashable

LONGEST = 60.0
"""Seconds. After ten times as long without a failure, the row is over."""


class Pauses:
    """Counts failures by key. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: dict[Hashable, tuple[int, float]] = {}

    def failed(self, key: Hashable) -> None:
        """Another failure: the pauses are 0, 1, 3, 7, ... seconds."""
        now = self._clock()
        count, until = self._failures.get(key, (0, 0.0))
        count = 1 if now > until + 10 * LONGEST else count + 1
        self._failures[key] = (count, now + min(LONGEST, 2.0 ** min(count - 1, 10) - 1))

    def left(self, key: Hashable) -> float:
        """Seconds until the next try."""
        _, until = self._failures.get(key, (0, 0.0))
        return max(0.0, until - self._clock())
