"""Watches a running command to its end: its output into the log, its limits, and orders that arrive meanwhile."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.core.outcome import Asked
from agent.logs import AttemptLog
from agent.orders import Orders
from agent.patience import keep_trying
from agent.runtimes.port import Ended, Running
from schemas.errors import LuotsiError, Stalled, Waiting

DRAIN = 10.0
"""Seconds after the end in which the rest of the output must come."""

LISTEN = 5.0
"""Seconds in which an agent that adopts a command hears what it printed meanwhile, before its silence counts."""


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds: what is left of the time limit when the watch begins, how long there may be no output (None: no such
    limit), how long the command has run, and grace between SIGTERM and SIGKILL."""

    left: float | None
    grace: float
    silence: float | None = None
    elapsed: float = 0.0


class Watch:
    """One command. `asked` says why it is being stopped, if it is; an agent that adopts it goes on with that."""

    def __init__(
        self, running: Running, log: AttemptLog, orders: Orders, limits: Limits, asked: Asked
    ) -> None:
        self._running = running
        self._log = log
        self._orders = orders
        self._limits = limits
        self.asked = asked
        self._inbox: queue.SimpleQueue[Ended | BaseException | None] = queue.SimpleQueue()
        self._broken: Stalled | None = None
        self._began = time.monotonic()
        self._end = None if limits.left is None else time.monotonic() + limits.left

    def run(self, stopping: Callable[[Asked], None]) -> Ended:
        """Until it has ended. `stopping` hears why it is stopped, before it is. Raises `Lost` and `Left`."""
        pump = self._thread("output", self._pump)
        self._thread("end", self._wait)
        self._orders.listen(lambda: self._inbox.put(None))
        self._log.listen(lambda: self._inbox.put(None))
        if self.asked is not Asked.NOTHING:
            self._stop()
        try:
            ended = self._until_ended(stopping)
        except BaseException:
            self._let_go(pump)
            raise
        pump.join(DRAIN)
        if pump.is_alive():
            self._log.say("the last of the output did not come in time; it is left out")
            self._running.leave()
            pump.join(DRAIN)
        if self._broken:
            raise self._broken
        self._log.finish()
        return ended

    def _until_ended(self, stopping: Callable[[Asked], None]) -> Ended:
        while True:
            self._orders.check()
            if self.asked is Asked.NOTHING:
                self._judge(stopping)
            try:
                heard = self._inbox.get(timeout=self._time_left())
            except queue.Empty:
                continue
            if isinstance(heard, Ended):
                return heard
            if heard is not None:
                raise heard

    def _judge(self, stopping: Callable[[Asked], None]) -> None:
        if self._orders.wants_stop:
            self.asked = Asked.STOP
        elif self._log.condition_held:
            self.asked = Asked.CONDITION
        elif self._end is not None and time.monotonic() >= self._end:
            self.asked = Asked.LIMIT
        elif (end := self._end_of_silence()) is not None and time.monotonic() >= end:
            self.asked = Asked.SILENCE
        else:
            return
        stopping(self.asked)
        self._stop()

    def _end_of_silence(self) -> float | None:
        silence, last = self._limits.silence, self._log.last_output
        if silence is None:
            return None
        since = self._began - self._limits.elapsed if last is None else last
        return max(since + silence, self._began + min(silence, LISTEN))

    def _time_left(self) -> float | None:
        ends = [end for end in (self._end, self._end_of_silence()) if end is not None]
        if not ends or self.asked is not Asked.NOTHING:
            return None
        return max(0.0, min(ends) - time.monotonic())

    def _stop(self) -> None:
        def stop() -> None:
            keep_trying(lambda: self._running.stop(self._limits.grace), self._orders.over, 600.0)

        self._thread("stop", stop)

    def _let_go(self, pump: threading.Thread) -> None:
        """Ours no more: what has come so far is in the spool, the command goes on."""
        self._running.leave()
        pump.join(DRAIN)

    def _pump(self) -> None:
        def once() -> None:
            for piece in self._running.follow(self._log.taken):
                self._log.feed(piece.stream, piece.data)

        try:
            keep_trying(once, self._orders.over, 600.0, kinds=(Waiting,))
        except LuotsiError as error:
            self._log.say(f"the output could not be followed to its end: {error.message}")
        except OSError as error:
            # Without a log there is no run: this agent's disk is full, or broken.
            self._broken = Stalled(f"the agent cannot keep the log: {error.strerror or error}")
            self._stop()

    def _wait(self) -> None:
        try:
            self._inbox.put(self._running.wait())
        except BaseException as error:  # noqa: BLE001 - it is raised again, in the thread that waits for it
            self._inbox.put(error)

    def _thread(self, name: str, target: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(
            target=target, name=f"{threading.current_thread().name} {name}", daemon=True
        )
        thread.start()
        return thread
