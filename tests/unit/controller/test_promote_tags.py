"""Names of registry tags: ours and GTO's own parser say the same."""

import pytest
from gto.tag import parse_name
from hypothesis import given
from hypothesis import strategies as st

from controller.core.serving.tags import Action, ParsedTag, next_counter, parse_tag, semver_key, spell

READ = [
    ("churn@v1.2.0", ParsedTag(Action.REGISTER, "churn", version="v1.2.0")),
    ("churn@v1.2.0#7", ParsedTag(Action.REGISTER, "churn", version="v1.2.0", counter=7)),
    ("churn@v1.2.0!", ParsedTag(Action.DEREGISTER, "churn", version="v1.2.0")),
    ("churn@v1.2.0!#8", ParsedTag(Action.DEREGISTER, "churn", version="v1.2.0", counter=8)),
    ("churn@v1.2.0-rc.1+b5", ParsedTag(Action.REGISTER, "churn", version="v1.2.0-rc.1+b5")),
    ("churn#prod#9", ParsedTag(Action.ASSIGN, "churn", stage="prod", counter=9)),
    ("churn#prod", ParsedTag(Action.ASSIGN, "churn", stage="prod")),
    ("churn#1", ParsedTag(Action.ASSIGN, "churn", stage="1")),
    ("churn#prod!#10", ParsedTag(Action.UNASSIGN, "churn", stage="prod", counter=10)),
    ("churn@deprecated", ParsedTag(Action.DEPRECATE, "churn")),
    ("churn@created", ParsedTag(Action.CREATE, "churn")),
    ("models/eu=churn#prod#1", ParsedTag(Action.ASSIGN, "models/eu:churn", stage="prod", counter=1)),
    ("Team/Churn_2@v0.0.1", ParsedTag(Action.REGISTER, "Team/Churn_2", version="v0.0.1")),
]

NOT_READ = [
    "v1.0.0", "churn@1.0.0", "churn@v1.0", "churn@v01.0.0", "churn.x@v1.0.0", "-churn@v1.0.0", "churn_#prod", "churn#prod#9!",
    "churn#prod\n", "churn#$(touch x)", "churn@v1.0.0!!", "churn@created!", "#prod", "churn", "", "a" * 600 + "#prod",
]  # fmt: skip


@pytest.mark.parametrize(("name", "parsed"), READ)
def test_reads_what_gto_reads(name: str, parsed: ParsedTag) -> None:
    assert parse_tag(name) == parsed
    assert spell(parsed) == name


@pytest.mark.parametrize("name", NOT_READ)
def test_leaves_other_tags_alone(name: str) -> None:
    assert parse_tag(name) is None


_ALPHABET = st.text(alphabet="ab1v0.#@!=-_/", max_size=14)
_PIECES = st.lists(
    st.sampled_from(
        ["a", "b1", "x/y", "=", "#", "@", "!", "v1.0.0", "v0.1.2-rc.1", "prod", "deprecated", "7", ".", "_"]
    ),
    max_size=8,
).map("".join)


@given(_ALPHABET | _PIECES)
def test_agrees_with_gtos_parser(name: str) -> None:
    theirs = parse_name(name, raise_on_fail=False)
    ours = parse_tag(name)
    assert bool(ours) == bool(theirs)
    if ours is None or ours.action is Action.CREATE:
        return
    assert (ours.model, ours.action.value) == (theirs["name"], theirs["action"].value)
    assert (ours.version, ours.stage) == (theirs.get("version", ""), theirs.get("stage", ""))
    assert ours.counter == theirs.get("counter")
    assert parse_tag(spell(ours)) == ours


def test_the_counter_is_one_over_all_tags_of_a_model() -> None:
    names = ["churn@v1.0.0", "churn#prod#4", "churn@v1.1.0!#9", "other#prod#70", "churn-2#prod#30", "notes"]
    assert next_counter("churn", names) == 10
    assert next_counter("new", names) == 1


def test_versions_are_ordered_as_semver_orders_them() -> None:
    ordered = [
        "v1.0.0-alpha",
        "v1.0.0-alpha.1",
        "v1.0.0-alpha.beta",
        "v1.0.0-beta",
        "v1.0.0-beta.2",
        "v1.0.0-beta.11",
    ]
    ordered += ["v1.0.0-rc.1", "v1.0.0", "v1.0.1", "v1.10.0", "v2.0.0"]
    shuffled = ordered[1::2] + ordered[::2]
    assert sorted(shuffled, key=semver_key) == ordered
    assert semver_key("v1.0.0+a") == semver_key("v1.0.0+b")
