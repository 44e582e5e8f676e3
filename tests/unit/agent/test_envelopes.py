"""Which messages an agent acts upon."""

from dataclasses import replace

import pytest
from redis import Redis

from queues.wakeups import Wakeups
from schemas.messages.claim import Order
from schemas.signing import SigningKey
from tests.builders import agent_jobs
from tests.builders.agent_house import AgentHouse, connected
from tests.builders.agent_web import AgentWeb
from tests.parts.process import until


def send(redis: Redis, envelope: str, number: int) -> None:
    Wakeups(redis).send(agent_jobs.ENVIRONMENT, "11111111-1111-4111-8111-111111111111", number, 1, envelope)


def test_only_a_message_that_is_signed_for_it_and_in_time_moves_an_agent(
    house: AgentHouse, web: AgentWeb
) -> None:
    good, data = agent_jobs.job("true")
    web.add(good, data)
    text = agent_jobs.sealed(good, house.key)
    bad = [
        agent_jobs.sealed(good, SigningKey.generate()),
        text.replace("train", "tr4in"),
        agent_jobs.sealed(replace(good, environment="ffffffffffff"), house.key),
        agent_jobs.sealed(replace(good, expires="2001-01-01T00:00:00.000000+00:00"), house.key),
        agent_jobs.sealed(replace(good, version=99), house.key),
        house.key.sign(b'{"not": "a job"}'),
        "no envelope at all",
    ]
    with connected(house.redis_url) as redis, house.agent():
        for number, envelope in enumerate(bad):
            send(redis, envelope, number)
        assert house.run("true").outcome == "complete"  # behind all of them in the queue
    assert not [call for call in web.calls if good.attempt in call]
    assert web.held[good.attempt].state == "waiting"


@pytest.mark.parametrize("broken", ["", "{", "{}"])
def test_folders_that_are_broken_are_left_alone_and_the_agent_works(house: AgentHouse, broken: str) -> None:
    strange = house.folder / "attempts" / "strange"
    strange.mkdir(parents=True)
    (strange / "job.json").write_text(broken)
    (strange / "state.json").write_text(broken)
    with house.agent():
        assert house.run("true").outcome == "complete"
    assert strange.exists()


def test_a_draining_agent_takes_nothing_until_it_may_again(house: AgentHouse, web: AgentWeb) -> None:
    web.drain = True
    with house.agent():
        until(lambda: bool(web.renewed) and web.renewed[-1].free_slots == 0)
        held = house.send("true")
        seen = len(web.renewed)
        until(lambda: len(web.renewed) > seen + 2)
        assert held.state == "waiting"
        web.drain = False
        assert house.result(held).outcome == "complete"


def test_a_renewal_says_what_the_agent_holds(house: AgentHouse, web: AgentWeb) -> None:
    with house.agent():
        held = house.send("echo up", "sleep 600")
        until(lambda: bool(web.renewed) and web.renewed[-1].attempts == (held.job.attempt,))
        told = web.renewed[-1]
        assert (told.free_slots, told.slots, told.runtime) == (3, 4, "scripted (nothing really runs)")
        assert told.host
        held.order = Order.STOP
        house.result(held)
        until(lambda: web.renewed[-1].attempts == ())
