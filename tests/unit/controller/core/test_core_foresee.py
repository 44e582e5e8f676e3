"""What an event would start: the answers of the deciding functions, spelled out, without anything being there yet."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.events import Comment, PullRequest, Push, Tagged
from controller.core.foresee import Event, Foreseen, Scheduled, World, foresee
from controller.core.standins import example
from controller.core.triggers import Answer
from schemas.parse_config import parse_config
from schemas.repo_config import RepoConfig
from schemas.values import RefName, Sha

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
HEAD = Sha("a" * 40)
WORLD = World(created=NOW)
PUSH = Push(RefName("refs/heads/main"), "main", HEAD, None)

STEPS = """\
- step:
    name: train
    image: python:3.12
    command: ["python train.py {parameters}", "echo {parameter-value:lr}"]
    parameters:
      - {name: lr, type: float, default: 0.1, max: 1}
      - {name: seed, type: integer, default: 1, choices: [1, 2]}
    inputs: [{name: data, default: ["s3://b/d", "dataset://wines/v1"]}]
    environment: gpu
    environment-variable-groups: [hub]
- step: {name: test, image: t, command: run, inputs: [{name: model}, {name: more, optional: true}]}
- endpoint: {name: predict, image: i, server-command: run, files: [{name: model, path: m}]}
- task:
    name: sweep
    step: train
    type: grid_search
    parameters: [{name: lr, style: multiple, rules: {items: [0.1, 0.2, 0.3, 0.4]}}]
- task:
    name: lottery
    step: train
    type: random_search
    execution-count: 6
    parameters: [{name: lr, style: random, rules: {distribution: uniform, min: 0, max: 1}}]
"""
PIPELINE = """\
- pipeline:
    name: p
    nodes:
      - {name: test, type: execution, step: test, on-error: continue}
      - {name: a, type: execution, step: train, override: {image: other, parameters: [{name: lr, default: 0.5}]}}
      - name: b
        type: task
        step: train
        actions: [{when: node-starting, then: require-approval}]
      - {name: d, type: deployment, deployment: dep, endpoints: [predict]}
    edges:
      - ['a.output.*.pkl', test.input.model]
      - [a.input.data, test.input.more]
      - [b.dependency.x, test.dependency.x]
      - [a.metadata.best, b.parameter.seed]
      - [a.parameter.lr, b.parameter.lr]
      - ['a.output.model-[ab].bin', d.file.predict.model]
    parameters: [{name: rates, targets: [b.parameter.lr], default: [0.1, 0.2]}]
