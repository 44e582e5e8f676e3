"""The controller's alarm clock: a list with at most one entry. A hint only; whoever misses it looks again soon anyway."""

import threading
import time

from redis import Redis, RedisError

KEEP = 60
"""Seconds that an unheard wake is kept."""

SLICE = 5.0
"""Seconds of one blocking wait: less than the socket's timeout, and soon enough to see that Redis is back."""


def wake(redis: Redis, controller: str = "main") -> None:
    """Ask the controller to look now. Never raises: with Redis gone, the controller's own clock wakes it."""
    try:
        with redis.pipeline(transaction=False) as pipeline:
            pipeline.lpush(_key(controller), b"1")
            pipeline.ltrim(_key(controller), 0, 0)
            pipeline.expire(_key(controller), KEEP)
            pipeline.execute()
    except RedisError:
        return


def wait(redis: Redis, seconds: float, controller: str = "main", stop: threading.Event | None = None) -> bool:
    """Wait until woken (True), or until `seconds` have passed or `stop` is set (False). Never raises.

    With Redis gone the time is waited out on `stop`, so that a loop around this neither dies nor spins.
    """
    pause = stop or threading.Event()
    end = time.monotonic() + seconds
    while not pause.is_set():
        left = end - time.monotonic()
        if left <= 0:
            return False
        piece = min(left, 1.0 if stop else SLICE)
        try:
            # Redis takes a timeout of 0 for "for ever".
            if redis.blpop([_key(controller)], timeout=max(piece, 0.01)) is not None:
                redis.delete(_key(controller))
                return True
        except RedisError:
            pause.wait(piece)
    return False


def _key(controller: str) -> str:
    return f"luotsi:wake:{controller}"
