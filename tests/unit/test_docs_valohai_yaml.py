"""docs/valohai-yaml.md has one row for every field of the official schema and of our items: honoured, refused, or ignored with an
event. There is no fourth state; and each row names a test that exists.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from valohai_yaml.validation import get_json_schema

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "valohai-yaml.md"
WORDS = ("honoured", "refused", "ignored with an event")
OFFICIAL = ("step", "pipeline", "task", "endpoint", "deployment")
OURS = ("trigger", "model")


class Row(NamedTuple):
    """A row of a table: the fields that it is about, its word, and the rest."""

    fields: list[str]
    word: str
    how: str


def fields(part: Any, defs: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """Every key that a file can have, with dots; names that the user chooses are `<name>`."""
    if "$ref" in part:
        yield from fields(defs[part["$ref"].rsplit("/", 1)[-1]], defs, at)
    for key, child in part.get("properties", {}).items():
        name = f"{at}.{key}" if at else key
        yield name
        yield from fields(child, defs, name)
    for word in ("anyOf", "oneOf", "allOf"):
        for child in part.get(word, ()):
            yield from fields(child, defs, at)
    if isinstance(part.get("items"), dict):
        yield from fields(part["items"], defs, at)
    if isinstance(part.get("additionalProperties"), dict):
        yield from fields(part["additionalProperties"], defs, f"{at}.<name>")


@cache
def known(kind: str) -> frozenset[str]:
    """The fields of an item, from the schema itself."""
    if kind in OURS:
        schema = json.loads((ROOT / "schemas" / "json" / f"{kind}.schema.json").read_text(encoding="utf-8"))
        return frozenset(fields(schema, schema.get("$defs", {})))
    defs = {name.rsplit("/", 1)[-1]: part for name, part in get_json_schema()["$defs"].items()}
    return frozenset(fields(defs[kind], defs))


def rows(kind: str) -> list[Row]:
    """The table of an item's section."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"^## {kind.capitalize()}$\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section for {kind}"
    lines = [line for line in found[1].splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert all(len(row) == 3 for row in cells), [row for row in cells if len(row) != 3]
    return [Row(re.findall(r"`([^`]+)`", first), word, how) for first, word, how in cells]


def covers(named: str, field: str) -> bool:
    """A row's `resources.*` is about all that is below; everything else is about one field."""
    return fnmatchcase(field, named.replace("[", "[[]")) if named.endswith(".*") else named == field


@pytest.mark.parametrize("kind", [*OFFICIAL, *OURS])
def test_every_field_has_exactly_one_row(kind: str) -> None:
    named = [name for row in rows(kind) for name in row.fields]
    times = Counter({field: sum(covers(name, field) for name in named) for field in known(kind)})
    assert {field for field, count in times.items() if count == 0} == set()
    assert {field for field, count in times.items() if count > 1} == set()


@pytest.mark.parametrize("kind", [*OFFICIAL, *OURS])
def test_no_row_is_about_a_field_that_there_is_not(kind: str) -> None:
    named = [name for row in rows(kind) for name in row.fields]
    assert [name for name in named if not any(covers(name, field) for field in known(kind))] == []


@pytest.mark.parametrize("kind", [*OFFICIAL, *OURS])
def test_every_row_says_one_of_three_words_and_names_a_test_that_exists(kind: str) -> None:
    for row in rows(kind):
        assert row.word in WORDS, row
        tests = re.findall(r"`(tests/[\w/]+\.py)`", row.how)
        assert tests, row
        assert [test for test in tests if not (ROOT / test).is_file()] == [], row


def test_every_kind_of_item_has_its_section() -> None:
    official = {name.replace("blueprint", "pipeline") for name in get_json_schema()["items"]["properties"]}
    assert official <= set(OFFICIAL)
    titles = re.findall(r"^## (\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [title.lower() for title in titles] == [*OFFICIAL, *OURS]


def test_the_schema_is_read_to_its_leaves() -> None:
    """The reader of the schemas follows references, alternatives, lists and names that the user chooses."""
    assert {"parameters.widget.type", "mounts.readonly", "resources.cpu.max"} <= known("step")
    assert {"nodes.override.inputs.filename", "nodes.aliases", "edges.configuration"} <= known("pipeline")
    assert {"stages.<name>.smoke.post", "from.trigger"} <= known("model")
    assert {"when.schedule.timezone", "concurrency.replace"} <= known("trigger")
