"""A pipeline's graph at its creation, its actions, and the sentences about it."""

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from valohai_yaml.objs.pipelines.node_action import NodeAction

from controller.core.pipelines import actions, graph, pipeline_words
from controller.core.pipelines.pipeline import Halt
from schemas.errors import ConfigError
from schemas.parse_config import parse_config
from schemas.states import NodeState

YAML = """
- step: {name: s, image: x, command: y, parameters: [{name: n, type: integer, default: 1}]}
- task: {name: t, step: s, type: grid-search, parameters: [{name: n, style: multiple, rules: {items: [1, 2]}}]}
- endpoint: {name: serve, image: x, server-command: y}
- pipeline:
    name: p
    reuse-executions: true
    nodes:
      - {name: a, type: execution, step: s, on-error: retry}
      - {name: b, type: task, task: t}
      - {name: d, type: deployment, deployment: shop, endpoints: [serve], on-error: stop-next}
    edges: [[a.dependency.x, b.dependency.x], [a.parameter.n, b.parameter.n], [b.dependency.x, d.dependency.x]]
"""


def pipeline(text: str = YAML) -> Any:
    return parse_config(text.encode()).valohai


def test_the_graph_has_each_pair_once_and_each_node_with_its_step() -> None:
    config = pipeline()
    made = graph.graph_of(config.pipelines["p"], config)
    assert made["edges"] == [["a", "b"], ["b", "d"]]
    assert [(node["name"], node["type"], node["step"], node["on_error"]) for node in made["nodes"]] == [
        ("a", "execution", "s", "retry"),
        ("b", "task", "s", "stop-all"),
        ("d", "deployment", "", "stop-next"),
    ]
    assert made["reuse"] is True
    assert {node["state"] for node in made["nodes"]} == {"created"}


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("{when: node-complete, then: explode}", "wants `explode`"),
        (
            "{when: [node-complete, node-error], then: [noop, require-approval]}",
            "another time than `node-starting`",
        ),
    ],
)
def test_an_action_that_would_be_ignored_is_refused(action: str, words: str) -> None:
    text = YAML.replace("on-error: retry", f"actions: [{action}]")
    with pytest.raises(ConfigError, match=words):
        graph.graph_of(pipeline(text).pipelines["p"])


@pytest.mark.parametrize(
    "action",
    ["{when: node-starting, then: require-approval}", "{when: node-error, then: [noop, stop-pipeline]}"],
)
def test_an_action_that_means_something_is_taken(action: str) -> None:
    assert graph.graph_of(pipeline(YAML.replace("on-error: retry", f"actions: [{action}]")).pipelines["p"])


class Acting:
    """A node with these actions."""

    name = "a"

    def __init__(self, *given: dict[str, Any]) -> None:
        self.actions = [NodeAction.parse(action) for action in given]


STOP = {"when": "node-complete", "then": "stop-pipeline", "if": "metadata.loss > 3"}
FAIL = {"when": ["node-complete", "node-error"], "then": ["noop", "error-pipeline"]}
ASK = {"when": "node-starting", "then": "require-approval", "if": "parameter.size > 1"}


@pytest.mark.parametrize(
    ("node", "when", "metadata", "halt"),
    [
        (Acting(STOP), "node-complete", {"loss": 4}, "stopped"),
        (Acting(STOP), "node-complete", {"loss": 3}, None),
        (Acting(STOP), "node-complete", {}, None),
        (Acting(STOP), "node-error", {"loss": 4}, None),
        (Acting(FAIL), "node-error", {}, "error"),
        (Acting(STOP, FAIL), "node-complete", {"loss": 4}, "stopped"),
        (Acting(STOP, FAIL), "node-complete", {"loss": 1}, "error"),
        (Acting(), "node-complete", {}, None),
    ],
)
def test_the_first_action_that_holds_ends_the_pipeline(
    node: Acting, when: actions.When, metadata: dict[str, Any], halt: str | None
) -> None:
    said = actions.say(node, when, metadata, {})
    assert (said.halt.state if said.halt else None) == halt
    assert not said.approval


