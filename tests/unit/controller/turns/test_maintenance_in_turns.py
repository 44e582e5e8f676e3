"""Maintenance: what comes in is kept and judged, nothing new starts, people read why, and all of it runs afterwards."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from ledger import registry
from ledger.registry import PromotionRow
from queues.wakeups import Wakeups
from schemas.states import ExecutionState, PromotionState, RunState
from tests.builders.mind import ENVIRONMENT, Mind, built_digest
from tests.builders.served import served
from tests.parts.redis_server import RedisServer

WHY = "the cluster moves"

HOURLY = """
- trigger:
    name: hourly
    when: { schedule: { cron: "0 * * * *" } }
    run: { step: train }
"""
CONFIG = served("wine", "model.json") + HOURLY


class Resting(Mind):
    """A mind with a Redis, whose maintenance begins and ends as its settings change."""

    def __init__(self, folder: Path, address: str) -> None:
        super().__init__(folder)
        redis = Redis.from_url(address)
        redis.flushdb()
        self.ports = replace(self.ports, redis=redis, wakeups=Wakeups(redis))

    def rest(self, why: str) -> None:
        self.ports = replace(self.ports, settings=replace(self.ports.settings, maintenance=why))
        self.turns()

    def woken(self) -> int:
        return len(self.ports.wakeups.queued(ENVIRONMENT))

    def promotion(self) -> PromotionRow:
        with self.ports.ledger.read() as connection:
            return registry.promotions_of(connection, self.repository_id())[-1]

    def serve_until_done(self) -> None:
        """The agent does all there is, as long as there is something."""
        while waiting := self.waiting():
            self.now += timedelta(seconds=10)
            self.finish(waiting[0], outputs={} if waiting[0].kind == "build" else {"model.json": b"{}"})


@pytest.fixture
def mind(tmp_path: Path, redis_server: RedisServer) -> Iterator[Resting]:
    made = Resting(tmp_path, redis_server.address)
    made.push(CONFIG)
    made.serve_until_done()
    yield made
    made.ports.redis.close()


def test_a_day_of_events_waits_and_then_runs(mind: Resting) -> None:
    before = len(mind.runs())
    mind.rest(WHY)
    shas = []
    for hour in range(24):
        mind.now += timedelta(hours=1)
        shas.append(mind.push(CONFIG, **{"n.txt": str(hour)}))
    assert all(mind.notes(sha)["luotsi/config"].startswith("success: ") for sha in shas), "all are judged"
    runs = mind.runs()[before:]
    assert {run.trigger for run in runs} == {"train", "hourly"}
    assert len([run for run in runs if run.trigger == "train"]) == 24
    assert len([run for run in runs if run.trigger == "hourly"]) == 24
    assert all(row.state is ExecutionState.QUEUED for row in mind.waiting())
    assert {row.reason for row in mind.waiting()} == {f"waiting: maintenance: {WHY}"}
    assert mind.woken() == 0
    assert mind.notes(shas[-1])["luotsi/train"].endswith(f"waits: maintenance: {WHY}")
    mind.rest("")
    mind.now += timedelta(seconds=10)
    mind.turns()
    assert mind.woken() > 0
    mind.serve_until_done()
    assert [run.state for run in mind.runs()[before:]] == [RunState.SUCCESS] * len(runs)


def test_who_was_woken_before_is_not_any_more(mind: Resting) -> None:
    mind.push(CONFIG, **{"train.py": "2"})
    assert mind.woken() == 1
    mind.rest(WHY)
    assert mind.woken() == 0
    mind.rest("")
    mind.now += timedelta(seconds=10)
    mind.turns()
    assert mind.woken() == 1


def test_what_runs_goes_on_and_its_run_ends(mind: Resting) -> None:
    sha = mind.push(CONFIG, **{"train.py": "2"})
    [execution] = mind.waiting()
    mind.claim(execution)
    mind.rest(WHY)
    mind.finish(execution)
    assert mind.notes(sha)["luotsi/train"].startswith("success: ")


def test_without_a_redis_the_reason_is_told_all_the_same(tmp_path: Path) -> None:
    mind = Mind(tmp_path, maintenance=WHY)
    mind.push(CONFIG)
    assert [row.reason for row in mind.waiting()] == [f"waiting: maintenance: {WHY}"]


def test_a_stop_is_heard_meanwhile(mind: Resting) -> None:
    from ledger import attempts

    mind.push(CONFIG, **{"train.py": "2"})
    mind.rest(WHY)
    [execution] = mind.waiting()
    with mind.ports.ledger.write() as connection:
        attempts.ask_to_stop(connection, execution.id, mind.now)
    mind.turns()
    assert mind.waiting() == []


def test_no_promotion_starts_and_none_is_rolled_out(mind: Resting) -> None:
    mind.rest(WHY)
    mind.person.tag("wine@v1.0.0")
    mind.person.tag("wine#prod#1")
    mind.turns()
    assert (mind.promotion().state, mind.promotion().reason) == (
        PromotionState.WAITING,
        f"waiting: maintenance: {WHY}",
    )
    assert mind.waiting() == []
    mind.rest("")
    [build] = mind.waiting()
    mind.claim(build)
    mind.rest(WHY)
    mind.finish(build)
    assert mind.promotion().state is PromotionState.BUILDING
    assert mind.cluster.calls == []
    mind.rest("")
    assert mind.promotion().state is PromotionState.SERVING
    assert mind.promotion().running_digest == built_digest(build.id)


def test_what_serves_is_kept_in_repair(mind: Resting) -> None:
    mind.person.tag("wine@v1.0.0")
    mind.person.tag("wine#prod#1")
    mind.turns()
    mind.serve_until_done()
    [name] = mind.cluster.served
    mind.rest(WHY)
    mind.cluster.dead.add(name)
    mind.turns()
    mind.turns()
    assert name not in mind.cluster.dead
    assert mind.promotion().state is PromotionState.SERVING
