"""The schema that editors use says of a file what the linter's schemas say, and is written from the installed library."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from schemas import editor
from schemas.checks import official, ours
from schemas.parse_config import parse_config
from tests.parts.parser_source import ParserSource

ROOT = Path(__file__).parents[3]
STEP = "- step: {name: a, image: b, command: c}\n"
RUN = "when: {push: }, run: {step: a}"
EDITOR = Draft202012Validator(editor.schema())

SOUND = (
    "[]",
    STEP,
    "- definitions: {anything: [1, 2]}",
    "- blueprint: {name: p, nodes: [], edges: []}",
    f"- trigger: {{name: t, {RUN}}}",
    f"- trigger: {{name: t, paths: x, {RUN}, expect: 'a > 1'}}",
    "- model: {name: m, from: {step: a, output: o}, stages: {prod: }}",
    "- deployment: {name: d, defaults: {}}",
)
WRONG = (
    "{}",
    "- 5",
    "- step: {name: a, image: b}",
    "- step: {name: a, image: b, command: c, comand: d}",
    "- step: {name: a, image: b, command: c, parameters: [{name: p, type: integr}]}",
    "- pipeline: {name: p, nodes: [{name: n, type: execution}], edges: []}",
    "- deployment: {name: d, whatever: 1}",
    f"- trigger: {{name: T, {RUN}}}",
    f"- trigger: {{name: t, paths: [], {RUN}}}",
    f"- trigger: {{name: t, path: x, {RUN}}}",
    "- model: {name: m, from: {step: a}}",
    "- model: {name: m, from: {step: a, output: o}, stages: {prod: {replicas: 0}}}",
)


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for part in value.values() for found in references(part)]
    return [found for part in value for found in references(part)] if isinstance(value, list) else []


def linted(document: Any) -> bool:
    """What the schemas that the linter uses say, item by item."""
    if not official.validator().is_valid(document):
        return False
    return all(
        ours.validator(kind).is_valid(item[kind]) for item in document for kind in editor.OURS if kind in item
    )


def test_the_file_is_the_one_that_the_script_writes() -> None:
    assert editor.FILE.read_text(encoding="utf-8") == editor.text(), "run `python -m schemas.editor`"


def test_it_is_a_schema_whose_references_an_editor_can_follow() -> None:
    schema = editor.schema()
    Draft202012Validator.check_schema(schema)
    pointed = references(schema)
    assert len(pointed) > 20
    assert {name.removeprefix("#/$defs/") for name in pointed} == set(schema["$defs"])
    assert '"$id"' not in json.dumps(schema)


@pytest.mark.parametrize("text", SOUND)
def test_what_is_sound_is_not_underlined(text: str) -> None:
    document = yaml.safe_load(text)
    assert linted(document)
    EDITOR.validate(document)


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_underlined(text: str) -> None:
    document = yaml.safe_load(text)
    assert not EDITOR.is_valid(document)
    assert not linted(document)


TIMES = [
    "5s",
    "90s",
    "1w",
    "2days",
    "1.5h",
    ".5h",
    "1h30m",
    "1h 30m 5s",
    "5 seconds",
    "about 5 minutes or 2s",
    "",
    " ",
    "-5s",
]
NO_TIMES = ["5 parsecs", "5", "5M", "0s", "0", "1h 5", "odd", "1.2.3s", ". s", "5 s 3 x", "s"]


@pytest.mark.parametrize("key", editor.DURATIONS)
@pytest.mark.parametrize(("text", "sound"), [*((t, True) for t in TIMES), *((t, False) for t in NO_TIMES)])
def test_durations_are_those_that_the_library_reads(key: str, text: str, sound: bool) -> None:
    item = {"name": "a", "image": "b", "command": "c", key: text}
    assert EDITOR.is_valid([{"step": item}]) is sound
    assert parse_config(json.dumps([{"step": item}]).encode()).ok is sound


def test_the_sample_is_sound() -> None:
    EDITOR.validate(yaml.safe_load((ROOT / "examples" / "wine" / "valohai.yaml").read_text(encoding="utf-8")))


def test_the_official_examples_get_the_linters_answer(parser_source: ParserSource) -> None:
    answers = []
    for path in sorted(Path(parser_source.address).rglob("*.yaml")):
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError:
            continue
        if isinstance(document, list) and all(isinstance(item, dict) for item in document):
            answers.append(linted(document))
            assert EDITOR.is_valid(document) is answers[-1], path.name
    assert answers.count(True) > 20
    assert answers.count(False) > 5
