"""Tasks with more executions than one may have: refused where a trigger would start so many, and never where the plan takes them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.events import Push
from controller.core.foresee import World, foresee
from schemas import moments
from schemas.checks import amounts
from schemas.parse_config import parse_config
from schemas.values import RefName, Sha
from tests.unit.schemas.test_parse_config_official import expect_one, said

STEP = "- step: {name: s, image: i, command: 'c {parameters}', parameters: [{name: a, type: float, default: 1}, {name: b, type: float, default: 1}]}\n"
RUN = "- trigger: {name: t, when: {push: }, run: {task: big}}\n"


def task(parameters: str, rest: str = "") -> str:
    return f"{STEP}- task: {{name: big, step: s, {rest}§parameters: [{parameters}]}}\n"


def linear(name: str, end: float, step: float = 1, more: str = "") -> str:
    return f"{{name: {name}, style: linear, rules: {{start: 1, end: {end}, step: {step}{more}}}}}"


TOO_MANY = [
    (task(linear("a", 10_000_001)), "10,000,001 executions"),
    (task(f"{linear('a', 40)}, {linear('b', 26)}"), "1,040 executions"),
    (task(linear("a", 1001), "type: manual_search, "), "1,001 executions"),
    (task(linear("a", 2000), "type: random_search, execution-count: 3, "), "2,000 values of one parameter"),
    (task("{name: a, style: logspace, rules: {start: 1, end: 2, count: 1001}}"), "1,001 executions"),
]


@pytest.mark.parametrize(("text", "words"), TOO_MANY, ids=[case[1] for case in TOO_MANY])
def test_more_than_a_task_may_have(text: str, words: str) -> None:
    expect_one(text, "warning", f"these would be {words}", "at most 1,000")
    text = text.replace("§", "")
    used = parse_config((text + RUN).encode())
    assert f"task `big` would have {words}" in said(used)[-1], said(used)
    assert not used.triggers
    assert used.unusable[0].name == "t"
    fewer = RUN.replace("task: big", "task: big, parameters: {a: 3}")
    assert parse_config((text + fewer).encode()).triggers, "the trigger gives it one value"


def test_a_count_that_nobody_can_change_is_wrong_in_the_task() -> None:
    text = task(linear("a", 3), "type: random_search, execution-count: §5000, ").replace("§p", "p")
    config = expect_one(text, "warning", "these are 5,000 executions", "at most 1,000")
    assert config.ok
    used = parse_config((text.replace("§", "") + RUN).encode())
    assert [one.severity for one in used.problems] == ["error"]


def test_a_node_counts_unless_something_gives_it_values() -> None:
    text = task(f"{linear('a', 40)}, {linear('b', 26)}").replace("§", "")
    run = RUN.replace("task: big", "pipeline: p")
    pipe = "- pipeline: {{name: p, nodes: [{{name: n, type: task, task: big{}}}], edges: []{}}}\n"
    found = said(parse_config((text + pipe.format("", "") + run).encode()))
    assert "task `big` of node `n` would have 1,040 executions" in found[-1]
    for filled in (
        pipe.format(", override: {parameters: [{name: b, default: 2}]}", ""),
        pipe.format("", ", parameters: [{name: x, default: 3, targets: [n.parameters.a]}]"),
    ):
        assert parse_config((text + filled + run).encode()).triggers


def test_a_triggers_list_counts() -> None:
    text = task(linear("a", 3)).replace("§", "")
    for count, is_started in ((333, True), (334, False)):
        run = RUN.replace("task: big", f"task: big, parameters: {{b: {list(range(count))}}}")
        assert bool(parse_config((text + run).encode()).triggers) is is_started


SENSELESS = [
    (task(linear("a", 3, 0).replace("step: 0", "step: §0")), "in steps of 0", "how far"),
    (task(f"{linear('a', 3)}, {linear('§a', 4)}"), "`a` is given twice in `parameters`", "Remove one"),
]


@pytest.mark.parametrize(("text", "message", "hint"), SENSELESS, ids=[case[1] for case in SENSELESS])
def test_what_is_senseless_is_a_warning(text: str, message: str, hint: str) -> None:
    expect_one(text.replace("§parameters", "parameters"), "warning", message, hint)


numbers = st.sampled_from([0, 1, 2, 3, 10, 0.1, 0.25, -1, 31, 1000, 1001])
items = st.lists(st.sampled_from([1, 2, 3, "1", "1.0", "x", True, 2.4, 2.6]), min_size=1, max_size=6)
flags = st.fixed_dictionaries({}, optional={"integerify": st.booleans(), "numberify": st.booleans()})
rules = st.one_of(
    st.tuples(st.just("linear"), st.fixed_dictionaries({"start": numbers, "end": numbers, "step": numbers})),
    st.tuples(st.just("multiple"), st.fixed_dictionaries({"items": items})),
    st.tuples(
        st.just("logspace"),
        st.fixed_dictionaries(
            {"start": st.integers(0, 2), "end": st.integers(0, 2), "count": st.integers(1, 40)}
        ),
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(rules, flags), min_size=1, max_size=2),
    st.sampled_from(["grid_search", "manual_search"]),
)
def test_what_the_plan_takes_is_never_refused(
    drawn: list[tuple[tuple[str, dict[str, Any]], dict[str, Any]]], kind: str
) -> None:
    named = [
        {"name": name, "style": style, "rules": {**rule, **more}}
        for name, ((style, rule), more) in zip("ab", drawn, strict=False)
    ]
    text = f"{STEP}- task: {{name: big, step: s, type: {kind}, parameters: {json.dumps(named)}}}\n{RUN}"
    config = parse_config(text.encode())
    if any("would have" in one.message for one in config.problems):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(amounts, "MOST", 10**12)
            config = parse_config(text.encode())
        event = Push(RefName("refs/heads/main"), "main", Sha("1" * 40), None)
        world = World(created=moments.now(), message="", changed=None, default_branch="main")
        [found] = foresee(config, event, world)
        assert not found.ok, found
