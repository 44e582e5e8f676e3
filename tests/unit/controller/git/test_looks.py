"""Looks side by side: each answers for itself, and one that hangs keeps nobody waiting."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from controller.git.looks import AT_ONCE, UNTAKEN, Looks

PATIENT, IMPATIENT = 60.0, 0.05


def said(looks: Looks[str]) -> dict[str, str | None]:
    """All answers of one round by name: what a look said, or the error's words."""
    found = [answer for answers in looks.answers() for answer in answers]
    assert len({answer.name for answer in found}) == len(found)
    return {a.name: a.value if a.error is None else str(a.error) for a in found}


class Hanging:
    """A look that waits until it is let go."""

    def __init__(self, value: str, begun: threading.Semaphore) -> None:
        self.begun = begun
        self.free = threading.Event()
        self.value = value

    def __call__(self) -> str:
        self.begun.release()
        assert self.free.wait(60)
        return self.value


@contextmanager
def hanging(*values: str) -> Iterator[list[Hanging]]:
    begun = threading.Semaphore(0)
    made = [Hanging(value, begun) for value in values]
    try:
        yield made
    finally:
        for one in made:
            one.free.set()


def test_each_answers_for_itself() -> None:
    looks: Looks[str] = Looks(PATIENT)
    assert said(looks) == {}

    def broken() -> str:
        raise ValueError("broken")

    for number in range(200):
        looks.ask(f"good {number}", f"lane {number % 7}", 3, partial(str, number))
    looks.ask("bad", "lane 1", 3, broken)
    assert said(looks) == {f"good {n}": str(n) for n in range(200)} | {"bad": "broken"}
    assert said(looks) == {}


def test_no_more_go_on_in_a_lane_than_it_is_wide() -> None:
    looks: Looks[str] = Looks(PATIENT)
    lock, now, most = threading.Lock(), 0, 0
    both = threading.Barrier(2)

    def look() -> str:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        both.wait(60)  # two have to be there at once
        with lock:
            now -= 1
        return ""

    for number in range(20):
        looks.ask(str(number), "lane", 2, look)
    assert len(said(looks)) == 20
    assert most == 2


def test_answers_that_nobody_takes_do_not_pile_up() -> None:
    looks: Looks[str] = Looks(PATIENT)
    begun = threading.Semaphore(0)

    def look() -> str:
        begun.release()
        return "seen"

    for number in range(2 * UNTAKEN):
        looks.ask(f"look {number}", f"lane {number % 20}", 2, look)
    count = 0
    while begun.acquire(timeout=0.3):
        count += 1
    assert count < UNTAKEN + AT_ONCE
    assert len(said(looks)) == 2 * UNTAKEN


def test_time_that_is_spent_on_answers_is_no_waiting() -> None:
    looks: Looks[str] = Looks(1.0)
    for number in range(2 * UNTAKEN):
        looks.ask(f"look {number}", "lane", 2, partial(str, number))
    count = 0
    for answers in looks.answers():
        threading.Event().wait(0.5 if count else 1.2)
        count += len(answers)
    assert count == 2 * UNTAKEN


def test_one_that_hangs_is_not_waited_for_and_answers_later() -> None:
    heard = threading.Event()
    looks: Looks[str] = Looks(IMPATIENT, heard.set)
    with hanging("one") as [one]:
        looks.ask("hangs", "slow", 1, one)
        assert one.begun.acquire(timeout=60)
        assert said(looks) == {}
        looks.patience = PATIENT
        # Its lane has room for others, and is not waited for.
        looks.ask("after it", "slow", 1, lambda: "done")
        looks.ask("elsewhere", "quick", 1, lambda: "done")
        looks.ask("hangs", "slow", 1, lambda: "doubled")
        found = said(looks)
        assert found["elsewhere"] == "done"
        assert "hangs" not in found
        heard.clear()
        one.free.set()
        assert heard.wait(60)
    found |= said(looks)
    assert found == {"hangs": "one", "after it": "done", "elsewhere": "done"}


def test_a_lane_of_those_that_hang_keeps_no_other_from_working() -> None:
    looks: Looks[str] = Looks(IMPATIENT)
    with hanging(*[""] * 40) as many:
        for number, one in enumerate(many):
            looks.ask(f"hangs {number}", "slow", 4, one)
        begun = many[0].begun
        assert all(begun.acquire(timeout=60) for _ in range(4))
        looks.patience = 0  # all that run are stuck now, and as many more may run in their place
        assert said(looks) == {}
        assert all(begun.acquire(timeout=60) for _ in range(4))
        assert said(looks) == {}
        assert not begun.acquire(blocking=False)
        looks.patience = PATIENT
        for number in range(100):
            looks.ask(f"works {number}", f"lane {number % 3}", 4, lambda: "done")
        assert len(said(looks)) == 100


def test_what_was_asked_for_again_meanwhile_is_looked_at_again() -> None:
    looks: Looks[str] = Looks(IMPATIENT)
    with hanging("before", "after") as [before, after]:
        looks.ask("it", "lane", 1, before)
        assert before.begun.acquire(timeout=60)
        looks.ask("it", "lane", 1, after, again=True)
        assert not before.begun.acquire(blocking=False)
        looks.patience = PATIENT
        before.free.set()
        after.free.set()
        found = [answer.value for answers in looks.answers() for answer in answers]
        assert found == ["before", "after"]


@pytest.mark.parametrize("again", [False, True])
def test_one_that_waits_for_its_turn_is_not_doubled(again: bool) -> None:
    looks: Looks[str] = Looks(PATIENT)
    with hanging("first") as [first]:
        looks.ask("first", "lane", 1, first)
        looks.ask("second", "lane", 1, lambda: "once")
        looks.ask("second", "lane", 1, lambda: "twice", again)
        first.free.set()
        assert said(looks) == {"first": "first", "second": "once"}


def test_a_lane_that_is_in_time_again_is_waited_for_again() -> None:
    looks: Looks[str] = Looks(IMPATIENT)
    heard = threading.Event()
    looks.on_late = heard.set
    with hanging("late") as [late]:
        looks.ask("it", "lane", 1, late)
        assert late.begun.acquire(timeout=60)
        assert said(looks) == {}
        late.free.set()
        assert heard.wait(60)
    assert said(looks) == {"it": "late"}
    looks.patience = PATIENT
    heard.clear()
    looks.ask("it", "lane", 1, lambda: "in time")
    assert heard.wait(60)
    found = said(looks)
    looks.ask("it", "lane", 1, lambda: "waited for")
    found |= said(looks)
    assert found == {"it": "waited for"}
