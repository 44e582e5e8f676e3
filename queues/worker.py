"""The agent's RQ worker: takes wake-ups from one queue, only with a free slot, and hands their text on.

It registers, beats and counts like any RQ worker (`rq info` shows it), and leaves out what RQ does for jobs that run in
it: forks, signals, execution registries, callbacks, scheduled maintenance, and the command channel, by which anyone who
reaches Redis could stop it. An entry that is lost between taking and handing on is sent again by the controller.
"""

import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable
from typing import Protocol, cast
from uuid import uuid4

from redis import Redis, RedisError
from rq import SimpleWorker, worker_registration
from rq.serializers import JSONSerializer
from rq.utils import as_text, now, utcformat
from rq.worker import WorkerStatus

from queues.wakeups import WakeupJob, queue
from schemas.errors import LuotsiError, Refused

WORKER_TTL = 90
BEAT = 30.0
"""Seconds between signs of life; an emptied Redis is noticed by one."""

TAKE = 15
"""Seconds of one blocking take."""

_LAST_OF_BIRTH = "state"
"""The field of a worker's record that a registration writes last."""

_log = logging.getLogger("luotsi.queue")


class Slots(Protocol):
    """What the worker asks before it takes a wake-up."""

    def offer(self, timeout: float) -> bool:
        """Set a free slot aside for the next wake-up, waiting for one at most `timeout` seconds."""
        ...

    def withdraw(self) -> None:
        """No wake-up took the slot: it is free again."""
        ...


class WakeupWorker(SimpleWorker):
    """One thread of an agent. `listen` returns only when its stop event is set; no outage ends it."""

    job_class = WakeupJob

    def __init__(self, redis: Redis, environment_id: str, name: str, beat: float = BEAT) -> None:
        super().__init__(
            [queue(redis, environment_id)],
            name=f"{environment_id}-{name}-{uuid4().hex[:8]}",
            connection=redis,
            worker_ttl=WORKER_TTL,
            serializer=JSONSerializer,
            prepare_for_work=False,  # it would ask Redis for our address, and fail where Redis is not up yet
        )
        self.hostname, self.pid = socket.gethostname(), os.getpid()
        self._bell = f"{environment_id}:bell:{self.name}"
        self._registries = (
            self.redis_workers_keys,
            worker_registration.WORKERS_BY_QUEUE_KEY % environment_id,
        )
        self._every, self._beaten = beat, float("-inf")

    def listen(self, slots: Slots, handler: Callable[[str], bool], stop: threading.Event) -> None:
        """Until `stop`: set a slot aside, take a wake-up, and give its envelope to `handler`.

        `handler` returns at once. True: the slot is used now. False, or any error: the slot is free again.
        """
        pause, away = 0.2, False
        while not stop.is_set():
            try:
                self._beat()
                if away:
                    _log.info("Redis is there again")
                pause, away = 0.2, False
                self._turn(slots, handler, stop)
            except RedisError as error:
                if not (away or stop.is_set()):
                    _log.warning("Redis cannot be reached, which is tried again: %s", error)
                away, self._beaten = True, float("-inf")
                stop.wait(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
                pause = min(pause * 2, 10.0)
        self._leave()

    def interrupt(self) -> None:
        """End a wait for a wake-up at once, so that `stop` is seen. For another thread; without Redis nothing waits."""
        try:
            with self.connection.pipeline(transaction=False) as pipeline:
                pipeline.rpush(self._bell, b"1")
                pipeline.expire(self._bell, TAKE)
                pipeline.execute()
        except RedisError:
            return

    def _turn(self, slots: Slots, handler: Callable[[str], bool], stop: threading.Event) -> None:
        if not slots.offer(timeout=1.0):
            return
        kept = False
        try:
            job = self._take(stop)
            if job is not None:
                kept = self._hand_on(job, handler)
        finally:
            if not kept:
                slots.withdraw()

    def _take(self, stop: threading.Event) -> WakeupJob | None:
        source = self.queues[0]
        taken = self.connection.blpop([self._bell, source.key], timeout=TAKE)
        if taken is None or as_text(taken[0]) == self._bell:
            return None
        job_id = as_text(taken[1])
        if stop.is_set():
            self.connection.lpush(source.key, job_id)
            return None
        raw = cast("dict[bytes, bytes]", self.connection.hgetall(WakeupJob.key_for(job_id)))
        if not raw:
            return None
        try:
            job = WakeupJob(job_id, connection=self.connection, serializer=JSONSerializer)
            job.restore(raw)
        except (Refused, ValueError) as error:
            _log.error("a queue entry is refused (%s): %s", job_id[:100], error)
            self._settle(job_id, "failed_job_count")
            return None
        return job

    def _hand_on(self, job: WakeupJob, handler: Callable[[str], bool]) -> bool:
        kept, counter = False, "failed_job_count"
        try:
            kept = handler(job.envelope)
            counter = "successful_job_count"
        except LuotsiError as error:
            _log.error("the wake-up %s is dropped: %s", job.id, error)
        except Exception:  # noqa: BLE001 - one bad message must not end the thread that takes all others
            _log.exception("the wake-up %s could not be handled", job.id)
        try:
            self._settle(job.id, counter)
        except RedisError:
            # The message ends by its own time to live; the handler has what it needs.
            _log.debug("the wake-up %s could not be taken away", job.id)
        return kept

    def _settle(self, job_id: str, counter: str) -> None:
        with self.connection.pipeline(transaction=False) as pipeline:
            pipeline.delete(WakeupJob.key_for(job_id))
            pipeline.hincrby(self.key, counter, 1)
            pipeline.execute()

    def _beat(self) -> None:
        if time.monotonic() - self._beaten < self._every:
            return
        with self.connection.pipeline(transaction=False) as pipeline:
            for registry in self._registries:
                pipeline.sismember(registry, self.key)
            pipeline.hexists(self.key, _LAST_OF_BIRTH)
            pipeline.hset(self.key, "last_heartbeat", utcformat(now()))
            pipeline.expire(self.key, self.worker_ttl + 60)
            *is_there, _, _ = pipeline.execute()
        if not all(is_there):
            self._register()
        self._beaten = time.monotonic()

    def _register(self) -> None:
        """Also after Redis was emptied. What is cut off here is seen by the next beat, and done again."""
        worker_registration.clean_worker_registry(self.queues[0])
        self.connection.delete(self.key)
        self.register_birth()  # type: ignore[no-untyped-call]
        self.set_state(WorkerStatus.IDLE)

    def _leave(self) -> None:
        try:
            self.register_death()  # type: ignore[no-untyped-call]
        except RedisError:
            _log.debug("Redis is gone; the worker's record ends by itself")
