"""What may start next in a pipeline: tables, and properties over random graphs and interleavings."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.pipelines.pipeline import (
    RETRIES,
    Halt,
    Node,
    OnError,
    Progress,
    final_nodes,
    metric_nodes,
    progress,
)
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
Edges = list[tuple[str, str]]


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
        ((STOPPED, C, C), Progress(skip=(("b", "a was stopped"), ("c", "a was stopped")))),
        ((ERR, SKIP, SKIP), Progress(end="error")),
        ((STOPPED, SKIP, SKIP), Progress(end="stopped")),
    ],
)
def test_a_line_of_three(states: tuple[NodeState, ...], expected: Progress) -> None:
    assert progress(nodes(*states), LINE) == expected


def test_stop_all_stops_what_runs_beside_the_failure() -> None:
    assert progress(nodes(ERR, S, C), [("a", "c")]) == Progress(stop=("b",), skip=(("c", "a failed"),))


def test_what_was_asked_to_stop_is_not_asked_again() -> None:
    asked = [Node("a", ERR), Node("b", S, stopping=True)]
    assert progress(asked, []) == Progress()
    assert progress([Node("a", ERR), Node("b", STOPPED, stopping=True)], []) == Progress(end="error")


def test_stop_next_leaves_the_other_branch_alone() -> None:
    found = progress(nodes(ERR, C, C, C, on_error=OnError.STOP_NEXT), [("a", "c"), ("c", "d")])
    assert found == Progress(start=("b",), skip=(("c", "a failed"), ("d", "a failed")))


def test_continue_runs_what_comes_after_as_if_it_had_succeeded() -> None:
    assert progress(nodes(ERR, C, on_error=OnError.CONTINUE), [("a", "b")]).start == ("b",)
    assert progress(nodes(STOPPED, C, on_error=OnError.CONTINUE), [("a", "b")]).start == ("b",)
    assert progress(nodes(ERR, OK, on_error=OnError.CONTINUE), [("a", "b")]).end == "complete"


def test_retry_tries_three_times_and_then_stops_all() -> None:
    def tried(times: int, state: NodeState = ERR, hopeless: bool = False) -> Progress:
        failed = Node("a", state, OnError.RETRY, tries=times, hopeless=hopeless)
        return progress([failed, Node("b", C), Node("c", S)], [("a", "b")])

    assert [tried(times).retry for times in (1, 2)] == [("a",), ("a",)]
    given_up = Progress(stop=("c",), skip=(("b", "a failed"),))
    assert tried(RETRIES) == given_up
    assert tried(1, hopeless=True) == given_up, "what cannot be planned is not tried again"
    assert tried(1, STOPPED).retry == (), "what a person stopped is not tried again"


def test_a_retry_is_not_begun_when_all_is_over_anyway() -> None:
    found = progress([Node("a", ERR, OnError.RETRY), Node("b", ERR)], [])
    assert found == Progress(end="error")


def test_what_waits_for_approval_keeps_the_pipeline_open() -> None:
    held = [Node("a", OK), Node("b", C, held=True), Node("c", C)]
    assert progress(held, LINE) == Progress()
    assert progress([Node("a", OK), Node("b", C), Node("c", C)], LINE).start == ("b",)


@pytest.mark.parametrize("state", ["stopped", "error"])
def test_a_halt_ends_the_pipeline_in_its_own_state(state: str) -> None:
    halt = Halt("stopped" if state == "stopped" else "error", "a said so")
    assert progress(nodes(OK, S, C), LINE, halt) == Progress(stop=("b",), skip=(("c", "a said so"),))
    assert progress(nodes(OK, STOPPED, SKIP), LINE, halt).end == state
    assert progress(nodes(OK, ERR, SKIP), LINE, halt).end == "error"


def test_a_cycle_ends_instead_of_waiting_for_itself() -> None:
    reason = "its nodes wait for each other"
    found = progress(nodes(OK, C, C), [("a", "b"), ("b", "c"), ("c", "b")])
    assert found == Progress(skip=(("b", reason), ("c", reason)))


def test_final_nodes_are_those_that_no_edge_leaves() -> None:
    assert final_nodes(["a", "b", "c"], [("a", "b"), ("a", "c")]) == ["b", "c"]
    kinds = [{"name": "a", "type": "execution"}, {"name": "d", "type": "deployment"}]
    assert metric_nodes({"nodes": kinds, "edges": [["a", "d"]]}) == ["a"]


def test_ten_thousand_nodes_are_decided_at_once_and_not_layer_by_layer() -> None:
    names = [f"n{number}" for number in range(10_000)]
    line = list(pairwise(names))
    fan = [(names[0], name) for name in names[1:]]
    failed = [Node(names[0], ERR, OnError.STOP_NEXT), *(Node(name, C) for name in names[1:])]
    assert len(progress(failed, line).skip) == 9_999
    assert len(progress([Node(names[0], OK), *failed[1:]], fan).start) == 9_999
    counted = _Counted([*line, *fan])
    progress(failed, counted)
    assert counted.read == len(line) + len(fan), "each edge is looked at once"


class _Counted:
    """Edges that count how often one is taken out."""

    def __init__(self, edges: Edges) -> None:
        self.edges = edges
        self.read = 0

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for edge in self.edges:
            self.read += 1
            yield edge


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], Edges, list[OnError]]:
    names = list("abcdef")[: draw(st.integers(1, 6))]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return names, edges, [draw(st.sampled_from(OnError)) for _ in names]


class _World:
    """States that the decision's answers and drawn results change."""

    def __init__(self, names: list[str], edges: Edges, manners: list[OnError]) -> None:
        self.edges = edges
        self.manners = dict(zip(names, manners, strict=True))
        self.states = dict.fromkeys(names, C)
        self.tries: Counter[str] = Counter()
        self.stopping: set[str] = set()
        self.halt: Halt | None = None

    def ask(self) -> Progress:
        known = [
            Node(name, state, self.manners[name], self.tries[name], stopping=name in self.stopping)
            for name, state in self.states.items()
        ]
        return progress(known, self.edges, self.halt)

    def perform(self, found: Progress) -> None:
        for name in (*found.start, *found.retry):
            self.states[name] = Q
            self.tries[name] += 1
        self.states |= {name: SKIP for name, _ in found.skip}
        self.stopping |= set(found.stop)

    def live(self) -> list[str]:
        return [name for name, state in self.states.items() if state in (Q, S)]


