"""Nodes spelled out: every kind of edge, both merge modes, overrides, the pipeline's parameters, deployment nodes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.core.pipelines.edges import Finished
from controller.core.pipelines.nodes import given_to, plan_node
from controller.core.plan import Facts, Given
from controller.core.serving.deploying import plan_deployment
from schemas.codec import to_json
from schemas.errors import ConfigError
from schemas.messages.job import Archive, DatumFile
from schemas.parse_config import parse_config

YAML = """
- step:
    name: make
    image: python:3.12
    command: python make.py {parameters}
    parameters:
      - {name: size, type: integer, default: 3}
      - {name: label, type: string, optional: true}
    inputs:
      - {name: raw, default: ["s3://lake/day=*/x.csv"]}
      - {name: extra, optional: true}
    environment-variables: [{name: REGION, default: north}]
- step:
    name: use
    image: python:3.12
    command: [python use.py, "echo {parameter-value:rate}"]
    mounts: ["/data:/data"]
    autorestart: true
    parameters:
      - {name: rate, type: float, default: 0.5, pass-as: "-r {v}"}
      - {name: count, type: integer, default: 1}
      - {name: tags, type: string, multiple: separate, optional: true}
      - {name: word, type: string, default: plain}
      - {name: must, type: string, default: there}
    inputs:
      - {name: model, default: "s3://lake/old.bin"}
      - {name: side, optional: true, default: "s3://lake/side.bin"}
    environment-variables: [{name: REGION, default: south}, {name: MODE, default: full}]
- task:
    name: sweep
    step: use
    type: grid-search
    parameters: [{name: count, style: multiple, rules: {items: [1, 2]}}]
- endpoint:
    name: serve
    image: python:3.12
    server-command: python serve.py
    files: [{name: model, path: model.bin}, {name: words, path: words.txt}]
- pipeline:
    name: p
    nodes:
      - {name: a, type: execution, step: make}
      - {name: a2, type: execution, step: make}
      - {name: b, type: NODE}
      - {name: d, type: deployment, deployment: shop, endpoints: [serve], aliases: [live]}
    edges: EDGES
    parameters: PARAMETERS
