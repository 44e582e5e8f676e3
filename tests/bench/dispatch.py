"""From wake-up to claim, with signatures, leases and bookkeeping on, against RQ's own SimpleWorker from enqueue to body."""

import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import select

from controller.attempts import dispatch, results
from ledger.tables import attempts
from tests.bench.frame import Row
from tests.builders.house import PACE, House, house
from tests.parts.process import until

TIMES = 60
WARM = 5
QUEUE, BODY = "bench", "bench:body"


def rows() -> list[Row]:
    """One row: both use the same Valkey, in turns."""
    with (
        tempfile.TemporaryDirectory(prefix="luotsi-bench-") as folder,
        house(Path(folder), {"kind": "scripted"}, controller=False) as made,
    ):
        url = made.opened.redis_url()
        worker = multiprocessing.get_context("spawn").Process(target=_work, args=(url,), daemon=True)
        worker.start()
        redis = Redis.from_url(url)
        queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
        pairs = [(_ours(made), _theirs(redis, queue)) for _ in range(WARM + TIMES)][WARM:]
        worker.terminate()
        worker.join()
    return [
        Row(
            "dispatch, wake-up to claim",
            [pair[0] for pair in pairs],
            "RQ SimpleWorker, enqueue to body",
            [pair[1] for pair in pairs],
            most=3,
        )
    ]


def _ours(made: House) -> float:
    """Milliseconds from the moment before the wake-up is signed and sent to the claim's time in the ledger."""
    created = made.create("none")
    began = made.ports.ledger.now()
    dispatch.dispatch(made.ports)
    until(lambda: _claimed(made, created.id), pace=PACE)
    # The execution ends before the next wake-up, so that that one finds an idle agent too.
    until(lambda: results.collect(made.ports), pace=PACE)
    return float(1000 * (_claimed(made, created.id) - began).total_seconds())


def _claimed(made: House, execution_id: str) -> Any:
    with made.ports.ledger.read() as connection:
        return connection.execute(
            select(attempts.c.claimed_at).where(attempts.c.execution_id == execution_id)
        ).scalar()


def _theirs(redis: "Redis", queue: Queue) -> float:
    began = time.time()
    queue.enqueue("tests.bench.dispatch.body", began, result_ttl=0)
    answer = redis.blpop([BODY], timeout=30)
    assert answer is not None
    return float(answer[1])


def body(began: float) -> None:
    """What the SimpleWorker runs: says how long ago it was asked for, in milliseconds."""
    from rq import get_current_job

    job = get_current_job()
    assert job is not None
    elapsed = 1000 * (time.time() - began)
    job.connection.rpush(BODY, str(elapsed))


def _work(url: str) -> None:
    worker = SimpleWorker([QUEUE], connection=Redis.from_url(url), serializer=JSONSerializer)
    worker.work(logging_level="ERROR")