def test_approval_is_asked_for_once_and_only_before_a_start() -> None:
    assert actions.say(Acting(ASK), "node-starting", {}, {"size": 2}).approval
    assert not actions.say(Acting(ASK), "node-starting", {}, {"size": 2}, approved=True).approval
    assert not actions.say(Acting(ASK), "node-starting", {}, {"size": 1}).approval
    both = Acting(ASK, {"when": "node-starting", "then": "stop-pipeline"})
    assert actions.say(both, "node-starting", {}, {"size": 2}).halt is not None


def entry(name: str, state: str, on_error: str = "stop-all", **more: Any) -> dict[str, Any]:
    return {"name": name, "state": state, "on_error": on_error, **more}


def test_what_goes_on_is_said() -> None:
    entries = [
        entry("a", "started"),
        entry("b", "queued"),
        entry("c", "started", stopping=True),
        entry("d", "created", waits=True, reason='waits for approval: luotsi approve "=3/d"'),
        entry("e", "created"),
        entry("f", "complete"),
    ]
    tried = {"a": ("#1", 1), "b": ("#2", 2), "c": ("!1", 1)}
    assert pipeline_words.going(entries, tried) == (
        "#1 a is running, #2 b waits for an agent (try 2 of 3), !1 c is being stopped, "
        'd waits for approval: luotsi approve "=3/d"'
    )
    assert pipeline_words.going([entry("e", "created")], {}) == "the next step is being queued"
    many = [entry(f"n{number}", "queued") for number in range(9)]
    assert pipeline_words.going(many, {}).endswith("n5 waits for an agent, 3 more")


def test_an_approval_is_a_command_that_a_shell_takes() -> None:
    assert pipeline_words.approval(3, "deploy") == 'waits for approval: luotsi approve "=3/deploy"'
    assert pipeline_words.approval(3, "to shop") == 'waits for approval: luotsi approve "=3/to shop"'
    for name in ('x"; id; "', "$(id)", "it's `id`", "a!b", "a\\"):
        assert shlex.split(pipeline_words.command(3, name)) == ["luotsi", "approve", f"=3/{name}"]
    assert pipeline_words.command(3, "$(id)") == "luotsi approve '=3/$(id)'"


def test_why_it_ended_names_nodes_and_reasons() -> None:
    failed = [
        entry("a", "error", reason="exit code 3", tries=3, on_error="retry"),
        entry("b", "error", "continue", reason="tolerated"),
        entry("c", "stopped"),
    ]
    assert pipeline_words.ended(failed, None) == "a failed 3 times: exit code 3"
    assert pipeline_words.ended(failed, None, {"a": "#7"}) == "#7 a failed 3 times: exit code 3"
    assert pipeline_words.ended(failed[1:], None) == "c was stopped"
    assert (
        pipeline_words.ended(failed[1:], Halt("stopped", "stopped on request of ada"))
        == "stopped on request of ada"
    )
    assert (
        pipeline_words.ended(failed, Halt("error", "x says so")) == "a failed 3 times: exit code 3; x says so"
    )


@given(
    st.lists(
        st.tuples(st.sampled_from(NodeState), st.sampled_from(["stop-all", "continue", "retry"])), max_size=9
    ),
    st.booleans(),
)
def test_there_is_always_a_sentence(states: list[tuple[NodeState, str]], halted: bool) -> None:
    entries = [entry(f"n{place}", state.value, manner) for place, (state, manner) in enumerate(states)]
    assert pipeline_words.going(entries, {})
    halt = Halt("stopped", "so it was said") if halted else None
    broken = any(state in ("error", "stopped") and manner != "continue" for state, manner in states)
    assert bool(pipeline_words.ended(entries, halt)) == (broken or halted)
