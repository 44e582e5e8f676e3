"""What is not known before anything has run stays unknown wherever a pipeline hands it on, and nothing is refused for it."""

from datetime import UTC, datetime

import pytest

from controller.core.events import Push
from controller.core.foresee import Work, World, foresee
from schemas.commands import StandIn, checked, entries, values_for
from schemas.errors import ConfigError
from schemas.parse_config import parse_config
from schemas.values import RefName, Sha

WORLD = World(created=datetime(2030, 1, 1, 12, tzinfo=UTC))
PUSH = Push(RefName("refs/heads/main"), "main", Sha("a" * 40), None)

STEPS = """\
- step: {name: make, image: a, command: make}
- step:
    name: use
    image: a
    command: use {parameters}
    parameters:
      - {name: p, type: integer, default: 1, max: 9, pass-as: "-p {v:03d}"}
      - {name: many, type: integer, multiple: repeat, optional: true}
      - {name: loud, type: flag}
      - {name: from, type: string, default: "s3://b/x"}
    inputs: [{name: data, default: "{parameter:from}"}]
"""


def works(nodes: str, edges: str, steps: str = STEPS) -> dict[str, Work]:
    text = (
        f"{steps}- pipeline: {{name: p, nodes: [{nodes}], edges: [{edges}]}}\n"
        "- trigger: {name: t, when: {push: {}}, run: {pipeline: p}}\n"
    )
    judged = parse_config(text.encode())
    assert judged.triggers, [str(problem) for problem in judged.problems]
    [found] = foresee(judged, PUSH, WORLD)
    return {work.name: work for work in found.works}


def node(name: str, what: str = "type: execution, step: use") -> str:
    return f"{{name: {name}, {what}}}"


MADE = node("a", "type: execution, step: make")


def test_a_value_that_two_edges_hand_on_stays_unknown() -> None:
    edges = "[a.metadata.v, b.parameter.p], [b.parameter.p, c.parameter.p], [c.parameter.p, d.parameter.many]"
    found = works(f"{MADE}, {node('b')}, {node('c')}, {node('d')}", edges)
    assert [work.problem for work in found.values()] == [""] * 4
    assert found["b"].commands == ("use -p '<a.metadata.v>' --from=s3://b/x",)
    assert found["c"].parameters["p"] == "<a.metadata.v>"
    assert found["d"].parameters["many"] == ["<a.metadata.v>"]


def test_it_goes_through_a_task_and_out_of_a_parameter_that_takes_several() -> None:
    edges = (
        "[a.metadata.v, b.parameter.many], [b.parameter.many, c.parameter.p], [c.parameter.p, d.parameter.p]"
    )
    found = works(f"{MADE}, {node('b')}, {node('c', 'type: task, step: use')}, {node('d')}", edges)
    assert [work.problem for work in found.values()] == [""] * 4
    assert found["d"].parameters["p"] == "<a.metadata.v>"


def test_an_unknown_flag_and_an_unknown_address_are_shown_by_their_names() -> None:
    found = works(
        f"{MADE}, {node('b')}", "[a.metadata.f, b.parameter.loud], [a.metadata.url, b.parameter.from]"
    )
    assert found["b"].problem == ""
    assert found["b"].commands == ("use -p 001 '--loud=<a.metadata.f>' '--from=<a.metadata.url>'",)
    assert [source.text for source in found["b"].inputs["data"]] == ["<a.metadata.url>"]


def test_what_a_broken_node_would_have_handed_on_is_unknown() -> None:
    broken = node("a", "type: execution, step: use, override: {parameters: [{name: p, default: 10}]}")
    found = works(
        f"{broken}, {node('b')}, {node('c')}",
        "[a.parameter.p, b.parameter.p], [b.parameter.p, c.parameter.p]",
    )
    assert "10 is greater than" in found["a"].problem
    assert (found["b"].problem, found["c"].parameters["p"]) == ("", "<a.parameter.p>")


@pytest.mark.parametrize(("name", "value"), [("p", "<text>"), ("p", [StandIn("<x>"), 2]), ("many", "<x>")])
def test_only_a_stand_in_escapes_the_checks(name: str, value: object) -> None:
    step = parse_config(STEPS.encode()).valohai.steps["use"]
    with pytest.raises(ConfigError, match=r"not an integer|Only a single value"):
        checked(step.parameters[name], value)


def test_a_stand_in_is_no_command_line_option_of_its_own() -> None:
    step = parse_config(STEPS.encode()).valohai.steps["use"]
    values = values_for(step, {"p": StandIn("<a; b>"), "many": [1, StandIn("<c>")]})
    assert entries(step, values) == ("use -p '<a; b>' --many=1 '--many=<c>' --from=s3://b/x",)


GRID = """\
- task: {name: grid, step: use, type: grid_search, parameters: [{name: p, style: multiple, rules: {items: [1, 2]}}]}
- task:
    name: search
    step: use
    type: bayesian_tpe
    execution-count: 9
    optimization-target-metric: m
    parameters: [{name: p, style: linear, rules: {start: 1, end: 9, step: 1}}]
"""


@pytest.mark.parametrize("source", ["metadata.m", "parameter.p"])
def test_a_task_leaves_a_list_which_one_value_cannot_take(source: str) -> None:
    nodes = ", ".join(
        [
            node("t", "type: task, task: grid"),
            node("best", "type: task, task: search"),
            node("one"),
            node("all"),
            node("fan", "type: task, step: use"),
            node("top"),
        ]
    )
    edges = (
        f"[t.{source}, one.parameter.p], [t.{source}, all.parameter.many], [t.{source}, fan.parameter.p],"
        f" [best.{source}, top.parameter.p]"
    )
    found = works(nodes, edges, STEPS + GRID)
    assert found["one"].problem.startswith(
        f"t.{source} brings a list of 2 values, and one.parameter.p takes a single one"
    )
    assert found["all"].parameters["many"] == [f"<t.{source}[0]>", f"<t.{source}[1]>"]
    assert (found["fan"].children and found["fan"].children.count) == 2
    assert (found["top"].problem, found["top"].parameters["p"]) == ("", f"<best.{source}>")
