"""Places of keys and values, and what YAML allows and we report."""

import pytest

from schemas.errors import ConfigError
from schemas.yaml_marks import Place, load
from tests.builders.marked_yaml import marked

TEXT = b"""\
- step:
    name: train
    command:
      - python train.py
      - "echo done"
    more: {a: 1, b: [x, 'y']}
"""


def test_values_and_keys_have_their_places() -> None:
    marks = load(TEXT, "f.yaml").marks
    assert marks.value((0,)) == Place(1, 3)
    assert marks.key((0, "step")) == Place(1, 3)
    assert marks.value((0, "step")) == Place(2, 5)
    assert marks.key((0, "step", "name")) == Place(2, 5)
    assert marks.value((0, "step", "name")) == Place(2, 11)
    assert marks.value((0, "step", "command", 1)) == Place(5, 9)
    assert marks.key((0, "step", "command", 1)) == Place(5, 9)
    assert marks.value((0, "step", "more", "b", 1)) == Place(6, 25)


def test_an_unknown_path_has_the_place_of_what_is_around_it() -> None:
    marks = load(TEXT, "f.yaml").marks
    assert marks.value((0, "step", "image", "tag")) == Place(2, 5)
    assert marks.value((7, "step")) == Place(1, 1)


def test_inside_of_a_text_a_place_counts_its_characters() -> None:
    marks = load(b"a: plain text\nb: 'quoted'\nc: 'it''s'\nd: |\n  block\n", "f.yaml").marks
    assert marks.inside(("a",), 6) == Place(1, 10)
    assert marks.inside(("b",), 2) == Place(2, 7)
    assert marks.inside(("c",), 3) == Place(3, 4), "an escape moves what follows: the beginning is given"
    assert marks.inside(("d",), 3) == Place(4, 4)


def test_behind_an_alias_and_a_merge_the_place_is_where_it_is_written() -> None:
    document = load(b"- x: &x {image: python}\n- y: *x\n- z: {<<: *x, name: n}\n", "f.yaml")
    assert document.value[2] == {"z": {"image": "python", "name": "n"}}
    assert document.marks.value((1, "y", "image")) == Place(1, 17)
    assert document.marks.value((2, "z", "image")) == Place(1, 17)
    assert document.marks.value((2, "z", "name")) == Place(3, 21)


def test_columns_count_characters_and_a_byte_order_mark_counts_nothing() -> None:
    marks = load("\ufeffäö: [ü, x]\n".encode(), "f.yaml").marks
    assert marks.key(("äö",)) == Place(1, 1)
    assert marks.value(("äö", 1)) == Place(1, 9)


def test_windows_line_ends_count_once() -> None:
    assert load(b"a: 1\r\nb: 2\r\n", "f.yaml").marks.value(("b",)) == Place(2, 4)


def test_an_empty_text_has_no_value() -> None:
    assert load(b"# nothing\n", "f.yaml").value is None


ODD = [
    ("- a: 1\n  §a: 2\n", "duplicate", "`a` is given twice (first on line 1); the last one counts"),
    ("- {b: {x: 1, §x: 2}}\n", "duplicate", "`x` is given twice"),
    ("- §1: one\n", "unfit", "the key `1` is not text"),
    ("- §on: one\n", "unfit", "the key `on` is not text"),
    ("- §~: one\n", "unfit", "the key `~` is not text"),
    ("- a: §.inf\n", "unfit", "`.inf` is not a finite number"),
    ("- a: [0, §-.INF]\n", "unfit", "`-.INF` is not a finite number"),
    ("- a: §.nan\n", "unfit", "`.nan` is not a finite number"),
    ("- a: §1.0e+999\n", "unfit", "`1.0e+999` is not a finite number"),
    ('- a: §"x\\0y"\n', "unfit", "cannot be stored"),
    ("- a: §2020-09-02\n", "date", "`2020-09-02` is a date in YAML"),
    ("- a: §2020-99-99\n", "date", "is a date in YAML"),
]


@pytest.mark.parametrize(("text", "kind", "message"), ODD, ids=[case[0].strip() for case in ODD])
def test_oddities_have_a_place(text: str, kind: str, message: str) -> None:
    case = marked(text)
    (oddity,) = load(case.text, "f.yaml").oddities
    assert (oddity.kind, oddity.place) == (kind, Place(case.line, case.column))
    assert message in oddity.message


def test_dates_stay_text() -> None:
    assert load(b"a: 2020-09-02\nb: 2020-09-02 10:00:00\n", "f.yaml").value == {
        "a": "2020-09-02",
        "b": "2020-09-02 10:00:00",
    }


def test_a_merged_key_that_is_replaced_is_no_duplicate() -> None:
    assert load(b"- &a {x: 1}\n- {<<: *a, x: 2}\n", "f.yaml").oddities == ()


SYNTAX = [
    ("- a: [1, 2\nb§: 3\n", "while parsing a flow sequence", "It begins on line 1."),
    ("- step:\n§\tname: x\n", "cannot start any token", "Indent with spaces; YAML does not allow tabs."),
    ("a: §*nowhere\n", "alias", ""),
    ("a: 1\n§---\nb: 2\n", "single document", ""),
    ("- name: a§: b\n", "mapping values are not allowed", ""),
    ("- a: §!!int x\n", "`x` cannot be read as int", ""),
    ("- a: §!!float ''\n", "cannot be read as float", ""),
    ("- a: §!!bool maybe\n", "`maybe` cannot be read as bool", ""),
    ("- a: §0b_\n", "`0b_` cannot be read as int", ""),
    ("- ? §[1]\n  : x\n", "unhashable", ""),
    (
        "- a: §!!python/object/apply:os.system [ls]\n",
        "the tag `!!python/object/apply:os.system` is not allowed",
        "",
    ),
    ("- a: §!!binary aGk=\n", "the tag `!!binary` is not allowed", ""),
    ("- a: §!!set {x}\n", "the tag `!!set` is not allowed", ""),
    ("- a: §!local x\n", "the tag `!local` is not allowed", ""),
]


@pytest.mark.parametrize(("text", "message", "hint"), SYNTAX, ids=[case[0].strip() for case in SYNTAX])
def test_what_cannot_be_read_says_where(text: str, message: str, hint: str) -> None:
    case = marked(text)
    with pytest.raises(ConfigError) as caught:
        load(case.text, "f.yaml")
    (problem,) = caught.value.problems
    assert (problem.path, problem.line, problem.column) == ("f.yaml", case.line, case.column)
    assert message in problem.message
    assert problem.hint == hint or not hint


def test_bytes_that_are_no_text_say_where() -> None:
    for text, line, column in ((b"a: 1\nb: \xff\n", 2, 4), ("ä: 1\n".encode("latin-1"), 1, 1)):
        with pytest.raises(ConfigError) as caught:
            load(text, "f.yaml")
        (problem,) = caught.value.problems
        assert (problem.line, problem.column, problem.message) == (line, column, "the file is not UTF-8 text")


def test_forbidden_characters_say_where() -> None:
    with pytest.raises(ConfigError) as caught:
        load(b"a: 1\nb: x\x07\n", "f.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (2, 5)
    assert "U+0007" in problem.message
