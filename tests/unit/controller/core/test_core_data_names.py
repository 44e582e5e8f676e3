"""What a job may call its files: every shape is taken or answered with a sentence, none breaks."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core import data_names
from controller.core.data_names import Address, Named, Names, names_of

UUID = "0d6dbf1c-4c8d-4f6e-9b0a-2f1a1c1d2e3f"


def read(**files: dict[str, Any]) -> Names:
    return names_of(Named(f"id-{name}", name, metadata) for name, metadata in files.items())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"datum://{UUID}", Address("datum", UUID)),
        ("datum://model-prod", Address("datum", "model-prod")),
        ("dataset://cats/v1", Address("dataset", "cats", "v1")),
        ("dataset://cats/", Address("dataset", "cats")),
        ("dataset://cats", Address("dataset", "cats")),
        ("model://models/eu:churn/v1.2.0", Address("model", "models/eu:churn", "v1.2.0")),
        ("dataset:///v1", None),
        ("dataset://cats/ v1", None),
        ("datum://", None),
        ("datum://a\nb", None),
        ("s3://bucket/key", None),
        ("cats/v1", None),
    ],
)
def test_addresses(text: str, found: Address | None) -> None:
    assert data_names.address(text) == found
    if found is not None:
        assert data_names.address(str(found)) == found


def test_an_alias_names_one_file() -> None:
    names = read(a={"valohai.alias": "best"}, b={"valohai.alias": "datum://second"})
    assert names.aliases == {"best": "id-a", "second": "id-b"}
    assert names.troubles == ()


def test_two_files_with_one_alias_get_a_sentence_and_no_alias() -> None:
    names = read(a={"valohai.alias": "best"}, b={"valohai.alias": "best"})
    assert names.aliases == {}
    assert names.troubles == ("the alias best is wanted by a and b: one name cannot mean several files",)


def test_files_that_name_one_version_make_it_together() -> None:
    names = read(
        a={"valohai.dataset-versions": ["dataset://cats/v2"]},
        b={
            "valohai.dataset-versions": [
                {
                    "uri": "dataset://cats/v2",
                    "from": "dataset://cats/v1",
                    "exclude": ["*.tmp"],
                    "targeting_aliases": ["dataset://cats/prod", "new"],
                    "valohai.tags": ["checked"],
                },
                "dataset://all/",
            ]
        },
    )
    cats, everything = names.datasets
    assert (cats.dataset, cats.version, cats.files) == ("cats", "v2", ["id-a", "id-b"])
    assert (cats.base, cats.exclude, cats.aliases) == ("dataset://cats/v1", ["*.tmp"], ["prod", "new"])
    assert cats.tags == ["checked"]
    assert (everything.dataset, everything.version, everything.files) == ("all", "", ["id-b"])
    assert names.troubles == ()


def test_a_fresh_start_inherits_nothing() -> None:
    item = {"uri": "dataset://cats/v2", "from": "dataset://cats/v1", "start_fresh": True}
    assert read(a={"valohai.dataset-versions": [item]}).datasets[0].base == ""


def test_model_versions_as_text_and_as_object() -> None:
    item = {"model_uri": "model://cat/", "model_version_tags": ["small"], "model_release_note": "Faster."}
    names = read(a={"valohai.model-versions": ["model://cat/"]}, b={"valohai.model-versions": [item]})
    [model] = names.models
    assert (model.model, model.files) == ("cat", ["id-a", "id-b"])
    assert (model.tags, model.note) == (["small"], "Faster.")


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"valohai.alias": ["best"]}, "a: `valohai.alias` is one name"),
        ({"valohai.alias": ""}, "a: `valohai.alias` is one name"),
        ({"valohai.alias": UUID}, "looks like a datum's id"),
        ({"valohai.tags": [1]}, "a: `valohai.tags`: a list of words is expected, not [1]"),
        ({"valohai.dataset-versions": 3}, "a: `valohai.dataset-versions` is a list, not 3"),
        ({"valohai.dataset-versions": ["model://cat/"]}, "is dataset://<dataset>/<version>, not 'model://cat/'"),
        ({"valohai.dataset-versions": [{"from": "x"}]}, "is dataset://<dataset>/<version>, not None"),
        ({"valohai.dataset-versions": ["dataset://c/latest"]}, "`latest` always means the newest version"),
        ({"valohai.dataset-versions": [{"uri": "dataset://c/1", "from": 3}]}, "`from` of dataset://c/1 is"),
        ({"valohai.dataset-versions": [{"uri": "dataset://c/1", "from": "dataset://c"}]}, "`from` of"),
        ({"valohai.dataset-versions": [{"uri": "dataset://c/1", "exclude": 3}]}, "a list of words is expected"),
        ({"valohai.dataset-versions": [{"uri": "dataset://c/1", "packaging": True}]}, "`packaging` of"),
        (
            {"valohai.dataset-versions": [{"uri": "dataset://c/1", "targeting_aliases": ["latest"]}]},
            "'latest' cannot be an alias",
        ),
        ({"valohai.model-versions": ["model://cat/3"]}, "write model://cat/ for the next one"),
        (
            {"valohai.model-versions": [{"model_uri": "model://cat/", "model_release_note": 3}]},
            "`model_release_note` is a text, not 3",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said(metadata: dict[str, Any], said: str) -> None:
    [sentence] = read(a=metadata).troubles
    assert said in sentence


def test_bases_that_differ_are_said() -> None:
    one, two = ({"uri": "dataset://c/3", "from": f"dataset://c/{n}"} for n in (1, 2))
    names = read(a={"valohai.dataset-versions": [one]}, b={"valohai.dataset-versions": [two]})
    assert names.datasets[0].base == "dataset://c/1"
    assert names.troubles == (
        "dataset://c/3 is made from dataset://c/1; dataset://c/2, which b names, is left out",
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8)
    | st.sampled_from(["dataset://c/1", "dataset://c/", "model://m/", "latest", "datum://x", UUID]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["uri", "from", "exclude", "targeting_aliases", "packaging", "start_fresh", "valohai.tags",
                         "model_uri", "model_version_tags", "model_release_note", "x"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
KEYS = ("valohai.alias", "valohai.tags", "valohai.dataset-versions", "valohai.model-versions")


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4), max_size=4))
def test_no_metadata_breaks_it(metadata: list[dict[str, Any]]) -> None:
    names = names_of(Named(f"id-{i}", f"file-{i}", each) for i, each in enumerate(metadata))
    ids = {f"id-{i}" for i in range(len(metadata))}
    assert set(names.aliases.values()) <= ids
    for version in names.datasets:
        assert version.version != "latest"
        assert set(version.files) <= ids
    assert all(sentence and "\n" not in sentence for sentence in names.troubles)


@pytest.mark.parametrize(
    ("patterns", "name", "stays"),
    [
        ([], "a.txt", True),
        (["a.txt"], "a.txt", False),
        (["a.txt"], "deep/a.txt", False),
        (["*.txt"], "deep/a.txt", False),
        (["deep/*"], "deep/a.txt", False),
        (["deep/*"], "other/a.txt", True),
        (["other/a.txt"], "a.txt", True),
    ],
)
def test_exclude(patterns: list[str], name: str, stays: bool) -> None:
    assert data_names.kept(patterns, name) is stays


@given(st.lists(st.integers(0, 10**6).map(str) | st.text(max_size=4)))
def test_the_next_version_is_new(known: list[str]) -> None:
    following = data_names.next_version(known)
    assert following not in known
    assert int(following) >= 1


def test_nearest_names() -> None:
    assert data_names.nearest("prod", []) == "There is none yet."
    assert data_names.nearest("prdo", ["prod", "staging"]) == "Did you mean prod?"
    many = [f"n{i}" for i in range(12)]
    assert data_names.nearest("zzz", many).endswith("n9 and 2 more.")
