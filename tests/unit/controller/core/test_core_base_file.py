"""The file at the merge base counts together with the head's: what runs, and what is judged."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core import base_file, triggers
from controller.core.base_file import (
    changes,
    expectations,
    held_to,
    of_rule,
    on_pull_request,
    taken_away,
    words,
)
from controller.core.events import PullRequest
from controller.core.gate import Base, judge_each, together
from controller.core.triggers import FORK, Answer, Decision, Kept
from schemas.expectations import parse_expectation
from schemas.repo_config import PushRule, Target, Trigger, When

A, B = "a" * 40, "b" * 40
EVENT = PullRequest(7, B, "main", A)
FORKED = replace(EVENT, fork=True)
CHANGED = frozenset({"train.py"})
ASKED = When(pull_request_targets=("main",))
TRAIN = Trigger("train", ASKED, Target("step", "train"), expect=(parse_expectation("accuracy >= 0.9"),))
FILTERED = replace(TRAIN, paths=("docs",))
ELSEWHERE = replace(TRAIN, when=When(pull_request_targets=("other",)))
PUSHED = replace(TRAIN, when=When(push=PushRule()))


def decide(
    head: Trigger, base: Trigger, event: PullRequest = EVENT, message: str = "", approved: bool = False
) -> Decision:
    return on_pull_request([head], [base], A, event, message, CHANGED, approved)[0]


@pytest.mark.parametrize("head", [TRAIN, FILTERED, ELSEWHERE, PUSHED])
def test_what_the_base_starts_runs_whatever_the_head_filters(head: Trigger) -> None:
    decision = decide(head, TRAIN)
    assert decision.answer is Answer.FIRES
    assert decision.trigger is head
    assert (decision.reason == "main asks for it, which this change takes away") is (head is not TRAIN)
    assert (decision.kept is not None and decision.kept.asks) is (head is not TRAIN)


@pytest.mark.parametrize(
    ("head", "base", "answer", "reason"),
    [
        (FILTERED, FILTERED, Answer.SKIPPED, "not affected"),
        (TRAIN, FILTERED, Answer.FIRES, ""),
        (TRAIN, PUSHED, Answer.FIRES, ""),
        (ELSEWHERE, FILTERED, Answer.SKIPPED, "not affected"),
        (FILTERED, ELSEWHERE, Answer.SKIPPED, "not affected"),
        (ELSEWHERE, PUSHED, Answer.SILENT, "not declared"),
    ],
)
def test_what_the_base_does_not_start_is_as_the_head_says(
    head: Trigger, base: Trigger, answer: Answer, reason: str
) -> None:
    decision = decide(head, base)
    assert (decision.answer, decision.reason[: len(reason)]) == (answer, reason)
    assert decision.kept is None


@pytest.mark.parametrize(
    ("head", "base", "held"),
    [
        (TRAIN, TRAIN, True),
        (FILTERED, TRAIN, True),
        (PUSHED, TRAIN, True),
        (TRAIN, FILTERED, True),
        (FILTERED, FILTERED, False),
        (PUSHED, FILTERED, False),
        # Only the fork's own file leaves it out: that is no reason.
        (FILTERED, PUSHED, True),
    ],
)
def test_a_fork_waits_unless_the_bases_file_leaves_the_trigger_out(
    head: Trigger, base: Trigger, held: bool
) -> None:
    decision = decide(head, base, FORKED)
    assert decision.answer is Answer.SKIPPED
    assert (decision.reason == FORK) is held


def test_a_fork_does_not_skip_its_own_check_by_a_word() -> None:
    assert decide(TRAIN, TRAIN, FORKED, "[skip ci]").reason == FORK
    skipped = decide(TRAIN, TRAIN, FORKED, "[skip ci]", approved=True)
    assert skipped.reason == "skipped by [skip ci] in the commit message"
    assert decide(FILTERED, TRAIN, FORKED, approved=True).answer is Answer.FIRES


def test_a_held_check_knows_what_the_commit_weakens() -> None:
    kept = decide(replace(PUSHED, expect=(), required=False), TRAIN, FORKED).kept
    assert kept == Kept("main", A, True, ("accuracy >= 0.9",), False, True)
    assert of_rule(triggers.rule(TRAIN, kept)) == (kept,)
    [sentence] = words("train", [kept])
    says = "`main` starts this run; it expects `accuracy >= 0.9`; it requires that it passes"
    assert sentence == f"This commit weakens the gate of `train`: {says}. The commit's own file does not"


def test_new_and_removed_triggers_are_not_touched() -> None:
    assert on_pull_request([TRAIN], [], A, EVENT, "", CHANGED) == [Decision(TRAIN, Answer.FIRES)]
    assert on_pull_request([], [TRAIN], A, EVENT, "", CHANGED) == []
    [held] = held_to([Decision(replace(TRAIN, expect=()), Answer.FIRES)], [TRAIN], "main", A)
    assert held.kept == Kept("main", A, False, ("accuracy >= 0.9",))
    assert held_to([Decision(TRAIN, Answer.FIRES)], [], "main", A) == [Decision(TRAIN, Answer.FIRES)]


@pytest.mark.parametrize(
    ("head", "base", "stays"),
    [
        ("accuracy >= 0.9", "accuracy >= 0.9", True),
        ("accuracy >= 0.95", "accuracy >= 0.9", True),
        ("accuracy > 0.9", "accuracy >= 0.9", True),
        ("accuracy >= 0.9", "accuracy > 0.9", False),
        ("accuracy > 0.9", "accuracy > 0.9", True),
        ("accuracy >= 0.1", "accuracy >= 0.9", False),
        ("accuracy <= 0.9", "accuracy >= 0.9", False),
        ("test.accuracy >= 0.9", "accuracy >= 0.9", False),
        ("loss <= 0.1", "loss < 1/2", True),
        ("loss <= 1", "loss < 1/2", False),
        ("accuracy >= base", "accuracy >= base - 0.01", True),
        ("accuracy >= base - 0.005", "accuracy >= base - 0.01", True),
        ("accuracy >= base - 0.02", "accuracy >= base - 0.01", False),
        ("accuracy >= base.f1 + 1", "accuracy >= base - 0.01", False),
        ("accuracy >= base * 2", "accuracy >= base - 0.01", False),
        ("accuracy >= base * 0.99", "accuracy >= base * 0.99", True),
        ("accuracy != 0.9", "accuracy >= 0.9", False),
    ],
)
def test_only_what_is_equal_or_surely_stricter_keeps_an_expectation(
    head: str, base: str, stays: bool
) -> None:
    found = taken_away(
        replace(TRAIN, expect=(parse_expectation(head),)), replace(TRAIN, expect=(parse_expectation(base),))
    )
    assert found == ([] if stays else [parse_expectation(base)])


@pytest.mark.parametrize(
    ("head", "base", "stays"),
    [
        # As a file has it, and the node that it is about: a step's is about none, a pipeline's about its final one.
        (("accuracy >= 0.9", "train2"), ("accuracy >= 0.9", None), True),
        (("accuracy >= 0.9", None), ("accuracy >= 0.9", "train"), True),
        (("accuracy >= 0.9", "fit"), ("accuracy >= 0.9", "evaluate"), True),
        (("evaluate.accuracy >= 0.9", "evaluate"), ("accuracy >= 0.9", "evaluate"), True),
        (("fit.accuracy >= 0.9", "fit"), ("accuracy >= 0.9", "evaluate"), False),
        (("accuracy >= 0.9", "evaluate"), ("evaluate.accuracy >= 0.9", "evaluate"), False),
        (("fit.accuracy >= 0.9", "fit"), ("evaluate.accuracy >= 0.9", "evaluate"), False),
        (("train2.accuracy >= 0.9", None), ("train.accuracy >= 0.9", None), True),
    ],
)
def test_without_a_node_it_is_the_same_whatever_the_trigger_runs(
    head: tuple[str, str | None], base: tuple[str, str | None], stays: bool
) -> None:
    mine, theirs = (replace(parse_expectation(text), node=node) for text, node in (head, base))
    found = taken_away(
        replace(TRAIN, target=Target("pipeline", "whole"), expect=(mine,)), replace(TRAIN, expect=(theirs,))
    )
    assert found == ([] if stays else [theirs])


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Target("step", "train2"), "`train2` instead of `train`"),
        (Target("pipeline", "whole"), "the pipeline `whole` instead of the step `train`"),
        (Target("task", "train"), "the task `train` instead of the step `train`"),
        (Target("step", "train", environment="big"), ""),
    ],
)
def test_another_target_is_said_and_is_no_weaker_gate(target: Target, said: str) -> None:
    decision = decide(replace(TRAIN, target=target), TRAIN)
    rule = triggers.rule(decision.trigger, decision.kept)
    assert changes("train", rule) == ([f"This change makes `train` run {said}"] if said else [])
    assert words("train", of_rule(rule)) == []
    assert of_rule(rule) == ((decision.kept,) if said else ())


@pytest.mark.parametrize(
    ("ran", "target", "node", "metric"),
    [
        ("", Target("step", "train"), None, "test.accuracy"),
        ("step train", Target("pipeline", "whole"), None, "test.accuracy"),
        ("task test", Target("step", "train"), None, "accuracy"),
        ("pipeline whole", Target("step", "train"), "test", "accuracy"),
        ("", Target("pipeline", "whole"), "test", "accuracy"),
    ],
)
def test_what_is_kept_is_read_as_by_the_bases_own_target(
    ran: str, target: Target, node: str | None, metric: str
) -> None:
    [found] = expectations(Kept("main", A, expect=("test.accuracy >= 0.9",), ran=ran), target)
    assert (found.node, found.metric) == (node, metric)


def test_a_base_that_is_required_no_more_is_taken_away() -> None:
    expect = (parse_expectation("accuracy >= base"), parse_expectation("accuracy >= 0.9"))
    base = replace(TRAIN, expect=expect, base_required=True)
    assert taken_away(replace(base, base_required=False), base) == [expect[0]]
    assert taken_away(base, replace(base, base_required=False)) == []


def test_a_gate_that_held_nothing_up_may_change_where_it_begins_to() -> None:
    optional = replace(TRAIN, required=False)
    assert taken_away(replace(TRAIN, expect=()), optional) == []
    assert taken_away(replace(optional, expect=()), optional) == list(TRAIN.expect)
    assert decide(replace(TRAIN, expect=()), optional).kept is None


def test_a_node_that_is_no_more_fails_by_its_name() -> None:
    gone = parse_expectation("evaluate.accuracy >= 0.9")
    found = judge_each([(gone, {"train": {"accuracy": 1}}, None)], "train", base_required=False, by="main")
    assert not found.passed
    assert found.summary == (
        "there is no node evaluate any more (evaluate.accuracy >= 0.9), as main expects, and this change does not"
    )


# No change of the head's file alone turns a failing gate of the base into a passing check.

METRICS = st.sampled_from(["accuracy", "loss"])
NODES = st.sampled_from(["", "", "train.", "evaluate."])
RIGHTS = st.sampled_from(
    ["0.5", "0.9", "1/2", "base", "base - 0.1", "base + 0.1", "base.loss", "2 * base", "0/1"]
)
EXPECTED = st.builds(
    lambda node, metric, operator, right: parse_expectation(f"{node}{metric} {operator} {right}"),
    NODES,
    METRICS,
    st.sampled_from([">=", ">", "<=", "<", "==", "!="]),
    RIGHTS,
)
FILES = st.builds(
    Trigger,
    st.just("train"),
    st.builds(
        When,
        push=st.sampled_from([None, PushRule()]),
        pull_request_targets=st.sampled_from([None, (), ("main",), ("*",), ("other",)]),
    ),
    st.sampled_from([Target("step", "train"), Target("step", "train2"), Target("pipeline", "whole")]),
    paths=st.sampled_from([(), ("docs",), ("*.py",), ("*", "!train.py")]),
    expect=st.lists(EXPECTED, max_size=3).map(tuple),
    base_required=st.booleans(),
    required=st.booleans(),
)
VALUES = st.dictionaries(METRICS, st.sampled_from([0.4, 0.5, 0.6, 0.9, 1.0, "nan"]))
NODES_SEEN = st.dictionaries(st.sampled_from(["train", "evaluate"]), VALUES)


def passes(decision: Decision, values: dict[str, dict[str, object]], before: Base | None) -> bool:
    """Whether the check of a decision passes, by the steps of `running.gates` and of `asking`."""
    if decision.answer is not Answer.FIRES:
        return decision.answer is Answer.SKIPPED and decision.reason != FORK
    trigger = decision.trigger
    # What printed as `train` prints the same numbers by any other name.
    final = trigger.target.name
    values = {final if node == "train" else node: said for node, said in values.items()}
    gates = [judge_each([(each, values, before) for each in trigger.expect], final, trigger.base_required)]
    kept = of_rule(triggers.rule(trigger, decision.kept))
    for one in kept:
        questions = [(parse_expectation(each), values, before) for each in one.expect]
        gates.append(judge_each(questions, final, one.base_required, one.branch))
    required = trigger.required or any(one.required for one in kept)
    return together(gates).passed or not required


CHANGES = st.sets(st.sampled_from(["when", "paths", "target", "expect", "base_required", "required"]))
GATES = st.builds(
    replace, FILES, when=st.just(ASKED), expect=st.lists(EXPECTED, min_size=1, max_size=2).map(tuple)
)


@settings(max_examples=500, deadline=None)
@given(
    other=FILES,
    base=GATES | FILES,
    changes=CHANGES,
    values=NODES_SEEN,
    before=st.none() | NODES_SEEN.map(lambda found: Base(A, found, "train")),
    fork=st.booleans(),
    approved=st.booleans(),
)
def test_no_change_of_the_heads_file_turns_a_failing_gate_into_a_passing_check(
    other: Trigger,
    base: Trigger,
    changes: set[str],
    values: dict[str, dict[str, object]],
    before: Base | None,
    fork: bool,
    approved: bool,
) -> None:
    event = replace(EVENT, fork=fork)
    head = replace(base, **{name: getattr(other, name) for name in changes})
    unchanged = decide(base, base, event, approved=approved)
    if unchanged.answer is Answer.SILENT or passes(unchanged, values, before):
        return
    assert not passes(decide(head, base, event, approved=approved), values, before)


@given(base=FILES)
def test_an_unchanged_file_is_held_to_nothing_more(base: Trigger) -> None:
    decision = base_file.on_pull_request([base], [base], A, EVENT, "", CHANGED)[0]
    assert decision == triggers.on_pull_request([base], EVENT, "", CHANGED)[0]
