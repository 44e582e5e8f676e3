"""Many looks at once, in threads. One that hangs keeps its own place and nobody else's.

Looks that go to the same place share a lane. Who waits for answers waits `patience` seconds at most: lanes that were not
done by then are late, go on by themselves, and are waited for again only after they have once been done in time.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

AT_ONCE = 32
STUCK = 256
"""Threads that may hang, beside those that work."""
PATIENCE = 3.0
UNTAKEN = 256
"""Answers that are kept before others are begun: each holds all refs of a repository."""
PACE = 0.05
"""Seconds between two handfuls of answers: a thread that is woken for each one takes the time of those that work."""
IDLE = 10.0
"""Seconds after which a thread without work ends."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What the look called `name` brought: a value, or what was raised."""

    name: str
    value: T | None = None
    error: Exception | None = None


@dataclass(slots=True, eq=False)
class _Lane(Generic[T]):
    width: int
    queue: deque[tuple[str, Callable[[], T]]] = field(default_factory=deque)
    running: int = 0
    stuck: int = 0
    late: bool = False
    since: float = 0.0
    """When the oldest of what is not done was asked for."""

    @property
    def open(self) -> int:
        return len(self.queue) + self.running + self.stuck


@dataclass(slots=True, eq=False)
class _Running:
    lane: str
    began: float
    stuck: bool = False


class Looks(Generic[T]):
    """Takes looks by name and gives answers. `ask` and `answers` are for one thread; others come and go as needed.

    `on_late` is called, in a look's own thread, when an answer has come that nobody waits for any more.
    """

    def __init__(self, patience: float = PATIENCE, on_late: Callable[[], None] = lambda: None) -> None:
        self.patience = patience
        self.on_late = on_late
        lock = threading.Lock()
        self._news, self._work_there = threading.Condition(lock), threading.Condition(lock)
        self._lanes: dict[str, _Lane[T]] = {}
        self._turns: dict[str, None] = {}
        """Names of lanes with looks to begin, in the order in which they get one."""
        self._running: dict[str, _Running] = {}
        self._waiting: set[str] = set()
        self._again: dict[str, tuple[str, int, Callable[[], T]]] = {}
        self._done: list[Answer[T]] = []
        self._busy = self._stuck = self._idle = 0
        self._expected = 0
        """How many looks go on, or are to begin, in lanes that are not late."""

    def ask(self, name: str, lane: str, width: int, look: Callable[[], T], again: bool = False) -> None:
        """Begin a look as soon as its lane, in which `width` go on at once, has room. One that is asked for is not doubled.

        `again`: something may have changed since, so that one that has begun is followed by another.
        """
        with self._news:
            if name in self._running:
                if again:
                    self._again[name] = (lane, width, look)
            elif name not in self._waiting:
                self._add(name, lane, width, look)

    def answers(self) -> Iterator[list[Answer[T]]]:
        """Answers as they come, until all are there but those of late lanes, or the patience is at its end."""
        ends = time.monotonic() + self.patience
        while True:
            with self._news:
                self._make_room()
                if self._expected and (left := ends - time.monotonic()) > 0:
                    self._news.wait(min(left, PACE))
                if time.monotonic() >= ends:
                    for lane in self._lanes.values():
                        lane.late = lane.late or lane.open > 0
                    self._expected = 0
                found, self._done = self._done, []
                self._staff()
                last = not self._expected
            if found:
                taken = time.monotonic()
                yield found
                ends += time.monotonic() - taken  # what is done with them is not waiting
            if last:
                return

    def _make_room(self) -> None:
        """Who runs for long is stuck: another may take its place, unless its lane has as many of those as it is wide."""
        now = time.monotonic()
        for job in self._running.values():
            lane = self._lanes[job.lane]
            old = now - job.began >= self.patience
            if old and not job.stuck and lane.stuck < lane.width and self._stuck < STUCK:
                job.stuck = True
                lane.running, lane.stuck = lane.running - 1, lane.stuck + 1
                self._busy, self._stuck = self._busy - 1, self._stuck + 1
                self._take_turn(job.lane)
        self._staff()

    def _add(self, name: str, lane_name: str, width: int, look: Callable[[], T]) -> None:
        lane = self._lanes.setdefault(lane_name, _Lane(width))
        if not lane.open:
            lane.since = time.monotonic()
        self._expected += not lane.late
        lane.queue.append((name, look))
        self._waiting.add(name)
        self._take_turn(lane_name)
        self._staff()

    def _take_turn(self, lane_name: str) -> None:
        lane = self._lanes[lane_name]
        if lane.queue and lane.running < lane.width:
            self._turns.setdefault(lane_name)

    def _staff(self) -> None:
        """As many threads as there is work for."""
        wanted = min(len(self._turns), AT_ONCE - self._busy) if self._has_room() else 0
        for _ in range(wanted - self._idle):
            self._idle += 1
            threading.Thread(target=self._work, name="look", daemon=True).start()
        if wanted > 0:
            self._work_there.notify(wanted)

    def _has_room(self) -> bool:
        return self._busy < AT_ONCE and len(self._done) < UNTAKEN

    def _work(self) -> None:
        while (job := self._begin()) is not None:
            name, look = job
            try:
                answer = Answer(name, look())
            except Exception as error:  # noqa: BLE001 - handed to whoever takes the answer
                answer = Answer(name, error=error)
            if self._end(answer):
                self.on_late()

    def _begin(self) -> tuple[str, Callable[[], T]] | None:
        ends = time.monotonic() + IDLE
        with self._news:
            while not (self._turns and self._has_room()):
                if (left := ends - time.monotonic()) <= 0:
                    self._idle -= 1
                    return None
                self._work_there.wait(left)
            lane_name = next(iter(self._turns))
            del self._turns[lane_name]
            lane = self._lanes[lane_name]
            name, look = lane.queue.popleft()
            self._waiting.discard(name)
            self._running[name] = _Running(lane_name, time.monotonic())
            lane.running += 1
            self._busy += 1
            self._idle -= 1
            self._take_turn(lane_name)
            self._staff()
            return name, look

    def _end(self, answer: Answer[T]) -> bool:
        """Whether nobody waits for it."""
        with self._news:
            job = self._running.pop(answer.name)
            lane = self._lanes[job.lane]
            if job.stuck:
                lane.stuck, self._stuck = lane.stuck - 1, self._stuck - 1
            else:
                lane.running, self._busy = lane.running - 1, self._busy - 1
            late = lane.late
            self._expected -= not late
            if not lane.open and time.monotonic() - lane.since <= self.patience:
                del self._lanes[job.lane]
            self._idle += 1
            self._done.append(answer)
            if answer.name in self._again:
                self._add(answer.name, *self._again.pop(answer.name))
            elif lane.open:
                self._take_turn(job.lane)
                self._staff()
            if not self._expected:
                self._news.notify()
        return late
