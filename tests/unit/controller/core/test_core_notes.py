"""What a file asks for and nothing here does is said once, in the log of the execution and in its events."""

import shlex
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.core.pipelines.edges import Finished
from controller.core.pipelines.nodes import plan_node
from controller.core.plan import Facts, Given, plan_step
from controller.core.serving import endpoint_notes
from controller.serving.builds import command_of
from schemas.messages.job import Archive, Resources
from schemas.parse_config import parse_config

FACTS = Facts("p", "shop", "c" * 40, Archive("a", "sha256:" + "0" * 64, 1), datetime(2030, 1, 1, tzinfo=UTC))


def config(more: str, extra: str = "") -> Any:
    parsed = parse_config(
        f"- step:\n    name: train\n    image: i\n    command: c\n    {more}\n{extra}".encode()
    )
    assert parsed.ok, [str(problem) for problem in parsed.problems]
    return parsed.valohai


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("icon: https://example.org/x.png", "`icon`: ignored"),
        ("category: nightly", "`category`: ignored"),
        ("parameters: [{name: a, default: b, widget: {type: slider}}]", "`parameters.widget`: ignored"),
        ("parameters: [{name: a, default: b, category: c}]", "`parameters.category`: ignored"),
        ("cache-volumes: [claim]", "`cache-volumes` is ignored"),
        (
            "mounts: [{source: /a, destination: /b, options: {hard: true}}]",
            "`options` of the mount of /a are ignored",
        ),
    ],
)
def test_what_is_ignored_is_said(field: str, said: str) -> None:
    (note,) = plan_step(config(field), "train", Given(), FACTS).spec["notes"]
    assert said in note


def test_a_preset_is_said_to_be_ignored() -> None:
    official = config("runtime-config-preset: large\n    environment: local")
    (note,) = plan_step(official, "train", Given(), FACTS).spec["notes"]
    assert "`runtime-config-preset: large` is ignored" in note


def test_what_is_honoured_needs_no_word() -> None:
    official = config("description: d\n    mounts: [/a:/b]\n    outputs: [{name: x, description: y}]")
    assert plan_step(official, "train", Given(), FACTS).spec["notes"] == []


def nodes(override: str, more: str = "") -> str:
    node = f"{{name: a, type: execution, step: train, override: {override}}}"
    return f"- pipeline: {{name: p, nodes: [{node}], edges: []{more}}}\n"


OVERRIDES = [
    ("{parameters: [{name: a, type: integer, default: 3}]}", "`parameters.type` of the override"),
    ("{inputs: [{name: d, default: s3://b/c, keep-directories: full}]}", "`inputs.keep-directories` of"),
    ("{environment-variables: [{name: V, default: x, optional: false}]}", "`environment-variables.optional`"),
    ("{runtime-config-preset: large, environment: local}", "`runtime-config-preset: large` is ignored"),
]


@pytest.mark.parametrize(("override", "said"), OVERRIDES)
def test_an_override_changes_values_and_says_what_it_leaves(override: str, said: str) -> None:
    step = "parameters: [{name: a, default: b}]\n    inputs: [{name: d, optional: true}]"
    planned = plan_node(config(step, nodes(override)), "p", "a", {}, Given(), FACTS)
    (note,) = planned.spec["notes"]
    assert said in note
    assert planned.spec["parameters"] == {"a": 3 if "integer" in override else "b"}


def test_a_category_of_a_pipelines_parameter() -> None:
    more = ", parameters: [{name: rate, description: d, category: c, default: x, target: a.parameter.a}]"
    official = config("parameters: [{name: a, default: b}]", nodes("{}", more))
    planned = plan_node(official, "p", "a", {}, Given(), FACTS)
    assert planned.spec["notes"] == [
        "`category` of the pipeline's parameter rate: ignored, there is no form here"
    ]
    assert planned.spec["parameters"] == {"a": "x"}


ENDPOINT = "- endpoint: {name: serve, image: i, server-command: [run, it]%s}\n"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("resources: {ephemeral-storage: {max: 1}}", "resources.ephemeral-storage"),
        ("resources: {cpu: {min: 1}, devices: {example.org/fpga: 1}}", "resources.devices.example.org/fpga"),
        ("node-selector: a=b", "node-selector"),
        ("tolerations: [{key: a, operator: Exists, effect: NoSchedule}]", "tolerations"),
        ("shared-volumes: [{pvc-name: v, mount-path: /v}]", "shared-volumes"),
        ("workspace-volume: {mount-path: /w, size: 1}", "workspace-volume"),
    ],
)
def test_what_an_endpoint_asks_of_a_cluster_is_said(asked: str, field: str) -> None:
    endpoint = parse_config((ENDPOINT % f", {asked}").encode()).valohai.endpoints["serve"]
    (note,) = endpoint_notes.notes(endpoint)
    assert note.startswith(f"`{field}` of the endpoint serve: ignored")


def test_an_endpoints_resources_are_read() -> None:
    asked = (
        ", resources: {cpu: {min: 0.5, max: 2}, memory: {min: 64, max: 512}, devices: {nvidia.com/gpu: 1}}"
    )
    endpoint = parse_config((ENDPOINT % asked).encode()).valohai.endpoints["serve"]
    assert endpoint_notes.resources(endpoint) == Resources(2, 512, 0.5, 64, {"nvidia.com/gpu": 1})
    assert endpoint_notes.notes(endpoint) == []


def test_an_endpoint_that_asks_for_nothing_of_the_kind() -> None:
    endpoint = parse_config((ENDPOINT % ", port: 9000").encode()).valohai.endpoints["serve"]
    assert endpoint_notes.notes(endpoint) == []
    assert endpoint_notes.resources(endpoint) == Resources()
    assert command_of(endpoint) == "{\nrun\n} && {\nit\n}"


@pytest.mark.parametrize("app", ["app", "package.app:serve", "app:create_app('it''s')"])
def test_a_wsgi_endpoint_is_one_argument_of_gunicorn(app: str) -> None:
    endpoint = parse_config(
        f'- endpoint: {{name: serve, image: i, wsgi: "{app}"}}\n'.encode()
    ).valohai.endpoints["serve"]
    *_, command = command_of(endpoint).split("; exec ")
    assert shlex.split(command) == [
        "python3",
        "-m",
        "gunicorn",
        "--bind",
        "${LUOTSI_HOST:-0.0.0.0}:$VALOHAI_PORT",
        app,
    ]


def test_an_edges_configuration_is_said_to_be_ignored() -> None:
    both = "[{name: a, type: execution, step: train}, {name: b, type: execution, step: train}]"
    edge = "{source: a.dependency.x, target: b.dependency.x, configuration: {fast: true}}"
    official = config("description: d", f"- pipeline: {{name: p, nodes: {both}, edges: [{edge}]}}\n")
    planned = plan_node(official, "p", "b", {"a": Finished()}, Given(), FACTS)
    assert planned.spec["notes"] == [
        "`configuration` of the edge from a.dependency.x to b.dependency.x is ignored"
    ]