@given(graphs(), st.data())
def test_every_interleaving_ends_and_nothing_starts_twice(
    graph: tuple[list[str], Edges, list[OnError]], data: st.DataObject
) -> None:
    world = _World(*graph)
    for _ in range(100):
        found = world.ask()
        assert all(world.states[name] is C and not world.tries[name] for name in found.start)
        assert all(world.states[a] in FINAL_NODE for a, b in world.edges if b in found.start)
        world.perform(found)
        if found.end is None:
            assert world.ask() == Progress() or not world.live(), "performing it leaves nothing to do"
        if found.end is not None:
            break
        if world.live():
            name = data.draw(st.sampled_from(world.live()))
            ends = [OK, ERR, STOPPED] if world.states[name] is S else [S, OK, ERR, STOPPED]
            world.states[name] = data.draw(st.sampled_from(ends))
        if world.halt is None and data.draw(st.integers(0, 9)) == 0:
            world.halt = Halt("stopped", "a person said so")
    else:
        pytest.fail("the pipeline never ended")
    assert all(state in FINAL_NODE for state in world.states.values())
    for name, times in world.tries.items():
        assert times <= (RETRIES if world.manners[name] is OnError.RETRY else 1)


@given(graphs(), st.data())
def test_performing_the_answer_and_asking_again_gives_an_empty_answer(
    graph: tuple[list[str], Edges, list[OnError]], data: st.DataObject
) -> None:
    world = _World(*graph)
    for name in world.states:
        world.states[name] = data.draw(st.sampled_from(NodeState))
        world.tries[name] = data.draw(st.integers(1, RETRIES))
    world.perform(world.ask())
    again = world.ask()
    assert (again.start, again.retry, again.stop, again.skip) == ((), (), (), ())


@given(graphs())
def test_a_failure_reaches_exactly_what_lies_downstream(
    graph: tuple[list[str], Edges, list[OnError]],
) -> None:
    names, edges, _ = graph
    states = {name: ERR if name == "a" else C for name in names}
    downstream = {"a"}
    for _ in names:
        downstream |= {target for source, target in edges if source in downstream}
    for _ in range(20):
        found = progress([Node(n, states[n], OnError.STOP_NEXT) for n in names], edges)
        states |= dict.fromkeys(found.start, OK) | dict.fromkeys(dict(found.skip), SKIP)
    assert {name for name, state in states.items() if state is SKIP} == downstream - {"a"}
    assert all(states[name] is OK for name in names if name not in downstream)


@given(graphs(), st.sampled_from([ERR, STOPPED]))
def test_a_tolerated_failure_reaches_nobody_and_a_fatal_one_everybody(
    graph: tuple[list[str], Edges, list[OnError]], failure: NodeState
) -> None:
    names, edges, _ = graph
    for manner, others in ((OnError.CONTINUE, OK), (OnError.STOP_ALL, SKIP)):
        states = {name: failure if name == "a" else C for name in names}
        for _ in range(20):
            found = progress([Node(n, states[n], manner) for n in names], edges)
            states |= dict.fromkeys(found.start, OK) | dict.fromkeys(dict(found.skip), SKIP)
        assert all(states[name] is others for name in names[1:])
