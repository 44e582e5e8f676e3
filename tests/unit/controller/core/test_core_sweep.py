"""What a task does next: tables for the rules, and properties over any interleaving of its children's results."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.tasks.sweep import AT_ONCE, Child, best, ending, progress, rank_of, words
from schemas.expectations import parse_expectation
from schemas.states import ExecutionState, TaskState

S = ExecutionState
ACCURACY = {"metric": "accuracy", "goal": "max", "value": None}


def plan(known: int = 3, **values: Any) -> dict[str, Any]:
    return {
        "sets": [{"lr": place / 10} for place in range(known)],
        "names": ["lr"],
        "count": known,
        "batch": None,
        "limit": None,
        "target": None,
        "on_child_error": "continue-and-error",
        "stop_condition": None,
        "rank": ACCURACY,
        "ending": None,
        **values,
    }


def child(place: int, state: ExecutionState, accuracy: object = None) -> Child:
    metadata = {} if accuracy is None else {"accuracy": accuracy}
    return Child(place, state, place + 30, f"id-{place}", "exit code 1", metadata, {"lr": place / 10})


@pytest.mark.parametrize(
    ("children", "limit", "start"),
    [
        ([], None, (0, 1, 2)),
        ([], 2, (0, 1)),
        ([child(0, S.QUEUED), child(1, S.STARTED)], 2, ()),
        ([child(0, S.COMPLETE), child(1, S.STARTED)], 2, (2,)),
        ([child(2, S.COMPLETE)], None, (0, 1)),
        ([child(0, S.ERROR), child(1, S.STOPPING)], 2, (2,)),
    ],
)
def test_children_start_up_to_the_limit(
    children: list[Child], limit: int | None, start: tuple[int, ...]
) -> None:
    assert progress(plan(limit=limit), children).start == start


def test_a_turn_starts_so_many_and_the_next_one_goes_on() -> None:
    first = progress(plan(200), [])
    assert first.start == tuple(range(AT_ONCE))
    queued = [child(place, S.QUEUED) for place in first.start]
    assert progress(plan(200), queued).start == tuple(range(AT_ONCE, 2 * AT_ONCE))


@pytest.mark.parametrize(
    ("on_child_error", "states", "end"),
    [
        ("continue-and-error", [S.COMPLETE, S.COMPLETE, S.COMPLETE], TaskState.COMPLETE),
        ("continue-and-error", [S.COMPLETE, S.ERROR, S.COMPLETE], TaskState.ERROR),
        ("continue-and-error", [S.COMPLETE, S.ERROR, S.STARTED], None),
        ("continue-and-error", [S.COMPLETE, S.COMPLETE, S.STOPPED], TaskState.ERROR),
        ("continue-and-complete", [S.CRASHED, S.ERROR, S.STOPPED], TaskState.COMPLETE),
        ("stop-all-and-error", [S.CRASHED, S.COMPLETE, S.STOPPED], TaskState.ERROR),
        ("stop-all-and-error", [S.ERROR, S.STARTED, S.QUEUED], None),
    ],
)
def test_the_end_is_what_on_child_error_says(
    on_child_error: str, states: list[ExecutionState], end: TaskState | None
) -> None:
    children = [child(place, state) for place, state in enumerate(states)]
    assert progress(plan(on_child_error=on_child_error), children).end is end


def test_stop_all_stops_the_others_and_starts_none() -> None:
    children = [child(0, S.ERROR), child(1, S.STARTED), child(2, S.STOPPING)]
    turn = progress(plan(5, on_child_error="stop-all-and-error"), children)
    assert (turn.start, [each.place for each in turn.stop], turn.end) == ((), [1], None)
    assert turn.ending == ending("error", "#30 with lr 0 failed: exit code 1")


def test_a_condition_ends_the_whole_task_as_complete() -> None:
    children = [child(0, S.STARTED, 0.5), child(1, S.STARTED, 0.99)]
    turn = progress(plan(9, stop_condition="accuracy > 0.9"), children)
    assert turn.ending == ending("complete", "stopped by its condition, accuracy > 0.9, at #31")
    assert [each.place for each in turn.stop] == [0, 1]
    stopped = [replace(each, state=S.STOPPED) for each in children]
    ended = plan(9, ending=turn.ending)
    assert progress(ended, stopped).end is TaskState.COMPLETE
    assert best(ended, stopped) == stopped[1]
    by_parameter = progress(plan(9, stop_condition="parameter.lr >= 0.1"), children)
    assert by_parameter.ending is not None


def test_a_bayesian_task_asks_when_its_round_is_over_and_not_before() -> None:
    half = plan(4, count=8, batch=4)
    assert not progress(half, [child(place, S.COMPLETE) for place in range(3)]).ask
    assert not progress(half, [child(place, S.STARTED) for place in range(4)]).ask
    assert progress(half, [child(place, S.COMPLETE) for place in range(4)]).ask
    assert progress(plan(0, count=8, batch=4), []).ask


@pytest.mark.parametrize(
    ("rank", "place"),
    [
        (ACCURACY, 1),
        ({"metric": "accuracy", "goal": "min", "value": None}, 0),
        ({"metric": "accuracy", "goal": "near", "value": 0.6}, 4),
        ({"metric": "loss", "goal": "min", "value": None}, None),
        (None, None),
    ],
)
def test_the_best_child_is_a_complete_one_with_a_number(rank: Any, place: int | None) -> None:
    children = [
        child(0, S.COMPLETE, 0.2), child(1, S.COMPLETE, "0.9"), child(2, S.COMPLETE, 0.9), child(3, S.ERROR, 1.0),
        child(4, S.COMPLETE, 0.5), child(5, S.COMPLETE, float("nan")), child(6, S.STOPPED, 1.0),
    ]  # fmt: skip
    found = best(plan(7, rank=rank), children)
    assert (found.place if found else None) == place


def test_an_expectation_says_which_way_is_better() -> None:
    goals = [rank_of(parse_expectation(f"loss {sign} 1")) for sign in (">=", ">", "<=", "<", "==", "!=")]
    assert [goal and goal["goal"] for goal in goals] == ["max", "max", "min", "min", None, None]


def test_the_sentence() -> None:
    children = [child(0, S.COMPLETE, 0.91), child(1, S.COMPLETE, 0.93), child(2, S.ERROR)]
    assert words("!2 sweep", plan(), children, final=True) == (
        "!2 sweep: 2 of 3 complete, 1 failed, best #31 accuracy 0.93 with lr 0.1"
    )
    going = [child(0, S.COMPLETE, 0.91), child(1, S.STARTED, 0.99), child(2, S.QUEUED)]
    assert words("!2 sweep", plan(12), going, final=False) == (
        "!2 sweep: 1 of 12 complete, 1 running, 1 queued, best so far #30 accuracy 0.91 with lr 0"
    )


RESULTS = st.sampled_from([S.COMPLETE, S.COMPLETE, S.ERROR, S.CRASHED, S.STOPPED])


@settings(max_examples=200, deadline=None)
@given(
    count=st.integers(1, 12),
    limit=st.none() | st.integers(1, 4),
    batch=st.none() | st.integers(1, 5),
    on_child_error=st.sampled_from(["continue-and-complete", "continue-and-error", "stop-all-and-error"]),
    condition=st.sampled_from([None, "accuracy > 0.8"]),
    data=st.data(),
)
def test_any_interleaving_ends_and_starts_nothing_twice(
    count: int,
    limit: int | None,
    batch: int | None,
    on_child_error: str,
    condition: str | None,
    data: st.DataObject,
) -> None:
    made = plan(count, limit=limit, on_child_error=on_child_error, stop_condition=condition)
    if batch is not None:
        made |= {"sets": [], "batch": batch}
    children: dict[int, Child] = {}
    stopped_at: int | None = None
    turn = progress(made, [])
    for step in range(20 * count):
        turn = progress(made, list(children.values()))
        if turn.ask:
            assert not any(each.open for each in children.values())
            asked = min(made["batch"], count - len(made["sets"]))
            made = {**made, "sets": made["sets"] + [{"lr": 0.5}] * asked}
            turn = progress(made, list(children.values()))
        if turn.ending is not None:
            made = {**made, "ending": turn.ending}
            stopped_at = len(children) if stopped_at is None else stopped_at
        for place in turn.start:
            assert place not in children, "started twice"
            children[place] = child(place, S.QUEUED)
        for each in turn.stop:
            children[each.place] = replace(each, state=S.STOPPING)
        live = [each for each in children.values() if each.open]
        assert limit is None or len(live) <= limit
        assert stopped_at is None or len(children) == stopped_at, "started after it was to end"
        if turn.end is not None:
            break
        again = progress(made, list(children.values()))
        assert (again.start, again.stop, again.ask) == ((), (), False) or len(turn.start) == AT_ONCE
        assert live, f"nothing runs and nothing ends after {step} steps"
        one = data.draw(st.sampled_from(sorted(live, key=lambda each: each.place)))
        accuracy = data.draw(st.sampled_from([None, 0.1, 0.9]))
        state = data.draw(RESULTS | st.just(S.STARTED)) if one.state is S.QUEUED else data.draw(RESULTS)
        children[one.place] = replace(
            one, state=state, metadata={} if accuracy is None else {"accuracy": accuracy}
        )
    assert turn.end is not None
    assert not any(each.open for each in children.values())
    assert made["ending"] is not None or sorted(children) == list(range(count)), "ended with work left"
