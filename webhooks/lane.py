"""Threads that take what comes, in its order. They are begun when they are needed, and none of them keeps the process from ending."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

Task = Callable[[], None]


class Lane:
    """At most `threads` of them. A task must not raise."""

    def __init__(self, threads: int, name: str) -> None:
        self._tasks: SimpleQueue[Task] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._left = threads
        self._name = name

    def run(self, task: Task) -> None:
        """Have it done. To be called by one thread alone, which is never kept waiting."""
        self._tasks.put(task)
        if self._left and not self._idle.acquire(blocking=False):
            self._left -= 1
            threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                task = self._tasks.get_nowait()
            except Empty:
                self._idle.release()
                task = self._tasks.get()
            task()
            del task  # what it holds is not kept until the next one comes
