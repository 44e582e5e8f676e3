"""The controller's alarm clock: a hint that neither piles up nor ever raises."""

import threading
import time

from redis import Redis

from queues.connection import connect
from queues.wake import wait, wake
from tests.parts.process import free_port


def test_a_wake_ends_the_wait_once_however_many_there_were(redis: Redis) -> None:
    for _ in range(5):
        wake(redis)
    assert redis.llen("luotsi:wake:main") == 1
    assert wait(redis, 5) is True
    assert wait(redis, 0.05) is False


def test_controllers_have_clocks_of_their_own(redis: Redis) -> None:
    wake(redis, "other")
    assert wait(redis, 0.05) is False
    assert wait(redis, 5, "other") is True


def test_a_wait_that_has_begun_is_woken(redis: Redis) -> None:
    waker = threading.Timer(0.1, wake, [redis])
    waker.start()
    assert wait(redis, 30) is True
    waker.join()


def test_stop_ends_the_wait(redis: Redis) -> None:
    stop = threading.Event()
    stop.set()
    before = time.monotonic()
    assert wait(redis, 30, stop=stop) is False
    assert time.monotonic() - before < 5


def test_without_redis_the_time_is_waited_out_and_nothing_raises() -> None:
    nobody = connect(f"redis://127.0.0.1:{free_port()}/0")
    before = time.monotonic()
    assert wait(nobody, 0.2) is False
    assert time.monotonic() - before >= 0.2
    wake(nobody)
