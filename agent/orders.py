"""What the controller wants of an attempt, as its thread hears it: stop, lost, or the agent itself leaves."""

import threading
from collections.abc import Callable


class Lost(Exception):
    """The attempt is no longer ours: stop everything, store nothing more."""


class Left(Exception):
    """The agent process ends: let go of everything as it stands."""


class Stopped(Exception):
    """A stop was ordered before there was a command to stop."""


class Orders:
    """Set from any thread; the attempt's own thread asks.

    `over` is set when the attempt is lost or left: whoever waits must look at once, with `check`. `any` is set by a stop
    too, and goes with `check_all`: for what comes before the command.
    """

    def __init__(self) -> None:
        self.over = threading.Event()
        self.any = threading.Event()
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._left = threading.Event()
        self._heard: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def wants_stop(self) -> bool:
        """Whether a person or the controller asked for an end."""
        return self._stop.is_set()

    def stop(self) -> None:
        """End the command; what it made so far is stored."""
        self._give(self._stop, self.any)

    def lose(self) -> None:
        """It is another's now."""
        self._give(self._lost, self.over, self.any)

    def leave(self) -> None:
        """This process ends."""
        self._give(self._left, self.over, self.any)

    def check(self) -> None:
        """Raises `Lost` or `Left`. A stop does not interrupt what stores results."""
        if self._lost.is_set():
            raise Lost
        if self._left.is_set():
            raise Left

    def check_all(self) -> None:
        """Raises `Lost`, `Left` or `Stopped`."""
        self.check()
        if self._stop.is_set():
            raise Stopped

    def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` at every order from now on, and once now if there was one."""
        with self._lock:
            self._heard.append(heard)
        if self.any.is_set():
            heard()

    def _give(self, order: threading.Event, *events: threading.Event) -> None:
        if order.is_set():
            return
        order.set()
        for event in events:
            event.set()
        with self._lock:
            heard = list(self._heard)
        for each in heard:
            each()
