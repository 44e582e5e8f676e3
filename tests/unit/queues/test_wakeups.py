"""Wake-ups: what is sent is what is taken, and nothing else than the one entry ever passes."""

import json
import pickle
import zlib
from typing import Any

import pytest
from redis import Redis
from rq import Callback, Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from queues.wakeups import ENTRY, MESSAGE_LIFE, WakeupJob, Wakeups
from schemas.errors import Refused

ENVIRONMENT = "0123456789ab"
EXECUTION = "11111111-1111-4111-8111-111111111111"


def test_a_sent_wakeup_is_queued_once_however_often_it_is_sent(redis: Redis) -> None:
    wakeups = Wakeups(redis)
    wakeups.send(ENVIRONMENT, EXECUTION, 1, 1, "text")
    wakeups.send(ENVIRONMENT, EXECUTION, 1, 1, "text")
    wakeups.send(ENVIRONMENT, EXECUTION, 1, 2, "text")
    assert wakeups.queued(ENVIRONMENT) == {(EXECUTION, 1, 1), (EXECUTION, 1, 2)}
    assert wakeups.depth(ENVIRONMENT) == 3


def test_environments_do_not_see_each_other(redis: Redis) -> None:
    wakeups = Wakeups(redis)
    wakeups.send(ENVIRONMENT, EXECUTION, 1, 1, "text")
    assert wakeups.queued("ffffffffffff") == set()
    assert wakeups.depth("ffffffffffff") == 0


def test_rq_itself_reads_the_job_that_the_design_asks_for(redis: Redis) -> None:
    Wakeups(redis).send(ENVIRONMENT, EXECUTION, 3, 4, "the envelope")
    job_id = f"{ENVIRONMENT}-{EXECUTION}-3-4"
    job = Job.fetch(job_id, connection=redis, serializer=JSONSerializer)
    assert (job.func_name, job.args, job.kwargs) == (ENTRY, ["the envelope"], {})
    assert (job.timeout, job.result_ttl, job.retries_left) == (-1, 0, None)
    assert 0 < redis.ttl(job.key) <= MESSAGE_LIFE


def test_an_entry_whose_message_has_expired_is_neither_queued_nor_kept(redis: Redis) -> None:
    wakeups = Wakeups(redis)
    wakeups.send(ENVIRONMENT, EXECUTION, 1, 1, "text")
    redis.delete(WakeupJob.key_for(f"{ENVIRONMENT}-{EXECUTION}-1-1"))
    assert wakeups.queued(ENVIRONMENT) == set()
    assert wakeups.depth(ENVIRONMENT) == 0


def test_an_entry_that_is_no_wakeup_of_ours_is_not_counted(redis: Redis) -> None:
    Queue(ENVIRONMENT, connection=redis, serializer=JSONSerializer).enqueue("os.getpid", job_id="other")
    assert Wakeups(redis).queued(ENVIRONMENT) == set()


@pytest.mark.parametrize(
    "extra",
    [
        {"on_success": Callback("os.getpid")},
        {"on_failure": Callback("os.getpid")},
        {"on_stopped": Callback("os.getpid")},
        {"depends_on": "another-job"},
        {"group_id": "group"},
        {"meta": {"a": 1}},
    ],
    ids=lambda extra: next(iter(extra)),
)
def test_a_job_that_carries_more_is_refused_when_written_and_when_read(
    redis: Redis, extra: dict[str, Any]
) -> None:
    job = Job.create(ENTRY, ("text",), id="x", connection=redis, serializer=JSONSerializer, **extra)
    job.save()
    with pytest.raises(Refused, match="may not carry"):
        WakeupJob.fetch("x", connection=redis, serializer=JSONSerializer)
    with pytest.raises(Refused, match="may not carry"):
        WakeupJob.create(ENTRY, ("text",), connection=redis, serializer=JSONSerializer, **extra).save()


@pytest.mark.parametrize("field", ["retries_left", "repeats_left", "rate_limit_key", "webhooks", "result"])
def test_a_field_that_someone_writes_into_redis_is_refused(redis: Redis, field: str) -> None:
    Wakeups(redis).send(ENVIRONMENT, EXECUTION, 1, 1, "text")
    job_id = f"{ENVIRONMENT}-{EXECUTION}-1-1"
    redis.hset(WakeupJob.key_for(job_id), field, "1")
    with pytest.raises(Refused, match=field):
        WakeupJob.fetch(job_id, connection=redis, serializer=JSONSerializer)


@pytest.mark.parametrize(
    "data",
    [
        zlib.compress(pickle.dumps((ENTRY, None, ("text",), {}))),
        zlib.compress(json.dumps(["os.system", None, ["true"], {}]).encode()),
        zlib.compress(json.dumps([ENTRY, "instance", ["text"], {}]).encode()),
        zlib.compress(json.dumps([ENTRY, None, ["text"], {"shell": True}]).encode()),
        zlib.compress(json.dumps([ENTRY, None, ["text", "more"], {}]).encode()),
        zlib.compress(json.dumps([ENTRY, None, [1], {}]).encode()),
        zlib.compress(json.dumps({"entry": ENTRY}).encode()),
        zlib.compress(b"[" * 100_000),
        zlib.compress(b" " * 50_000_000),
        json.dumps([ENTRY, None, ["text"], {}]).encode(),
        pickle.dumps((ENTRY, None, ("text",), {})),
        b"",
    ],
    ids=["pickle", "function", "instance", "keywords", "two", "number", "object", "deep", "bomb", "plain", "raw", "empty"],
)  # fmt: skip
def test_any_other_content_is_refused(redis: Redis, data: bytes) -> None:
    redis.hset(WakeupJob.key_for("x"), mapping={"data": data})
    with pytest.raises(Refused):
        WakeupJob.fetch("x", connection=redis, serializer=JSONSerializer)


def test_nothing_that_a_message_names_is_ever_resolved(redis: Redis) -> None:
    Wakeups(redis).send(ENVIRONMENT, EXECUTION, 1, 1, "text")
    job = WakeupJob.fetch(f"{ENVIRONMENT}-{EXECUTION}-1-1", connection=redis, serializer=JSONSerializer)
    with pytest.raises(Refused):
        job.perform()
