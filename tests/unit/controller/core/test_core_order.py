"""Which waiting attempts are woken: never more than can start, never one that is in the queue or on its way."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from controller.core.order import Candidate, Send, to_send

NOW = datetime(2030, 1, 2, tzinfo=UTC)
PATIENCE = timedelta(seconds=3)


def candidate(number: int, sent: float | None = None, delivery: int = 0) -> Candidate:
    sent_at = None if sent is None else NOW - timedelta(seconds=sent)
    return Candidate(f"a{number}", f"e{number}", 1, "env", delivery, sent_at)


def test_the_free_slots_and_one_more_are_filled_in_order() -> None:
    waiting = [candidate(number) for number in range(5)]
    assert to_send(waiting, {}, {"env": 1}, NOW, PATIENCE) == [Send("a0", "env", 1), Send("a1", "env", 1)]


def test_what_is_queued_takes_its_place_and_is_not_sent_again() -> None:
    queued = {"env": frozenset({("e0", 1)})}
    assert to_send([candidate(0, sent=99, delivery=1)], queued, {"env": 5}, NOW, PATIENCE) == []
    assert to_send([candidate(0), candidate(1), candidate(2)], queued, {"env": 1}, NOW, PATIENCE) == [
        Send("a1", "env", 1)
    ]


def test_a_wake_up_that_was_lost_is_sent_again_under_the_next_number() -> None:
    assert to_send([candidate(0, sent=4, delivery=1)], {}, {"env": 1}, NOW, PATIENCE) == [
        Send("a0", "env", 2)
    ]


def test_a_wake_up_on_its_way_to_the_claim_is_not_sent_twice_and_keeps_its_place() -> None:
    waiting = [candidate(0, sent=1, delivery=1), candidate(1)]
    assert to_send(waiting, {}, {}, NOW, PATIENCE) == []


def test_without_any_agent_one_wake_up_waits_for_the_first() -> None:
    assert to_send([candidate(0), candidate(1)], {}, {}, NOW, PATIENCE) == [Send("a0", "env", 1)]


@given(st.lists(st.none() | st.floats(0, 10), max_size=12), st.integers(0, 5), st.data())
def test_sending_and_asking_again_sends_nothing_more(
    sent: list[float | None], free: int, data: st.DataObject
) -> None:
    waiting = [candidate(number, when) for number, when in enumerate(sent)]
    in_queue = data.draw(st.sets(st.sampled_from([c.execution for c in waiting]))) if waiting else set()
    queued = frozenset((execution, 1) for execution in in_queue)
    sends = to_send(waiting, {"env": queued}, {"env": free}, NOW, PATIENCE)
    after = queued | {(f"e{send.attempt[1:]}", 1) for send in sends}
    assert to_send(waiting, {"env": after}, {"env": free}, NOW, PATIENCE) == []
    assert len(sends) <= max(0, free + 1 - len(queued))
