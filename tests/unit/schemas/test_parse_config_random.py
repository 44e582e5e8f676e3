"""Whatever the bytes are: an answer, never an exception; and every place is one of the text's."""

import random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.parse_config import parse_config
from schemas.repo_config import RepoConfig

VALID = """\
- step:
    name: train
    image: python:3.12
    command: ["python train.py {parameters}", "echo {parameter-value:lr}"]
    parameters:
      - {name: lr, type: float, default: 0.1, min: 0, pass-as: "--lr {v}"}
      - {name: layers, type: integer, multiple: repeat, default: [1, 2]}
      - {name: fast, type: flag, pass-true-as: "-f"}
    inputs: [{name: data, default: ["s3://b/d"], keep-directories: suffix}]
    time-limit: 5m
    stop-condition: accuracy > 0.9
    mounts: [/a:/b]
    resources: {cpu: {max: 1}, devices: {nvidia.com/gpu: 1}}
- task: {name: sweep, step: train, parameters: [{name: lr, style: linear, rules: {start: 0, end: 1, step: 0.1}}]}
- pipeline:
    name: p
    nodes:
      - &node {name: a, type: execution, step: train, on-error: retry}
      - {<<: *node, name: b, override: {inputs: [{name: data}]}, actions: [{when: node-error, if: x > 1, then: noop}]}
      - {name: c, type: task, task: sweep}
      - {name: d, type: deployment, deployment: dep, endpoints: [predict]}
    edges:
      - [a.output.x, b.input.data]
      - {source: b.output.m, target: d.file.predict.model}
      - [b.metadata.best, c.parameter.lr]
    parameters: [{name: rate, targets: [a.parameter.lr, b.parameters.lr], default: 1}]
- endpoint: {name: predict, image: i, server-command: run, files: [{name: model, path: m}]}
- deployment: {name: dep, defaults: {target: t}}
- trigger:
    name: push
    when: {push: {branches: [main]}, schedule: {cron: "0 3 * * *", timezone: UTC}, comment: /go}
    paths: ["src/**"]
    run: {pipeline: p, parameters: {rate: 2}, inputs: {a.data: x}}
    concurrency: {group: "{trigger}"}
    expect: [c.accuracy >= base - 0.01]
- model:
    name: m
    from: {pipeline: p, node: b, output: m, trigger: push}
    endpoint: predict
    stages: {prod: {require: ["stage:dev"], smoke: {post: s.json}}, dev: }
"""

WORDS = [
    *[
        "-",
        ":",
        ",",
        "[",
        "]",
        "{",
        "}",
        "&",
        "*",
        "!",
        "|",
        ">",
        "'",
        '"',
        "#",
        "%",
        "@",
        "`",
        "?",
        "~",
        "<<",
        "&",
        "\n",
        "\n",
        "\t",
    ],
    *[
        "step",
        "task",
        "pipeline",
        "endpoint",
        "deployment",
        "trigger",
        "model",
        "blueprint",
        "name",
        "run",
        "when",
        "from",
        "stages",
        "nodes",
        "edges",
    ],
    *[
        "null",
        "true",
        "1",
        "-1",
        ".inf",
        ".nan",
        "1e999",
        "2020-01-01",
        "0x1",
        "0b_",
        "1:1",
        "on",
        "yes",
        "[]",
        "{}",
        "''",
        '"\\0"',
        '"\\ud800"',
        "!!int",
        "!!set",
        "*x",
        "&x",
    ],
    "  ",
    "\n  ",
    "\n    ",
    "- {",
]


def sound(config: RepoConfig, text: bytes) -> None:
    lines = text.count(b"\n") + text.count(b"\r") + text.count(b"\x85") + text.count(b"\xe2\x80") + 1
    assert all(0 <= problem.line <= lines + 1 and problem.column >= 0 for problem in config.problems)
    assert all(problem.message and problem.severity in ("error", "warning") for problem in config.problems)
    assert all(
        not problem.message.startswith(("the official lint stumbled", "the schema cannot"))
        for problem in config.problems
    )
    places = [problem.line for problem in config.problems]
    assert places == sorted(places) or len(places) > 200
    if config.ok:
        assert config.valohai is not None


def test_the_text_that_is_mutated_is_sound_itself() -> None:
    config = parse_config(VALID.encode())
    assert [str(problem) for problem in config.problems] == []
    assert (len(config.triggers), len(config.models)) == (1, 1)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(text: bytes) -> None:
    sound(parse_config(text), text)


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=40).map("".join))
@example('- {"\\ud800": 1}')
@example("- {? [a] : b}")
def test_any_pieces_of_yaml(text: str) -> None:
    sound(parse_config(text.encode()), text.encode())


KEYS = st.sampled_from(
    [word for word in VALID.replace(":", " ").replace(",", " ").split() if word.isidentifier()]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | KEYS
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS | SCALARS.filter(lambda key: key == key), inner, max_size=3)
    ),
    max_leaves=12,
)


def written(value: object) -> str:
    """The value as YAML in flow style, odd keys included."""
    match value:
        case dict():
            return "{" + ", ".join(f"? {written(key)} : {written(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(written, value)) + "]"
        case str():
            return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
    return str(value)


@settings(deadline=None)
@given(st.sampled_from(["step", "task", "pipeline", "endpoint", "deployment", "trigger", "model"]), VALUES)
def test_any_value_in_the_place_of_an_item(kind: str, value: object) -> None:
    text = f"{VALID}- {kind}: {written(value)}\n".encode()
    sound(parse_config(text), text)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), VALUES)
def test_a_good_file_with_one_value_replaced(seed: int, value: object) -> None:
    starts = [place for place, character in enumerate(VALID) if character == ":" and VALID[place + 1] == " "]
    start = random.Random(seed).choice(starts) + 1
    ends = [VALID.find(end, start) for end in (",", "}", "]", "\n") if VALID.find(end, start) > 0]
    text = (VALID[:start] + " " + written(value) + VALID[min(ends) :]).encode()
    sound(parse_config(text), text)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(WORDS), st.integers(0, 12))
def test_a_good_file_with_a_piece_changed(seed: int, piece: str, removed: int) -> None:
    at = random.Random(seed).randrange(len(VALID))
    text = (VALID[:at] + piece + VALID[at + removed :]).encode()
    sound(parse_config(text), text)