"""
FACTS = Facts(
    project="6b1f4d0e-0000-4000-8000-000000000001",
    project_name="wine/wine",
    commit="a" * 40,
    archive=Archive("code/x", "sha256:" + "0" * 64, 5),
    created=datetime(2030, 1, 2, tzinfo=UTC),
)
DATUM = DatumFile("6b1f4d0e-0000-4000-8000-000000000002", "model.bin", "outputs/x", 5, "sha256:" + "1" * 64)


def files(*names: str) -> tuple[DatumFile, ...]:
    return tuple(replace(DATUM, name=name) for name in names)


def config(edges: str = "[]", node: str = "execution, step: use", parameters: str = "[]") -> Any:
    text = YAML.replace("EDGES", edges).replace("NODE", node).replace("PARAMETERS", parameters)
    parsed = parse_config(text.encode())
    assert parsed.valohai is not None, parsed.problems
    return parsed.valohai


def given_b(found: Any, asked: Given = Given(), **finished: Finished) -> Given:  # noqa: B008 - frozen
    return given_to(found, "p", "b", finished, asked)


def spec_b(found: Any, asked: Given = Given(), **finished: Finished) -> Mapping[str, Any]:  # noqa: B008 - frozen
    return plan_node(found, "p", "b", finished, asked, FACTS).spec


def inputs(spec: Mapping[str, Any]) -> dict[str, tuple[list[str], list[str]]]:
    """Input -> (addresses, names of data)."""
    return {i["name"]: (i["uris"], [file["name"] for file in i["data"]]) for i in spec["inputs"]}


OUTPUTS = Finished(files("model.bin", "deep/er/model.bin", "log.txt"))


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("*", ["model.bin", "deep/er/model.bin", "log.txt"]),
        ("*.bin", ["model.bin", "deep/er/model.bin"]),
        ("deep/*", ["deep/er/model.bin"]),
        ("model*", ["model.bin"]),
        ("*.BIN", []),
        ("log.t[xy]t", ["log.txt"]),
    ],
)
def test_a_glob_is_over_the_whole_path_of_an_output(glob: str, names: list[str]) -> None:
    found = config(f"[['a.output.{glob}', b.input.side]]")
    assert inputs(spec_b(found, a=OUTPUTS))["side"] == ([], names)


def test_replace_takes_the_defaults_away_and_append_adds_to_them() -> None:
    edge = "[['a.output.*.txt', b.input.model]]"
    assert inputs(spec_b(config(edge), a=OUTPUTS))["model"] == ([], ["log.txt"])
    append = config(edge, "execution, step: use, edge-merge-mode: append")
    assert inputs(spec_b(append, a=OUTPUTS))["model"] == (["s3://lake/old.bin"], ["log.txt"])
    own = "execution, step: use, edge-merge-mode: append, override: {inputs: [{name: model, default: s3://o/1}]}"
    assert inputs(spec_b(config(edge, own), a=OUTPUTS))["model"] == (["s3://o/1"], ["log.txt"])


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_several_edges_into_one_input_add_up(mode: str) -> None:
    edges = "[['a.output.*.txt', b.input.model], ['a2.output.*.bin', b.input.model], [a.input.raw, b.input.model]]"
    raw = {"inputs": [{"name": "raw", "uris": ["s3://lake/1.csv"], "data": [to_json(DATUM)]}]}
    found = config(edges, f"execution, step: use, edge-merge-mode: {mode}")
    a = Finished(files("log.txt"), {}, raw)
    uris, data = inputs(spec_b(found, a=a, a2=Finished(files("m.bin"))))["model"]
    assert data == ["log.txt", "m.bin", "model.bin"]
    assert uris == (["s3://lake/old.bin"] if mode == "append" else []) + ["s3://lake/1.csv"]


def test_nothing_matched_is_an_error_only_for_what_is_needed_and_stays_empty() -> None:
    needed = config("[['a.output.*.pkl', b.input.model]]")
    with pytest.raises(ConfigError, match=r"no output of a matches \*\.pkl for b\.input\.model"):
        spec_b(needed, a=OUTPUTS)
    assert inputs(spec_b(config("[['a.output.*.pkl', b.input.side]]"), a=OUTPUTS))["side"] == ([], [])
    two = config("[['a.output.*.pkl', b.input.model], ['a2.output.*', b.input.model]]")
    spec = spec_b(two, a=OUTPUTS, a2=OUTPUTS)
    assert len(inputs(spec)["model"][1]) == 3
    assert "no output of a matches *.pkl for b.input.model" in spec["notes"]


def test_an_input_edge_hands_on_what_the_source_resolved() -> None:
    raw = {"name": "raw", "uris": ["s3://lake/day=*/x.csv"], "data": [to_json(DATUM)]}
    exact = ["s3://lake/day=1/x.csv", "s3://lake/day=2/x.csv"]
    source = Finished((), {}, {"inputs": [{**raw, "resolved": exact}]})
    found = config("[[a.input.raw, b.input.model]]")
    assert inputs(spec_b(found, a=source))["model"] == (exact, ["model.bin"])
    by_pattern = config("[['a.input.r*', b.input.model]]")
    assert inputs(spec_b(by_pattern, a=Finished((), {}, {"inputs": [raw]})))["model"][0] == raw["uris"]
    with pytest.raises(ConfigError, match="the input raw of a had no files"):
        spec_b(found, a=Finished((), {}, {"inputs": [{"name": "raw", "uris": [], "data": []}]}))


def test_metadata_becomes_a_parameter_of_the_targets_type() -> None:
    found = config("[[a.metadata.best, b.parameter.rate], [a.metadata.eval.n, b.parameter.count]]")
    spec = spec_b(found, a=Finished((), {"best": "0.25", "eval.n": 7}))
    assert (spec["parameters"]["rate"], spec["parameters"]["count"]) == (0.25, 7)
    assert spec["commands"] == ["python use.py", "echo 0.25"]


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({}, r"a printed no best, which b\.parameter\.rate needs"),
        ({"best": None}, "the last best that a printed is no number"),
        ({"best": [0.1, 0.2]}, "brings a list of 2 values"),
        ({"best": "high"}, "not a floating-point number"),
        ({"best": {"x": 1}}, "a value must be text, a number, true or false"),
        ({"best": float("nan")}, "not a finite number"),
    ],
)
def test_metadata_that_does_not_fit_is_the_nodes_error(metadata: dict[str, Any], words: str) -> None:
    found = config("[[a.metadata.best, b.parameter.rate]]")
    with pytest.raises(ConfigError, match=words):
        spec_b(found, a=Finished((), metadata))


def test_a_parameter_edge_copies_what_was_used_and_nothing_keeps_the_own_value() -> None:
    found = config("[[a.parameter.size, b.parameter.count], [a.parameter.label, b.parameter.word]]")
    spec = spec_b(found, a=Finished((), {}, {"parameters": {"size": 9}}))
    assert (spec["parameters"]["count"], spec["parameters"]["word"]) == (9, "plain")
    assert "a.parameter.label had no value: b.parameter.word keeps its own" in spec["notes"]


def test_a_list_goes_whole_into_a_multiple_parameter() -> None:
    found = config("[[a.metadata.names, b.parameter.tags]]")
    assert spec_b(found, a=Finished((), {"names": ["x", "y"]}))["parameters"]["tags"] == ["x", "y"]


def test_variables_are_copied_and_dependencies_bring_nothing() -> None:
    edges = (
        "[[a.environment-variable.REGION, b.environment-variable.REGION], [a2.dependency.x, b.dependency.y]]"
    )
    spec = spec_b(config(edges), a=Finished((), {}, {"environment_variables": {"REGION": "west"}}))
    assert spec["environment_variables"] == {"REGION": "west", "MODE": "full"}
    assert inputs(spec)["model"] == (["s3://lake/old.bin"], [])
    none = spec_b(config(edges), a=Finished())
    assert none["environment_variables"]["REGION"] == "south"
    assert any("no value that can be handed on" in note for note in none["notes"])


def test_a_deployments_ids_become_parameters() -> None:
    edges = "[[d.deployment.id, b.parameter.word], [d.deployment.version_id, b.parameter.must]]"
    spec = spec_b(config(edges), d=Finished(facts={"id": "shop", "version_id": "v-1"}))
    assert (spec["parameters"]["word"], spec["parameters"]["must"]) == ("shop", "v-1")
    with pytest.raises(ConfigError, match="d has no id"):
        spec_b(config(edges), d=Finished())


def test_a_tolerated_node_that_never_ran_brings_nothing() -> None:
    with pytest.raises(ConfigError, match="no output of a matches"):
        spec_b(config("[['a.output.*', b.input.model]]"))
    assert inputs(spec_b(config("[['a.output.*', b.input.side]]")))["side"] == ([], [])
    assert spec_b(config("[[a.parameter.size, b.parameter.count]]"))["parameters"]["count"] == 1


@pytest.mark.parametrize(
    "edge",
    ["[a.input.raw, b.parameter.word]", "[a.output.x, b.parameter.word]", "[a.metadata.x, b.input.model]"],
)
def test_senseless_pairs_are_refused(edge: str) -> None:
    with pytest.raises(ConfigError, match="an edge cannot go from"):
        spec_b(config(f"[{edge}]"), a=OUTPUTS)


OVERRIDE = (
    "execution, step: use, override: {image: 'other:1', command: ['python other.py {parameters}'], "
    "environment: gpu, environment-variables: [{name: MODE, default: quick}], inputs: [{name: side}], "
    "mounts: ['/scratch:/scratch'], parameters: [{name: rate, default: '0.75'}, {name: word, default: w}], "
    "autorestart: false, runtime-config-preset: big}"
)


def test_an_override_changes_values_and_keeps_the_steps_types() -> None:
    planned = plan_node(config(node=OVERRIDE), "p", "b", {}, Given(environment="cpu"), FACTS)
    spec = planned.spec
    assert (planned.environment, spec["image"]) == ("gpu", "other:1")
    assert spec["commands"] == ["python other.py -r 0.75 --count=1 --word=w --must=there"]
    assert spec["parameters"]["rate"] == 0.75
    assert spec["environment_variables"] == {"REGION": "south", "MODE": "quick"}
    assert [mount["source"] for mount in spec["mounts"]] == ["/scratch"]
    assert spec["autorestart"] is False
    assert inputs(spec) == {"model": (["s3://lake/old.bin"], []), "side": ([], [])}
    assert "`runtime-config-preset: big` is ignored: there are no presets here" in spec["notes"]


def test_an_override_without_a_default_takes_the_default_away() -> None:
    cleared = config(node="execution, step: use, override: {inputs: [{name: model}]}")
    with pytest.raises(ConfigError, match="needs input model"):
        spec_b(cleared)
    cleared = config(node="execution, step: use, override: {parameters: [{name: must}]}")
    with pytest.raises(ConfigError, match="`must` has no value"):
        spec_b(cleared)


def test_mounts_are_replaced_only_when_they_are_given() -> None:
    untouched = spec_b(config(node="execution, step: use, override: {image: 'x:1'}"))
    assert [mount["source"] for mount in untouched["mounts"]] == ["/data"]
    assert spec_b(config(node="execution, step: use, override: {mounts: []}"))["mounts"] == []


PARAMETERS = (
    "[{name: n, targets: [b.parameter.count, a.parameter.size], default: 5}, "
    "{name: w, target: b.parameters.word, default: ''}, {name: t, target: b.parameter.tags, default: [u, v]}]"
)


def test_the_pipelines_parameters_aim_at_nodes() -> None:
    node = "execution, step: use, override: {parameters: [{name: count, default: 2}, {name: word, default: own}]}"
    found = config(node=node, parameters=PARAMETERS)
    values = spec_b(found)["parameters"]
    assert (values["count"], values["word"], values["tags"]) == (5, "own", ["u", "v"])
    asked = spec_b(found, Given(parameters={"n": 8, "w": "said", "t": ""}))["parameters"]
    assert (asked["count"], asked["word"], asked["tags"]) == (8, "said", [])
    assert plan_node(found, "p", "a", {}, Given(), FACTS).spec["parameters"]["size"] == 5


def test_an_edge_wins_over_the_pipelines_parameter() -> None:
    found = config("[[a.metadata.n, b.parameter.count]]", parameters=PARAMETERS)
    assert spec_b(found, a=Finished((), {"n": 6}))["parameters"]["count"] == 6


def test_a_list_to_one_value_is_an_error_and_to_a_task_node_a_fan_out() -> None:
    listed = "[{name: n, targets: [b.parameter.count], default: [1, 2, 3]}]"
    with pytest.raises(ConfigError, match="Only a single value is allowed"):
        spec_b(config(parameters=listed))
    for node in ("task, step: use", "task, task: sweep"):
        given = given_b(config(node=node, parameters=listed))
        assert given.parameters == {"count": [1, 2, 3]}


def test_a_task_node_takes_edges_and_overrides_like_any_other() -> None:
    edges = "[['a.output.*.bin', b.input.model], [a.metadata.best, b.parameter.rate]]"
    node = "task, task: sweep, override: {image: 'o:1', environment: gpu}"
    given = given_b(config(edges, node), a=Finished(files("m.bin"), {"best": 0.5}))
    assert [file.name for file in given.data["model"]] == ["m.bin"]
    assert (given.parameters, given.uris["model"]) == ({"rate": 0.5}, ())
    assert (given.image, given.environment) == ("o:1", "gpu")


def test_code_of_another_commit_gives_the_step() -> None:
    here = config()
    old = parse_config(
        YAML.split("- task:", maxsplit=1)[0].replace("python use.py", "python older.py").encode()
    ).valohai
    facts = replace(FACTS, commit="b" * 40)
    spec = plan_node(here, "p", "b", {}, Given(), facts, code=old).spec
    assert (spec["commands"][0], spec["commit"]) == ("python older.py", "b" * 40)
    empty = parse_config(b"- step: {name: other, image: x, command: y}").valohai
    with pytest.raises(ConfigError, match="no step named use"):
        plan_node(here, "p", "b", {}, Given(), facts, code=empty)


DEPLOY = "[['a.output.*.bin', d.file.serve.model], [a2.output.words.txt, d.file.serve.words]]"


def test_a_deployment_node_says_which_file_goes_where() -> None:
    sources = {"a": Finished(files("model.bin", "log.txt")), "a2": Finished(files("words.txt"))}
    wanted = plan_deployment(config(DEPLOY), "p", "d", sources)
    assert (wanted.deployment, wanted.aliases, wanted.target) == ("shop", ("live",), None)
    chosen = {file: datum.name for file, datum in wanted.endpoints["serve"].items()}
    assert chosen == {"model": "model.bin", "words": "words.txt"}
    assert plan_deployment(config("[[a.dependency.x, d.dependency.y]]"), "p", "d", {}).endpoints == {
        "serve": {}
    }


def test_a_deployments_target_comes_from_its_item() -> None:
    text = YAML.replace("EDGES", "[]").replace("NODE", "execution, step: use").replace("PARAMETERS", "[]")
    text += "- deployment: {name: shop, defaults: {target: far}}\n"
    assert plan_deployment(parse_config(text.encode()).valohai, "p", "d", {}).target == "far"


@pytest.mark.parametrize(
    ("edges", "words"),
    [
        (
            "[['a.output.*', d.file.serve.model]]",
            "3 outputs of a match .*They are model.bin, deep/er/model.bin",
        ),
        ("[['a.output.*.pkl', d.file.serve.model]]", "no output of a matches"),
        ("[[a.output.model.bin, d.file.serve.other]]", "endpoint serve has no file other"),
        ("[[a.output.model.bin, d.file.none.model]]", "the endpoint none, which the node d does not list"),
        ("[[a.metadata.x, d.file.serve.model]]", "cannot go from"),
        (
            "[[a.output.model.bin, d.file.serve.model], [a.output.log.txt, d.file.serve.model]]",
            "two edges lead to d.file.serve.model",
        ),
    ],
)
def test_an_endpoints_file_is_exactly_one_output(edges: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        plan_deployment(config(edges), "p", "d", {"a": OUTPUTS})


def test_a_node_of_a_broken_file_that_names_no_step_says_so() -> None:
    read = parse_config(b"- pipeline: {name: p, nodes: [{name: a, type: execution, step: ''}], edges: []}\n")
    with pytest.raises(ConfigError, match="node a names no step"):
        given_to(read.valohai, "p", "a", {}, Given())
