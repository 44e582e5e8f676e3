"""Bombs: small texts that stand for large ones, and large ones."""

import tracemalloc

import pytest

from schemas.errors import ConfigError
from schemas.parse_config import parse_config
from schemas.values import Problem
from schemas.yaml_limits import Limits
from schemas.yaml_marks import load

LAUGHS = (
    "a: &a ["
    + "x, " * 9
    + "x]\n"
    + "".join(
        f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
)
MERGES = "- a: &a {x1: 1, x2: 2}\n" + "".join(
    f"- b: &b{number + 1} {{<<: [*b{number}, *b{number}]}}\n".replace("*b0", "*a") for number in range(30)
)
STEP = "- step: {name: a, image: b, command: c}\n"


def refused(text: str | bytes, limits: Limits | None = None) -> Problem:
    with pytest.raises(ConfigError) as caught:
        load(text.encode() if isinstance(text, str) else text, "f.yaml", limits or Limits())
    (problem,) = caught.value.problems
    return problem


BOMBS = [
    ("laughs", LAUGHS, "more than 20,000 values", 5),
    ("merges", MERGES, "more than 20,000 values", 12),
    ("itself", "- &a [1, *a]\n", "`*a` stands inside of what it names", 1),
    ("deep", "".join("  " * level + "- a:\n" for level in range(60)), "nested more than 50 levels deep", 26),
    ("text", f"- &a {'y' * 500_000}\n- [{', '.join(['*a'] * 100)}]\n", "more than 1,048,576 characters", 2),
    ("items", STEP * 26_000, "more than 2,000 items", 2001),
    ("number", f"- a: {'1' * 5000}\n", "a number of 5,000 characters", 1),
    ("sexagesimal", f"- a: {'1:1' * 300_000}\n", "a number of 900,000 characters", 1),
    ("hidden number", '- !!int {=: "' + "1:" * 50_000 + '1"}\n', "the tag `!!int` is not allowed", 1),
    ("tagged number", f'- !!int "{"1" * 5000}"\n', "a number of 5,000 characters", 1),
]


@pytest.mark.parametrize(
    ("text", "message", "line"), [case[1:] for case in BOMBS], ids=[case[0] for case in BOMBS]
)
def test_threat_17_a_bomb_is_refused_at_once_and_where_it_is(text: str, message: str, line: int) -> None:
    tracemalloc.start()
    problem = refused(text)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert message in problem.message
    assert problem.line == line
    assert most < 60_000_000


def test_brackets_without_end_are_refused() -> None:
    assert "nest" in refused("[" * 900_000).message


def test_a_file_of_five_megabytes_is_refused_unread() -> None:
    problem = refused(b"- x: y\n" * 800_000)
    assert problem.message == "the file has more than 1,048,576 bytes, and no more are read"
    assert problem.line == 0


def test_an_alias_cannot_go_deeper_than_what_is_written() -> None:
    text = "- &a [[[1]]]\n- &b [[*a]]\n- [[*b]]\n"
    assert load(text.encode(), "f.yaml", Limits(depth=8)).value[2] == [[[[[[[1]]]]]]]
    assert refused(text, Limits(depth=7)).line == 3


def test_limits_are_settings() -> None:
    assert refused("- 1\n- 2\n- 3\n", Limits(items=2)).line == 3
    assert refused("- [1, 2]\n", Limits(nodes=3)).column == 7
    assert (
        refused("abcdef", Limits(bytes=5)).message == "the file has more than 5 bytes, and no more are read"
    )
    assert load(b"- [1, 2]\n", "f.yaml", Limits(nodes=4, items=1)).value == [[1, 2]]


NODES = "".join(f"    - {{name: n{number}, type: execution, step: s}}\n" for number in range(1001))
WAITING = "".join(f"    - [n{number}.dependency.x, n{number + 1}.dependency.x]\n" for number in range(999))
CHOICES = (
    "- step:\n    name: s\n    image: i\n    command: c\n    parameters:\n    - name: p\n      multiple: repeat\n"
    f"      choices: [{', '.join(map(str, range(9000)))}]\n      default: [{', '.join(map(str, range(9000, 18000)))}]\n"
)
SLOW = [
    ("2,000 steps", "".join(f"- step: {{name: s{n}, image: i, command: c}}\n" for n in range(2000)), None),
    (
        "wrong steps",
        "".join(f"- step: {{nam: s{n}, imag: i, comand: c}}\n" for n in range(1900)),
        "`step` has no `command`",
    ),
    (
        "1,001 nodes",
        "- step: {name: s, image: i, command: c}\n- pipeline:\n    name: p\n    edges: []\n    nodes:\n"
        + NODES,
        "more than 1,000 nodes in one pipeline",
    ),
    (
        "1,000 nodes in a row",
        "- step: {name: s, image: i, command: c}\n- pipeline:\n    name: p\n    edges:\n"
        + WAITING
        + "    nodes:\n"
        + NODES.rpartition("    -")[0],
        None,
    ),
    (
        "a name of a megabyte for 1,000 edges",
        f"- pipeline:\n    name: {'y' * 900_000}\n    nodes: []\n    edges:\n"
        + "    - [a.output.b, c.input.d]\n" * 1000,
        "a name has at most 200 characters",
    ),
    (
        "a mount for the schema's regular expression",
        '- step: {name: s, image: i, command: c, mounts: ["/' + ":/" * 400_000 + '\\n\\n"]}\n',
        "a mount cannot have line breaks",
    ),
    (
        "a command for the library's regular expression",
        f"- step: {{name: s, image: i, command: '{'{' * 1_000_000}'}}\n",
        "hundreds of `{` that are never closed",
    ),
    (
        "choices for the library's lint",
        CHOICES,
        "too many choices and defaults",
    ),
    (
        "actions for the library's lint",
        "- step: {name: s, image: i, command: c}\n- pipeline:\n    name: p\n    edges: []\n    nodes:\n    - name: a\n"
        "      type: execution\n      step: s\n      actions: [{then: noop, when: ["
        + ", ".join(f"{'w' * 40}{number}" for number in range(15_000))
        + "]}]\n",
        "too many complaints",
    ),
    (
        "a duration",
        f'- step: {{name: s, image: i, command: c, time-limit: "{"9" * 900_000}s"}}\n',
        "is not a duration",
    ),
    (
        "an expression",
        f"- step: {{name: s, image: i, command: c, stop-condition: '{'(' * 900_000}'}}\n",
        "an expression has at most 1,000 characters",
    ),
]


@pytest.mark.parametrize(("text", "message"), [case[1:] for case in SLOW], ids=[case[0] for case in SLOW])
def test_what_is_within_the_limits_is_judged_and_not_endlessly_complained_of(
    text: str, message: str | None
) -> None:
    config = parse_config(text.encode())
    assert config.ok is (message is None)
    if message is not None:
        assert any(message in problem.message for problem in config.problems)
    assert len(config.problems) <= 201
    assert sum(len(problem.message) + len(problem.hint) for problem in config.problems) < 200_000
