"""What may start next in a pipeline: tables, and properties over random graphs and interleavings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.pipeline import Node, OnError, Progress, final_nodes, progress
from schemas.states import FINAL_NODE, NodeState

C, Q, S, OK, ERR, STOPPED, SKIP = (
    NodeState.CREATED,
    NodeState.QUEUED,
    NodeState.STARTED,
    NodeState.COMPLETE,
    NodeState.ERROR,
    NodeState.STOPPED,
    NodeState.SKIPPED,
)
LINE = [("a", "b"), ("b", "c")]


def nodes(*states: NodeState, on_error: OnError = OnError.STOP_ALL) -> list[Node]:
    return [Node(name, state, on_error) for name, state in zip("abcdefgh", states, strict=False)]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((C, C, C), Progress(start=("a",))),
        ((Q, C, C), Progress()),
        ((OK, C, C), Progress(start=("b",))),
        ((OK, OK, OK), Progress(end="complete")),
        ((ERR, C, C), Progress(skip=(("b", "a failed"), ("c", "a failed")))),
        ((ERR, SKIP, SKIP), Progress(end="error")),
        ((STOPPED, SKIP, SKIP), Progress(end="stopped")),
    ],
)
def test_a_line_of_three(states: tuple[NodeState, ...], expected: Progress) -> None:
    assert progress(nodes(*states), LINE) == expected


def test_stop_all_stops_what_runs_beside_the_failure() -> None:
    assert progress(nodes(ERR, S, C), [("a", "c")]) == Progress(stop=("b",), skip=(("c", "a failed"),))


def test_stop_next_leaves_the_other_branch_alone() -> None:
    found = progress(nodes(ERR, C, C, on_error=OnError.STOP_NEXT), [("a", "c")])
    assert found == Progress(start=("b",), skip=(("c", "a is error"),))


def test_continue_runs_what_comes_after_as_if_it_had_succeeded() -> None:
    assert progress(nodes(ERR, C, on_error=OnError.CONTINUE), [("a", "b")]).start == ("b",)
    assert progress(nodes(ERR, OK, on_error=OnError.CONTINUE), [("a", "b")]).end == "complete"


def test_final_nodes_are_those_that_no_edge_leaves() -> None:
    assert final_nodes(["a", "b", "c"], [("a", "b"), ("a", "c")]) == ["b", "c"]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, str]], list[OnError]]:
    names = list("abcdef")[: draw(st.integers(1, 6))]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return names, edges, [draw(st.sampled_from(OnError)) for _ in names]


@given(graphs(), st.data())
def test_every_interleaving_ends_and_nothing_starts_twice(
    graph: tuple[list[str], list[tuple[str, str]], list[OnError]], data: st.DataObject
) -> None:
    names, edges, manners = graph
    states = dict.fromkeys(names, C)
    started: list[str] = []
    for _ in range(100):
        found = progress([Node(n, states[n], m) for n, m in zip(names, manners, strict=True)], edges)
        for name in found.start:
            states[name] = Q
            started.append(name)
        for name, _reason in found.skip:
            states[name] = SKIP
        for name in found.stop:
            states[name] = STOPPED
        again = progress([Node(n, states[n], m) for n, m in zip(names, manners, strict=True)], edges)
        assert not set(again.start) & set(started)
        if found.end is not None:
            assert all(states[name] in FINAL_NODE for name in names)
            break
        live = [name for name in names if states[name] in (Q, S)]
        if live:
            states[data.draw(st.sampled_from(live))] = data.draw(st.sampled_from([OK, ERR]))
    else:
        pytest.fail("the pipeline never ended")
    assert len(started) == len(set(started))


@given(graphs())
def test_a_failure_reaches_exactly_what_lies_downstream(
    graph: tuple[list[str], list[tuple[str, str]], list[OnError]],
) -> None:
    names, edges, _ = graph
    states = {name: ERR if name == "a" else C for name in names}
    downstream = {"a"}
    for source, target in edges:  # edges go forward in the alphabet only, and come in no order
        downstream |= {target} if source in downstream else set()
    for _ in names:
        downstream |= {target for source, target in edges if source in downstream}
    for _ in range(20):
        found = progress([Node(n, states[n], OnError.STOP_NEXT) for n in names], edges)
        states |= dict.fromkeys(found.start, OK) | dict.fromkeys(dict(found.skip), SKIP)
    assert {name for name, state in states.items() if state is SKIP} == downstream - {"a"}
