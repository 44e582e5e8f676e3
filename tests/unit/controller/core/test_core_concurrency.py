"""Concurrency groups: the rules by tables, then over random sequences of arrivals, starts and ends."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.concurrency import LONGEST, Member, arrange, group


def waiting(id: str, replaces: str = "queued", event: str = "") -> Member:
    return Member(id, False, replaces, (event or id, ""))


def running(id: str, replaces: str = "queued", event: str = "") -> Member:
    return Member(id, True, replaces, (event or id, ""))


@pytest.mark.parametrize(
    ("members", "replaced", "held"),
    [
        ([], {}, {}),
        ([waiting("a")], {}, {}),
        ([running("a")], {}, {}),
        ([running("a"), waiting("b")], {}, {"b": "a"}),
        # queued: the newer one takes the place of those that wait, and waits for the one that goes on.
        ([running("a"), waiting("b"), waiting("c")], {"b": "c"}, {"c": "a"}),
        ([waiting("a"), waiting("b"), waiting("c")], {"a": "c", "b": "c"}, {}),
        # all: also of the one that goes on, whose end it waits for.
        ([running("a"), waiting("b"), waiting("c", "all")], {"a": "c", "b": "c"}, {"c": "a"}),
        ([replace(running("a"), ended=True), waiting("b", "all")], {}, {"b": "a"}),
        # none: all in order, one at a time, and each says for whom it waits.
        ([running("a"), waiting("b", "none"), waiting("c", "none")], {}, {"b": "a", "c": "b"}),
        ([waiting("a", "all"), waiting("b", "none")], {}, {"b": "a"}),
        # What one event asks for does not replace each other, whatever it replaces else.
        ([waiting("a", "all", "push"), waiting("b", "all", "push")], {}, {"b": "a"}),
        ([waiting("old"), waiting("a", "queued", "x"), waiting("b", "queued", "x")], {"old": "b"}, {"b": "a"}),
        # One that goes on replaces nobody: it had its turn when it came.
        ([waiting("again"), running("b", "all")], {}, {"again": "b"}),
    ],
)  # fmt: skip
def test_what_becomes_of_a_group(
    members: list[Member], replaced: dict[str, str], held: dict[str, str]
) -> None:
    answer = arrange(members)
    assert (dict(answer.replaced), dict(answer.held)) == (replaced, held)


ARRIVAL = st.tuples(st.just("arrives"), st.sampled_from(["queued", "all", "none"]), st.booleans())
STEP = st.one_of(ARRIVAL, st.just(("ends", "", False)), st.just(("turn", "", False)))


class Group:
    """A group as the ledger would hold it, played with the arrangements alone."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.fate: dict[str, str] = {}
        self.events = 0

    def arrive(self, replaces: str, same_event: bool) -> None:
        self.events += not same_event
        id = str(len(self.fate))
        self.fate[id] = "open"
        self.members.append(Member(id, False, replaces, (str(self.events), "")))

    def turn(self) -> bool:
        answer = arrange(self.members)
        after = []
        for member in self.members:
            if member.id in answer.replaced:
                self.fate[member.id] = "replaced"
                if member.goes_on:
                    after.append(replace(member, ended=True))
            elif member.goes_on or member.id in answer.held:
                after.append(member)
            else:
                after.append(replace(member, goes_on=True))
        changed = after != self.members
        self.members = after
        assert not arrange(self.members).replaced, "asking again replaces nobody"
        return changed

    def end(self) -> None:
        """The one that goes on comes to its end, stopped or not."""
        going = next((member for member in self.members if member.goes_on), None)
        if going is not None:
            self.members.remove(going)
            if self.fate[going.id] == "open":
                self.fate[going.id] = "ran"


@settings(max_examples=400, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_one_goes_on_at_a_time_and_every_run_ends(steps: list[tuple[str, str, bool]]) -> None:
    played = Group()
    for what, replaces, same_event in steps:
        match what:
            case "arrives":
                played.arrive(replaces, same_event and bool(played.fate))
            case "ends":
                played.end()
            case _:
                played.turn()
        assert sum(member.goes_on for member in played.members) <= 1
    for _ in range(2 * len(played.fate) + 1):
        played.turn()
        assert sum(member.goes_on for member in played.members) <= 1
        if not played.members:
            break
        assert any(member.goes_on for member in played.members), "somebody always goes on"
        played.end()
    assert played.members == []
    assert set(played.fate.values()) <= {"ran", "replaced"}
    if played.fate:
        newest = str(len(played.fate) - 1)
        assert played.fate[newest] == "ran", "nothing newer came, so nothing replaced it"


@pytest.mark.parametrize(
    ("template", "number", "name"),
    [
        ("{trigger}/{ref}", None, "train/refs/heads/main"),
        ("pr-{pull-request}", 7, "pr-7"),
        ("pr-{pull-request}", None, "pr-"),
        ("gpu", None, "gpu"),
        ("{trigger}{trigger}", None, "traintrain"),
    ],
)
def test_a_groups_name_is_filled_in(template: str, number: int | None, name: str) -> None:
    assert group(template, "train", "refs/heads/main", number) == name


def test_what_is_filled_in_is_not_read_again_and_fits_the_ledger() -> None:
    assert group("{ref}", "train", "refs/heads/{trigger}", None) == "refs/heads/{trigger}"
    one, other = (group("{ref}", "train", f"refs/heads/{'x' * 480}{end}", None) for end in "ab")
    assert one != other
    assert len(one) == len(other) == LONGEST