- deployment: {name: dep, defaults: {target: t}}
"""


def config(*items: str) -> RepoConfig:
    found = parse_config("".join(items).encode())
    assert found.ok, [str(problem) for problem in found.problems]
    return found


def trigger(name: str, when: str, run: str, more: str = "") -> str:
    return f"- trigger: {{name: {name}, when: {{{when}}}, run: {{{run}}}{more}}}\n"


def only(items: tuple[Foreseen, ...]) -> Foreseen:
    [found] = items
    return found


def test_a_step_is_spelled_out_with_what_the_trigger_gives() -> None:
    run = "step: train, parameters: {lr: 0.2}, inputs: {data: 's3://other/x'}, environment: big"
    found = only(foresee(config(STEPS, trigger("t", "push: ", run)), PUSH, WORLD))
    [work] = found.works
    assert (found.answer, found.target, found.ok) == (Answer.FIRES, ("step", "train"), True)
    assert work.commands == ("python train.py --lr=0.2 --seed=1", "echo 0.2")
    assert work.parameters == {"lr": 0.2, "seed": 1}
    assert [source.text for source in work.inputs["data"]] == ["s3://other/x"]
    assert (work.image, work.environment) == ("python:3.12", "big")


def test_names_for_data_stay_names() -> None:
    [work] = only(foresee(config(STEPS, trigger("t", "push: ", "step: train")), PUSH, WORLD)).works
    assert [(s.text, s.is_edge) for s in work.inputs["data"]] == [
        ("s3://b/d", False),
        ("dataset://wines/v1", False),
    ]


def test_a_pipeline_is_in_the_order_in_which_it_runs_with_what_edges_bring() -> None:
    found = only(foresee(config(STEPS, PIPELINE, trigger("t", "push: ", "pipeline: p")), PUSH, WORLD))
    a, b, test, d = found.works
    assert [work.name for work in found.works] == ["a", "b", "test", "d"]
    assert found.ok, [work.problem for work in found.works]
    assert (a.image, a.parameters["lr"], a.after) == ("other", 0.5, ())
    assert test.after == ("a", "b")
    assert test.on_error == "continue"
    assert {name: [(s.text, s.is_edge) for s in sources] for name, sources in test.inputs.items()} == {
        "model": [("a.output.*.pkl", True)],
        "more": [("a.input.data", True)],
    }
    assert b.approval
    assert b.parameters["seed"] == "<a.metadata.best>", "no type is asked of what is not known yet"
    assert b.parameters["lr"] == 0.5, "an edge is stronger than the pipeline's parameter"
    assert b.commands[0] == "python train.py --lr=0.5 '--seed=<a.metadata.best>'"
    assert (b.children and b.children.count) == 1
    assert [s.text for s in d.inputs["predict.model"]] == ["a.output.model-[ab].bin"]


def test_a_list_for_a_task_node_is_one_execution_each() -> None:
    text = PIPELINE.replace("      - [a.parameter.lr, b.parameter.lr]\n", "")
    works = only(foresee(config(STEPS, text, trigger("t", "push: ", "pipeline: p")), PUSH, WORLD)).works
    b = next(work for work in works if work.name == "b")
    assert b.children is not None
    assert (b.children.count, b.children.names, b.children.sets) == (2, ("lr",), ({"lr": 0.1}, {"lr": 0.2}))


def test_a_task_says_how_many_and_the_first_few() -> None:
    both = config(STEPS, trigger("t", "push: ", "task: sweep"), trigger("r", "push: ", "task: lottery"))
    grid, drawn = (found.works[0].children for found in foresee(both, PUSH, WORLD))
    assert grid is not None
    assert drawn is not None
    assert (grid.type, grid.count, len(grid.sets), grid.sets[0]) == ("grid_search", 4, 3, {"lr": 0.1})
    assert (drawn.count, drawn.sets) == (6, ()), "what is drawn later cannot be shown now"


@pytest.mark.parametrize(
    ("event", "world", "answers"),
    [
        (PUSH, WORLD, "fires fires silent silent silent silent"),
        (PUSH, replace(WORLD, changed=frozenset({"docs/x"})), "fires skipped silent silent silent silent"),
        (PUSH, replace(WORLD, message="Fix [skip ci]"), "skipped skipped silent silent silent silent"),
        (replace(PUSH, branch="dev"), WORLD, "silent silent silent silent silent silent"),
        (PullRequest(1, HEAD, "refs/heads/main", HEAD), WORLD, "silent silent fires silent silent silent"),
        (PullRequest(1, HEAD, "refs/heads/main", HEAD, fork=True), WORLD, "silent silent skipped silent silent silent"),
        (Tagged(RefName("refs/tags/v1"), "v1", HEAD), WORLD, "silent silent silent fires silent silent"),
        (Scheduled("main", NOW), WORLD, "silent silent silent silent fires silent"),
        (Scheduled("dev", NOW), WORLD, "silent silent silent silent silent silent"),
        (Comment("1", 1, HEAD, "/train now", "you", may_write=True), WORLD, "silent silent silent silent silent fires"),
        (Comment("1", 1, HEAD, "/trained", "you", may_write=True), WORLD, "silent silent silent silent silent silent"),
    ],
)  # fmt: skip
def test_each_event_has_its_triggers(event: Event, world: World, answers: str) -> None:
    triggers = (
        trigger("a", "push: {branches: [main]}", "step: train"),
        trigger("b", "push: {branches: [main]}", "step: train", ", paths: ['*.py']"),
        trigger("c", "pull-request: {targets: [main]}", "step: train"),
        trigger("d", "tag: {names: ['v*']}", "step: train"),
        trigger("e", "schedule: {cron: '0 3 * * *', timezone: Europe/Helsinki}", "step: train"),
        trigger("f", "comment: /train", "step: train"),
    )
    found = foresee(config(STEPS, *triggers), event, world)
    assert " ".join(one.answer.value for one in found) == answers
    assert all(one.reason for one in found if one.answer is not Answer.FIRES)
    assert all(bool(one.works) is (one.answer is Answer.FIRES) for one in found)


def test_a_schedule_says_when_it_fires_next() -> None:
    text = trigger("e", "schedule: {cron: '0 3 * * *', timezone: Europe/Helsinki}", "step: train")
    assert (
        only(foresee(config(STEPS, text), Scheduled("main", NOW), WORLD)).reason
        == "next at 2030-01-02 01:00 UTC"
    )


def test_what_the_installation_lacks_is_a_problem_of_that_work_only() -> None:
    known = replace(WORLD, environments=("cpu",), groups=("hub",), stores=())
    found = only(foresee(config(STEPS, PIPELINE, trigger("t", "push: ", "pipeline: p")), PUSH, known))
    problems = {work.name: work.problem for work in found.works}
    assert not found.ok
    assert problems["a"] == "there is no environment gpu. This installation has: cpu."
    assert problems["test"] == ""
    lacks = only(
        foresee(config(STEPS, trigger("t", "push: ", "step: train")), PUSH, replace(WORLD, groups=()))
    )
    assert "variable group hub" in lacks.works[0].problem


def test_a_node_of_another_commit_takes_its_step_from_there() -> None:
    text = """\
- pipeline:
    name: q
    nodes: [{name: n, type: execution, step: old, commit: v1}]
    edges: []
