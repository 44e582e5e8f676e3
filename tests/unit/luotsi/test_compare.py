"""Two results side by side: every difference is found, and nothing else is called one."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luotsi.here.compare import compare, in_words
from schemas.messages.claim import ResolvedInput
from schemas.messages.result import Output, Result


def sha(letter: str) -> str:
    return f"sha256:{letter * 64}"


def output(name: str, letter: str = "a") -> Output:
    return Output("d" * 8, name, 5, sha(letter), f"outputs/{name}")


OLD = Result(
    version=1,
    execution="e",
    attempt="a",
    outcome="complete",
    reason="complete after 3 s",
    started=None,
    finished="2030-01-01T00:00:00+00:00",
    exit_code=0,
    image="python:3.12",
    image_digest=sha("1"),
    outputs=(output("model.pkl"), output("plot.png")),
    inputs=(ResolvedInput("data", "a.csv", "s3://b/a.csv", 7, sha("b")),),
    metadata={"accuracy": 0.9, "note": "x", "loss": math.nan},
)


def differing(new: Result) -> list[tuple[str, str]]:
    return [(finding.kind, finding.name) for finding in compare(OLD, new) if not finding.same]


def test_the_same_is_the_same_whatever_the_ids_and_times_are() -> None:
    moved = tuple(replace(one, datum="other", key="elsewhere") for one in reversed(OLD.outputs))
    again = replace(OLD, execution="f", attempt="b", finished="2031-01-01T00:00:00+00:00", outputs=moved)
    assert differing(again) == []
    assert list(in_words(compare(OLD, again))) == [
        (True, "outcome   complete"),
        (True, "image     python:3.12 1111111"),
        (True, "input     data/a.csv"),
        (True, "output    model.pkl, plot.png"),
        (True, "metadata  accuracy, loss, note"),
    ]


@pytest.mark.parametrize(
    ("changes", "found", "words"),
    [
        ({"outcome": "error", "exit_code": 3}, [("outcome", "")], "outcome   complete → error with exit code 3"),
        ({"image_digest": sha("2")}, [("image", "")], "image     python:3.12 1111111 → python:3.12 2222222"),
        ({"image_digest": ""}, [("image", "")], "image     python:3.12 1111111 → no image: a plain process"),
        ({"inputs": ()}, [("input", "data/a.csv")], "input     data/a.csv is missing now (it was bbbbbbb (7 bytes))"),
        (
            {"outputs": (output("model.pkl", "c"), output("plot.png"))},
            [("output", "model.pkl")],
            "output    model.pkl aaaaaaa (5 bytes) → ccccccc (5 bytes)",
        ),
        (
            {"outputs": (*OLD.outputs, output("new"))},
            [("output", "new")],
            "output    new is new (aaaaaaa (5 bytes))",
        ),
        ({"metadata": {**OLD.metadata, "accuracy": 0.8}}, [("metadata", "accuracy")], "metadata  accuracy 0.9 → 0.8"),
        ({"metadata": {**OLD.metadata, "accuracy": "0.9"}}, [("metadata", "accuracy")], "metadata  accuracy 0.9 → '0.9'"),
    ],
)  # fmt: skip
def test_each_difference_is_named(changes: dict[str, Any], found: list[tuple[str, str]], words: str) -> None:
    new = replace(OLD, **changes)
    assert differing(new) == found
    assert [text for same, text in in_words(compare(OLD, new)) if not same] == [words]


def test_plain_processes_have_no_image_to_compare() -> None:
    bare = replace(OLD, image_digest="")
    assert "image" not in {finding.kind for finding in compare(bare, bare)}


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.floats(), st.text(max_size=5), st.none()), max_size=5),
       st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.floats(), st.text(max_size=5), st.none()), max_size=5))  # fmt: skip
def test_metadata_is_the_same_exactly_when_it_is_spelled_the_same(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    found = compare(replace(OLD, metadata=one), replace(OLD, metadata=other))
    same = all(finding.same for finding in found)
    assert same is (sorted(map(repr, one.items())) == sorted(map(repr, other.items())))
    assert len(found) == 5 + len({*one, *other})
