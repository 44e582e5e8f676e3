"""Wake-ups: RQ jobs that tell an environment's agents that an attempt waits. They carry the signed job message as text.

A wake-up decides nothing: the claim is the lock, so a lost or doubled one is harmless. `WakeupJob` is RQ's job with
everything that could run, call back, repeat or depend on something taken away. Nothing is ever unpickled.
"""

import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

from redis import Redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from schemas.errors import Refused

ENTRY = "luotsi.wakeup"
MESSAGE_LIFE = 3600
"""Seconds that a wake-up stays valid: as long as the message in it."""

FAILURE_TTL = 60
MAX_ENVELOPE = 4 * 1024 * 1024
"""Bytes of an envelope after decompression."""

_ID = re.compile(
    r"(?P<environment>[0-9a-f]{12})-(?P<execution>[0-9a-f-]{36})-(?P<attempt>\d+)-(?P<delivery>\d+)\Z"
)
_FORBIDDEN = (
    "success_callback_name", "failure_callback_name", "stopped_callback_name", "webhooks", "dependency_id",
    "dependency_ids", "retries_left", "retry_intervals", "repeats_left", "repeat_intervals", "rate_limit_key",
    "rate_limit_concurrency", "group_id", "meta", "result",
)  # fmt: skip

Wakeup = tuple[str, int, int]
"""Execution, attempt number, delivery number."""


class WakeupJob(Job):
    """An RQ job that can hold one thing only: the envelope for the entry `luotsi.wakeup`."""

    @property
    def envelope(self) -> str:
        """The signed job message as it came. Not verified here."""
        return str(self.args[0])

    @property
    def func(self) -> Any:
        """Never resolves: nothing named by a message is imported."""
        raise Refused("a wake-up runs no function")

    def restore(self, raw_data: Mapping[bytes, bytes]) -> Any:
        """Fill from Redis. Raises `Refused` for anything but the one entry with one text."""
        _check({_text(key): value for key, value in raw_data.items()})
        return super().restore(raw_data)

    def to_dict(self, include_meta: bool = True, include_result: bool = True) -> dict[str, Any]:
        """What is stored. Raises `Refused` as `restore` does, so that no other job can be sent either."""
        stored = super().to_dict(include_meta=include_meta, include_result=include_result)
        _check(stored)
        return stored


def queue(redis: Redis, environment_id: str) -> Queue:
    """The RQ queue of an environment: its name is the environment's id."""
    return Queue(
        environment_id, connection=redis, job_class=WakeupJob, serializer=JSONSerializer, default_timeout=-1
    )


class Wakeups:
    """The controller's side of the queues. Methods raise `redis.RedisError` when Redis is gone. Thread-safe."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def send(
        self, environment_id: str, execution: str, attempt_number: int, delivery: int, envelope: str
    ) -> None:
        """Put one wake-up at the end of the environment's queue. Sending it again is harmless."""
        target = queue(self._redis, environment_id)
        job = WakeupJob.create(
            func=ENTRY,
            args=(envelope,),
            id=f"{environment_id}-{execution}-{attempt_number}-{delivery}",
            connection=self._redis,
            serializer=JSONSerializer,
            description=f"attempt {attempt_number} of execution {execution}",
            timeout=-1,
            result_ttl=0,
            failure_ttl=FAILURE_TTL,
            ttl=MESSAGE_LIFE,
        )
        target.enqueue_job(job)

    def queued(self, environment_id: str) -> set[Wakeup]:
        """The wake-ups that an agent would get. Entries whose message has expired are taken out on the way."""
        target = queue(self._redis, environment_id)
        ids = dict.fromkeys(target.get_job_ids())
        with self._redis.pipeline(transaction=False) as pipeline:
            for job_id in ids:
                pipeline.exists(WakeupJob.key_for(job_id))
            there = dict(zip(ids, pipeline.execute(), strict=True)) if ids else {}
        for job_id, present in there.items():
            if not present:
                target.remove(job_id)
        found = (_ID.match(job_id) for job_id, present in there.items() if present)
        return {(m["execution"], int(m["attempt"]), int(m["delivery"])) for m in found if m}

    def withdraw(self, environment_id: str) -> None:
        """Take out every wake-up that waits: nobody is to start anything now. What is unclaimed can be sent again."""
        queue(self._redis, environment_id).empty()  # type: ignore[no-untyped-call]  # RQ says no types here

    def depth(self, environment_id: str) -> int:
        """How many wake-ups are in the queue."""
        return queue(self._redis, environment_id).count


def _check(stored: Mapping[str, Any]) -> None:
    set_fields = [name for name in _FORBIDDEN if stored.get(name)]
    if set_fields:
        raise Refused(f"a wake-up may not carry {', '.join(set_fields)}")
    match _payload(stored.get("data", b"")):
        case [str(entry), None, [str()], {**rest}] if entry == ENTRY and not rest:
            return
        case [str(entry), *_] if entry != ENTRY:
            raise Refused(f"a wake-up may only name {ENTRY}, not {entry[:80]!r}")
        case _:
            raise Refused(f"a wake-up holds {ENTRY} with one text, and nothing else")


def _payload(data: bytes) -> Any:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(data, MAX_ENVELOPE)
    except zlib.error as error:
        raise Refused("a wake-up's content is not compressed text") from error
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise Refused(f"a wake-up's content is larger than {MAX_ENVELOPE} bytes")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused("a wake-up's content is not JSON") from error


def _text(key: bytes | str) -> str:
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else key
