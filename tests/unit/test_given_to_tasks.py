"""What a trigger gives to a task: lint, plan and the making of the task answer alike."""

from datetime import UTC, datetime
from typing import Any

import pytest

from controller.core.events import Push
from controller.core.foresee import Children, World, foresee
from schemas.parse_config import parse_config
from schemas.repo_config import RepoConfig
from schemas.values import RefName, Sha
from tests.builders.marked_yaml import marked

FILE = """\
- step:
    name: train
    image: i
    command: c {parameters}
    parameters:
      - {name: lr, type: float, default: 0.1, max: 1}
      - {name: depth, type: integer, default: 1}
      - {name: layers, type: integer, multiple: repeat, default: [1]}
      - {name: must, type: integer, default: 1}
- task: {name: sweep, step: train, type: grid_search, parameters: [{name: lr, style: multiple, rules: {items: [0.1, 0.2]}}]}
- pipeline:
    name: p
    nodes:
      - {name: make, type: execution, step: train}
      - {name: fan, type: task, step: train}
      - {name: named, type: task, task: sweep}
    edges: [[make.parameter.depth, fan.parameter.depth]]
    parameters:
      - {name: rates, targets: [fan.parameter.lr, named.parameters.lr]}
      - {name: layers, targets: [fan.parameter.layers]}
      - {name: one, targets: [make.parameter.lr, fan.parameter.lr]}
      - {name: deep, targets: [fan.parameter.depth]}
"""


def judged(run: str) -> RepoConfig:
    return parse_config(f"{FILE}- trigger: {{name: t, when: {{push: {{}}}}, run: {{{run}}}}}\n".encode())


def children(run: str) -> dict[str, Children]:
    config = judged(run)
    assert [str(problem) for problem in config.problems] == []
    push = Push(RefName("refs/heads/main"), "main", Sha("a" * 40), None)
    [found] = foresee(config, push, World(created=datetime(2030, 1, 1, tzinfo=UTC)))
    assert found.ok, [work.problem for work in found.works]
    return {work.name: work.children for work in found.works if work.children}


@pytest.mark.parametrize(
    ("given", "sets"),
    [
        ("lr: [0.3, 0.4, 0.9]", [{"lr": 0.3}, {"lr": 0.4}, {"lr": 0.9}]),
        ("lr: 0.5", [{"lr": 0.5}]),
        ("layers: [3, 4]", [{"lr": 0.1}, {"lr": 0.2}]),
        ("lr: 0.5, layers: [[3], [4, 5]]", [{"lr": 0.5, "layers": [3]}, {"lr": 0.5, "layers": [4, 5]}]),
        ("lr: 0.5, depth: [2, 3]", [{"lr": 0.5, "depth": 2}, {"lr": 0.5, "depth": 3}]),
    ],
)
def test_a_list_is_one_value_an_execution(given: str, sets: list[dict[str, Any]]) -> None:
    assert list(children(f"task: sweep, parameters: {{{given}}}")["sweep"].sets) == sets


def test_a_value_that_is_given_wins_over_those_of_sets() -> None:
    sets = "[{lr: 0.1, depth: 1}, {lr: 0.2, depth: 2}]"
    task = f"- task: {{name: sets, step: train, type: manual_search, parameter-sets: {sets}}}\n"
    given = "{lr: 0.7, depth: [5, 6]}"
    trigger = f"- trigger: {{name: t, when: {{push: {{}}}}, run: {{task: sets, parameters: {given}}}}}\n"
    config = parse_config((FILE + task + trigger).encode())
    push = Push(RefName("refs/heads/main"), "main", Sha("a" * 40), None)
    [found] = foresee(config, push, World(created=datetime(2030, 1, 1, tzinfo=UTC)))
    [work] = found.works
    assert work.problem == ""
    assert work.children is not None
    assert work.children.sets == ({"depth": 5}, {"depth": 6})
    assert work.parameters["lr"] == 0.7


def test_so_it_is_through_a_pipelines_parameter() -> None:
    found = children("pipeline: p, parameters: {rates: [0.3, 0.4], layers: [[1], [2]]}")
    assert {name: each.count for name, each in found.items()} == {"fan": 4, "named": 2}
    assert children("pipeline: p, parameters: {deep: [1, none]}")["fan"].count == 1, "the edge is stronger"


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("task: sweep, parameters: {lr: [0.3, §7]}", "parameter `lr`: 7.0 is greater than"),
        ("task: sweep, parameters: {lr: §[]}", "an empty list is no value"),
        ("task: sweep, parameters: {lr: [§[0.1, 0.2], 0.3]}", "Only a single value is allowed"),
        ("task: §sweep, parameters: {lr: null}", "parameter `lr` of step `train` has no value"),
        ("task: sweep, parameters: {layers: [[1], §[x]]}", "x is not an integer"),
        ("pipeline: p, parameters: {rates: [0.3, §7]}", "7.0 is greater than"),
        ("pipeline: p, parameters: {one: §[0.1, 0.2]}", "Only a single value is allowed"),
        ("pipeline: p, parameters: {rates: §{a: 1}}", "a value must be text"),
        ("step: train, parameters: {lr: §[0.1, 0.2]}", "Only a single value is allowed"),
    ],
)
def test_what_an_execution_would_refuse_is_said_at_its_place(run: str, message: str) -> None:
    case = marked(f"{FILE}- trigger: {{name: t, when: {{push: {{}}}}, run: {{{run}}}}}\n")
    [problem] = parse_config(case.text).problems
    assert message in problem.message
    assert (problem.line, problem.column) == (case.line, case.column), problem
