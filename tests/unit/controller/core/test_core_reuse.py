"""The content key: the same content has the same key, any other has another, and people hear what differs."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core import reuse

DATUM = {
    "datum": "0d6dbf1c-4c8d-4f6e-9b0a-2f1a1c1d2e3f",
    "name": "a.csv",
    "key": "outputs/1/1/x/a.csv",
    "size": 3,
    "sha256": "sha256:" + "a" * 64,
    "store": "artifacts",
    "metadata": {},
}


def spec(**changed: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "kind": "step",
        "step": "train",
        "commit": "c" * 40,
        "image": "python:3.12",
        "commands": ["python train.py --epochs 5"],
        "joiner": "&&",
        "archive": {"key": "code/1", "digest": "sha256:" + "d" * 64, "size": 10, "reads": [], "content": ""},
        "created": "2030-01-01T00:00:00Z",
        "parameters": {"epochs": 5, "rate": 0.1},
        "inputs": [
            {
                "name": "data",
                "uris": [],
                "data": [dict(DATUM)],
                "filename": None,
                "keep_directories": "none",
                "optional": False,
                "download": "always",
            }
        ],
        "environment_variables": {"MODE": "fast"},
        "variable_groups": [],
        "trust": "trusted",
        "resources": {"cpu_max": 0},
        "time_limit": None,
        "stop_condition": None,
        "upload_store": "artifacts",
        "mounts": [],
        "notes": [],
    }
    return {**base, **changed}


def key(of: dict[str, Any], secrets: str = "") -> str:
    return reuse.key(reuse.parts(of, secrets))


def inputs(**changed: Any) -> list[dict[str, Any]]:
    return [{**spec()["inputs"][0], **changed}]


def data(**changed: Any) -> list[dict[str, Any]]:
    return inputs(data=[{**DATUM, **changed}])


CONTENT: list[tuple[str, dict[str, Any]]] = [
    ("archive", {"archive": {"key": "code/2", "digest": "sha256:" + "e" * 64, "size": 10}}),
    ("archive", {"archive": {**spec()["archive"], "reads": ["a"], "content": "sha256:" + "f" * 64}}),
    ("command", {"commands": ["python train.py"]}),
    ("command", {"commands": ["python train.py", "--epochs 5"]}),
    ("command", {"joiner": ";"}),
    ("image", {"image": "python:3.13"}),
    ("inputs", {"inputs": []}),
    ("inputs", {"inputs": inputs(name="other")}),
    ("inputs", {"inputs": inputs(data=[])}),
    ("inputs", {"inputs": inputs(data=[DATUM, DATUM])}),
    ("inputs", {"inputs": inputs(filename="b.csv")}),
    ("inputs", {"inputs": inputs(keep_directories="full")}),
    ("inputs", {"inputs": inputs(download="on-demand")}),
    ("inputs", {"inputs": data(name="b.csv")}),
    ("inputs", {"inputs": data(sha256="sha256:" + "b" * 64)}),
    ("inputs", {"inputs": data(metadata={"label": "cat"})}),
    ("parameters", {"parameters": {"epochs": 6, "rate": 0.1}}),
    ("parameters", {"parameters": {"epochs": "5", "rate": 0.1}}),
    ("parameters", {"parameters": {"epochs": True, "rate": 0.1}}),
    ("parameters", {"parameters": {"epochs": 5}}),
    ("variables", {"environment_variables": {}}),
    ("variables", {"environment_variables": {"MODE": "slow"}}),
    ("mounts", {"mounts": [{"source": "/data", "destination": "/data"}]}),
    ("stop condition", {"stop_condition": "loss < 0.1"}),
    ("store", {"upload_store": "cold"}),
]  # fmt: skip


@pytest.mark.parametrize(("part", "changed"), CONTENT)
def test_a_change_of_any_part_is_another_key_and_is_named(part: str, changed: dict[str, Any]) -> None:
    old, new = spec(), spec(**changed)
    assert key(old) != key(new)
    assert reuse.differences(reuse.parts(old), reuse.parts(new)) == (part,)


def test_trust_classes_have_keys_of_their_own() -> None:
    assert key(spec()) != key(spec(trust="untrusted"))


def test_secrets_count() -> None:
    assert len({key(spec(), secrets) for secrets in ("", "a", "b")}) == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"step": "other"},
        {"commit": "e" * 40},
        {"created": "2031-01-01T00:00:00Z"},
        {"resources": {"cpu_max": 4}},
        {"time_limit": 60.0},
        {"notes": ["something"]},
        {"node": "train", "pipeline": "x", "counter": 4},
        {"archive": {**spec()["archive"], "key": "elsewhere", "size": 11}},
        {"inputs": data(datum="other", key="elsewhere", store="cold")},
        {"inputs": data(metadata={"valohai.alias": "best", "valohai.tags": ["x"]})},
    ],
)
def test_what_is_no_content_does_not_count(changed: dict[str, Any]) -> None:
    assert key(spec()) == key(spec(**changed))


def test_with_reads_only_the_files_that_are_named_count() -> None:
    one, other = (
        {"key": "k", "digest": digest, "size": 1, "reads": ["a"], "content": "sha256:same"} for digest in "xy"
    )
    assert key(spec(archive=one)) == key(spec(archive=other))
    assert reuse.same_words(spec(archive=one), spec(archive=other)).startswith("same files of `reads`, image")
    assert reuse.same_words(spec(archive=one), spec(archive=one)) == "same archive, image, inputs, parameters"


def _shuffled(value: Any) -> Any:
    """The same JSON with its keys in another order."""
    if isinstance(value, dict):
        return {name: _shuffled(value[name]) for name in reversed(value)}
    return [_shuffled(each) for each in value] if isinstance(value, list) else value


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
PARAMETERS = st.dictionaries(
    st.text(min_size=1, max_size=4), VALUES | st.lists(VALUES, max_size=3), max_size=4
)


@given(
    PARAMETERS, st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=3), st.permutations("abcd")
)
def test_the_same_content_has_the_same_key(
    parameters: dict[str, Any], variables: dict[str, str], names: list[str]
) -> None:
    files = [{**DATUM, "name": name} for name in "abcd"]
    first = spec(parameters=parameters, environment_variables=variables, inputs=inputs(data=files))
    shuffled = [{**DATUM, "name": name} for name in names]
    second = spec(parameters=parameters, environment_variables=variables, inputs=inputs(data=shuffled))
    assert key(first) == key(_shuffled(copy.deepcopy(second)))
    assert key(first) == key(json.loads(json.dumps(first))), "the ledger's copy has the key too"
    assert reuse.differences(reuse.parts(first), reuse.parts(second)) == ()


@given(PARAMETERS, PARAMETERS)
def test_other_parameters_have_another_key(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (key(spec(parameters=one)) == key(spec(parameters=other))) is same


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ""),
        ({"parameters": {"epochs": 6, "rate": 0.1}}, "parameters differ from #12 (epochs)"),
        (
            {"parameters": {"epochs": 6, "rate": 0.1}, "commands": ["python train.py --epochs 6"]},
            "parameters differ from #12 (epochs)",
        ),
        ({"commands": ["make"]}, "command differs from #12"),
        ({"image": "python:3.13", "inputs": []}, "image and inputs differ from #12 (data)"),
        (
            {"parameters": {}, "environment_variables": {"A": "1"}, "image": "x"},
            "image, parameters and variables differ from #12 (epochs, rate, A, MODE)",
        ),
    ],
)
def test_differences_in_words(changed: dict[str, Any], words: str) -> None:
    assert reuse.in_words(reuse.parts(spec()), reuse.parts(spec(**changed)), 12) == words
    read = reuse.in_words(reuse.parts(spec()), reuse.parts(spec(**changed)), 12, reuse.FILES)
    assert read == words.replace("archive differs", "files of `reads` differ").replace("archive", reuse.FILES)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ""),
        ({"inputs": inputs(data=[])}, ""),
        ({"inputs": inputs(uris=["s3://bucket/a.csv"])}, "the input data comes from s3://bucket,"),
        ({"inputs": inputs(uris=["https://u:secret@example.org/a"])}, "comes from https://example.org,"),
        ({"mounts": [{"source": "/data", "destination": "/data"}]}, "it mounts /data,"),
    ],
)
def test_what_has_no_content_version_is_said(changed: dict[str, Any], words: str) -> None:
    said = reuse.obstacle(spec(**changed))
    assert words in said
    assert bool(said) is bool(words)
    assert "secret" not in said
