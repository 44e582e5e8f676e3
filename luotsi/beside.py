"""What a delivery causes in Redis, beside its answer: the controller's wake-up, and counts. Nobody waits for it.

Redis may be slow or gone; a delivery is answered once its row is committed. What happens at the same time goes out once.
"""

import threading
from collections import Counter
from typing import cast

from redis import Redis, RedisError

from queues import wake
from webhooks.parts import Answers

KEY = "luotsi:web:answers"
"""A hash: `<route> <status>` -> how many. It is for graphs only, and begins anew when Redis was emptied."""


class Beside:
    """Safe between threads. Its own thread ends with the process."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._lock = threading.Lock()
        self._something = threading.Event()
        self._wake = False
        self._counts: Counter[str] = Counter()
        threading.Thread(target=self._run, name="beside", daemon=True).start()

    def wake(self) -> None:
        """Have the controller woken soon."""
        with self._lock:
            self._wake = True
        self._something.set()

    def answered(self, route: str, status: int) -> None:
        """Count an answer."""
        with self._lock:
            self._counts[f"{route} {status}"] += 1
        self._something.set()

    def answers(self) -> Answers | None:
        """All counts of this installation; None while Redis does not answer."""
        try:
            kept = cast("dict[bytes, bytes]", self._redis.hgetall(KEY))
        except RedisError:
            return None
        with self._lock:
            found = Counter({field.decode(): int(count) for field, count in kept.items()}) + self._counts
        return {
            (route, int(status)): n
            for (route, _, status), n in ((f.partition(" "), n) for f, n in found.items())
        }

    def _run(self) -> None:
        while True:
            self._something.wait()
            self._something.clear()
            self.flush()

    def flush(self) -> None:
        """Send what there is. Counts that Redis does not take wait for the next time; a wake-up does not: it is a hint."""
        with self._lock:
            woken, self._wake = self._wake, False
            counts, self._counts = self._counts, Counter()
        if woken:
            wake.wake(self._redis)
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for field, count in counts.items():
                    pipeline.hincrby(KEY, field, count)
                pipeline.execute()
        except RedisError:
            with self._lock:
                self._counts += counts