"""
    here = parse_config(f"{STEPS}{text}{trigger('t', 'push: ', 'pipeline: q')}".encode())
    there = parse_config(b"- step: {name: old, image: ancient, command: go}\n").valohai
    [unseen] = only(foresee(here, PUSH, WORLD)).works
    assert (unseen.problem, unseen.notes[-1]) == ("", "which is not looked at here")
    [seen] = only(foresee(here, PUSH, replace(WORLD, codes={"v1": there}))).works
    assert (seen.image, seen.commands, seen.problem) == ("ancient", ("go",), "")
    [lost] = only(foresee(here, PUSH, replace(WORLD, missing={"v1": "there is no v1"}))).works
    assert lost.problem == "there is no v1"


@pytest.mark.parametrize(
    ("paths", "problem"),
    [
        (None, ""),
        ((b"src/a.py", b"README"), ""),
        ((b"README",), "`reads` names no file of it: src/**"),
        ((), "`reads` names no file of it: src/**"),
    ],
)
def test_reads_that_name_no_file_start_nothing(paths: tuple[bytes, ...] | None, problem: str) -> None:
    read = config(STEPS, trigger("t", "push: ", "step: train", ', reads: "src/**"'))
    found = only(foresee(read, PUSH, replace(WORLD, paths=paths)))
    assert (found.problem.partition(". ")[0], found.ok) == (problem, not problem)


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="ab*?[]!.x-/", max_size=12))
def test_the_example_of_a_pattern_fits_it(pattern: str) -> None:
    backwards = re.search(r"\[.*-.*\]", pattern)  # a range that runs backwards fits nothing at all
    assert fnmatchcase(example(pattern), pattern) or backwards


@pytest.mark.parametrize(
    "pattern", ["*.pkl", "a[0-9]?", "[!a-z]", "[]]", "[!]]x", "[!]", "m-[ab].bin", "**/x", ""]
)
def test_the_example_of_a_common_pattern_fits_it(pattern: str) -> None:
    assert fnmatchcase(example(pattern), pattern)


NODES = ("a", "b", "c", "d")
KINDS = (
    "output",
    "input",
    "metadata",
    "parameter",
    "dependency",
    "environment-variable",
    "deployment",
    "file",
)
SENSIBLE = (
    ("output.*.pkl", "input.data"),
    ("output.m-[a-c]?", "input.model"),
    ("metadata.best", "parameter.lr"),
    ("parameter.seed", "parameter.seed"),
    ("input.data", "input.data"),
    ("dependency.x", "dependency.y"),
    ("output.model", "file.predict.model"),
    ("deployment.id", "parameter.seed"),
)


@st.composite
def pipelines(draw: st.DrawFn) -> str:
    """Any file that is YAML of the right shape: most edges make no sense, and the linter says so."""
    nodes = [
        draw(st.sampled_from([
            f"{{name: {name}, type: execution, step: train}}",
            f"{{name: {name}, type: execution, step: test, edge-merge-mode: append}}",
            f"{{name: {name}, type: task, task: sweep}}",
            f"{{name: {name}, type: task, step: train, on-error: retry}}",
            f"{{name: {name}, type: deployment, deployment: dep, endpoints: [predict]}}",
            f"{{name: {name}, type: execution, step: train, override: {{inputs: [{{name: data}}]}}}}",
        ]))
        for name in NODES
    ]  # fmt: skip
    keys = st.sampled_from(["lr", "seed", "data", "model", "*", "predict.model", "id", "x.y"])
    ends = st.tuples(st.sampled_from(NODES), st.sampled_from(KINDS), keys).map(".".join)
    pairs = st.sampled_from([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("b", "c"), ("d", "a")])
    sensible = st.tuples(pairs, st.sampled_from(SENSIBLE)).map(
        lambda made: (f"{made[0][0]}.{made[1][0]}", f"{made[0][1]}.{made[1][1]}")
    )
    edges = draw(st.one_of(st.lists(sensible, max_size=5), st.lists(st.tuples(ends, ends), max_size=3)))
    text = "".join(f"      - ['{one}', '{other}']\n" for one, other in edges)
    rates = draw(st.sampled_from(["0.1", "[0.1, 0.2]", "", "many"]))
    return (
        "- pipeline:\n    name: p\n    nodes:\n"
        + "".join(f"      - {node}\n" for node in nodes)
        + (f"    edges:\n{text}" if edges else "    edges: []\n")
        + f"    parameters: [{{name: rate, targets: [a.parameter.lr], default: {rates}}}]\n"
    )


@settings(max_examples=150, deadline=None)
@given(pipelines(), st.sampled_from(["pipeline: p", "pipeline: p, parameters: {rate: 0.3}", "task: sweep"]))
def test_a_plan_of_what_the_linter_takes_never_raises_and_is_the_same_again(text: str, run: str) -> None:
    judged = parse_config(f"{STEPS}{text}{trigger('t', 'push: ', run)}- deployment: {{name: dep}}\n".encode())
    found = foresee(judged, PUSH, WORLD)
    assert found == foresee(judged, PUSH, WORLD)
    for one in found:
        if not judged.triggers:
            assert (one.answer, one.problem != "", judged.ok) == (Answer.SKIPPED, True, False)
            continue
        names = [work.name for work in one.works]
        assert sorted(names) == sorted(NODES) if one.target[0] == "pipeline" else names == ["sweep"]
        place: dict[str, Any] = {name: number for number, name in enumerate(names)}
        assert all(place[before] < place[work.name] for work in one.works for before in work.after)
