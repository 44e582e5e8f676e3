"""Steps and pipelines spelled out for agents."""

from datetime import UTC, datetime
from typing import Any

import pytest

from controller.core.pipelines.edges import Finished
from controller.core.pipelines.graph import graph_of
from controller.core.pipelines.nodes import plan_node
from controller.core.plan import Facts, Given, plan_step
from schemas import codec
from schemas.errors import ConfigError
from schemas.messages.job import Archive, DatumFile, Job
from schemas.parse_config import parse_config

YAML = """
- step:
    name: train
    image: python:3.12
    command: ["python train.py {parameters}", "echo {parameter-value:epochs}"]
    environment: gpu
    time-limit: 90s
    parameters:
      - {name: epochs, type: integer, default: 3}
      - {name: fast, type: flag, default: true}
      - {name: note, type: string, optional: true}
    inputs:
      - {name: data, default: "https://example.org/{parameter:epochs}.csv"}
    environment-variables:
      - {name: MODE, default: full}
- step:
    name: evaluate
    image: python:3.12
    command: python evaluate.py {parameters}
    parameters:
      - {name: best, type: float, default: 0}
      - {name: epochs, type: integer, default: 0}
    inputs: [{name: model, default: "https://example.org/old.json"}]
- pipeline:
    name: both
    nodes:
      - {name: a, type: execution, step: train, override: {image: "other:1"}}
      - {name: b, type: execution, step: evaluate}
    edges:
      - ["a.output.*.json", b.input.model]
      - [a.metadata.accuracy, b.parameter.best]
      - [a.parameter.epochs, b.parameter.epochs]
    parameters:
      - {name: epochs, targets: [a.parameter.epochs], default: 7}
"""
FACTS = Facts(
    project="6b1f4d0e-0000-4000-8000-000000000001",
    project_name="wine/wine",
    commit="a" * 40,
    archive=Archive("code/x", "sha256:" + "0" * 64, 5),
    created=datetime(2030, 1, 2, tzinfo=UTC),
)
MODEL = DatumFile("6b1f4d0e-0000-4000-8000-000000000002", "model.json", "outputs/x", 5, "sha256:" + "1" * 64)


@pytest.fixture(scope="module")
def config() -> Any:
    parsed = parse_config(YAML.encode())
    assert parsed.ok, parsed.problems
    return parsed.valohai


def test_a_step_is_spelled_out(config: Any) -> None:
    planned = plan_step(config, "train", Given(), FACTS)
    assert planned.environment == "gpu"
    assert planned.spec["commands"] == ["python train.py --epochs=3 --fast", "echo 3"]
    assert planned.spec["parameters"] == {"epochs": 3, "fast": True}
    assert planned.spec["inputs"][0]["uris"] == ["https://example.org/3.csv"]
    assert planned.spec["environment_variables"] == {"MODE": "full"}
    assert planned.spec["time_limit"] == 90


def test_a_spec_and_an_attempt_make_a_job(config: Any) -> None:
    spec = plan_step(config, "train", Given(), FACTS).spec
    attempt = {
        "version": 1,
        "execution": MODEL.datum,
        "attempt": MODEL.datum,
        "attempt_number": 1,
        "delivery": 1,
        "environment": "0123456789ab",
        "expires": "2030-01-02T03:04:05+00:00",
        "counter": 12,
    }
    job = codec.from_json(Job, {**spec, **attempt})
    assert (job.step, job.commit, job.commands[1]) == ("train", "a" * 40, "echo 3")


def test_values_of_the_trigger_win(config: Any) -> None:
    spec = plan_step(config, "train", Given(parameters={"epochs": 9, "fast": False}), FACTS).spec
    assert spec["commands"][0] == "python train.py --epochs=9"


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("nothing", Given(), "no step named nothing"),
        ("train", Given(parameters={"epochs": "many"}), "epochs"),
        ("train", Given(uris={"data": ()}), "needs input data"),
        ("train", Given(uris={"data": ("ftp://example.org/x",)}), "cannot be read here"),
    ],
)
def test_what_cannot_run_is_said_before_anything_starts(
    config: Any, name: str, given: Given, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        plan_step(config, name, given, FACTS)


def test_a_node_takes_its_override_and_the_pipelines_parameters(config: Any) -> None:
    spec = plan_node(config, "both", "a", {}, Given(), FACTS).spec
    assert spec["image"] == "other:1"
    assert spec["parameters"]["epochs"] == 7
    assert (
        plan_node(config, "both", "a", {}, Given(parameters={"epochs": 2}), FACTS).spec["parameters"][
            "epochs"
        ]
        == 2
    )


def test_edges_bring_files_metadata_and_parameters(config: Any) -> None:
    first = Finished((MODEL,), {"accuracy": 0.9}, {"parameters": {"epochs": 7}})
    spec = plan_node(config, "both", "b", {"a": first}, Given(), FACTS).spec
    assert spec["inputs"][0]["data"][0]["datum"] == MODEL.datum
    assert spec["inputs"][0]["uris"] == []
    assert spec["parameters"] == {"best": 0.9, "epochs": 7}


def test_a_triggers_inputs_name_the_node(config: Any) -> None:
    asked = Given(uris={"a.data": ("https://example.org/other.csv",), "b.model": ("https://example.org/x",)})
    spec = plan_node(config, "both", "a", {}, asked, FACTS).spec
    assert spec["inputs"][0]["uris"] == ["https://example.org/other.csv"]


def test_an_input_edge_hands_on_the_same_files() -> None:
    text = YAML.replace("- [a.parameter.epochs, b.parameter.epochs]", "- [a.input.data, b.input.model]")
    parsed = parse_config(text.encode())
    before = plan_node(parsed.valohai, "both", "a", {}, Given(), FACTS).spec
    spec = plan_node(
        parsed.valohai, "both", "b", {"a": Finished((MODEL,), {"accuracy": 1}, before)}, Given(), FACTS
    ).spec
    assert spec["inputs"][0]["uris"] == before["inputs"][0]["uris"]


def test_an_edge_that_brings_nothing_is_the_nodes_error(config: Any) -> None:
    first = Finished((), {"accuracy": 0.9}, {"parameters": {}})
    with pytest.raises(ConfigError, match=r"no output of a matches \*\.json"):
        plan_node(config, "both", "b", {"a": first}, Given(), FACTS)
    second = Finished((MODEL,), {}, {"parameters": {}})
    with pytest.raises(ConfigError, match="a printed no accuracy"):
        plan_node(config, "both", "b", {"a": second}, Given(), FACTS)


def test_the_graph_has_each_pair_once(config: Any) -> None:
    graph = graph_of(config.pipelines["both"])
    assert graph["edges"] == [["a", "b"]]
    assert [node["name"] for node in graph["nodes"]] == ["a", "b"]
