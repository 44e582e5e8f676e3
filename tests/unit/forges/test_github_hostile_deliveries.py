"""What is wrong with a delivery of GitHub's does no harm: it is refused, or means less."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import Refused
from tests.builders.github_examples import (
    EVENTS,
    FORGE,
    WRONG,
    body,
    harmless,
    headers,
    instead,
    on_pull,
    paths,
    recorded,
    told,
    without,
)
from tests.parts.github_description import GitHubDescription


@pytest.fixture(scope="module")
def examples(github_description: GitHubDescription) -> dict[str, list[Any]]:
    return recorded(github_description.address)


def test_threat_14_no_missing_key_does_harm(examples: dict[str, list[Any]]) -> None:
    for event, value in samples(examples):
        usual = told(event, value)
        for path in paths(value):
            harmless(event, body(without(value, path)), usual)


def test_threat_14_no_value_of_another_kind_does_harm(examples: dict[str, list[Any]]) -> None:
    for event, value in samples(examples):
        usual = told(event, value)
        for path in paths(value):
            if len(path) <= 4:
                for wrong in WRONG:
                    harmless(event, body(instead(value, path, wrong)), usual)


def samples(examples: dict[str, list[Any]]) -> Iterator[tuple[str, Any]]:
    """The largest recorded delivery of every event that is understood."""
    for event in EVENTS:
        values = [on_pull(value) if event == "issue_comment" else value for value in examples[event]]
        yield event, max(values, key=lambda value: (value.get("action") == "rerequested", len(str(value))))


GARBAGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(
    st.sampled_from([*EVENTS, "star"]),
    GARBAGE | st.fixed_dictionaries({}, optional={"action": GARBAGE, "repository": GARBAGE}),
)
@settings(max_examples=200, deadline=None)
def test_garbage_is_refused_or_means_nothing(event: str, value: Any) -> None:
    harmless(event, body(value))


@given(st.sampled_from(sorted(EVENTS)), st.data())
@settings(max_examples=200, deadline=None)
def test_garbage_anywhere_in_a_delivery_does_no_harm(event: str, data: st.DataObject) -> None:
    value = SMALL[event]
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(paths(value))))
        value = instead(value, path, data.draw(GARBAGE))
    harmless(event, body(value))


SHA = "a" * 40
_REPOSITORY = {"id": 1, "full_name": "acme/models", "clone_url": "https://example.test/acme/models.git"}
_SIDE = {"sha": SHA, "ref": "main", "repo": {"id": 1}}
_WHO = {"id": 9, "login": "ann"}
_COMMON: dict[str, Any] = {"action": "rerequested", "repository": _REPOSITORY, "sender": _WHO}
_PULL = {"number": 1, "state": "open", "title": "t", "user": _WHO, "head": _SIDE, "base": _SIDE}
SMALL: dict[str, Any] = {
    "push": {**_COMMON, "ref": "refs/heads/main", "before": SHA, "after": SHA},
    "pull_request": {**_COMMON, "pull_request": _PULL},
    "issue_comment": {
        **_COMMON,
        "issue": {"number": 1, "pull_request": {}},
        "comment": {"id": 3, "user": _WHO, "body": "/retest", "created_at": "2030-01-02T03:04:05Z"},
    },
    "check_run": {**_COMMON, "check_run": {"id": 1, "name": "n", "head_sha": SHA, "external_id": "e", "app": {"id": 2}}},
    "check_suite": {**_COMMON, "check_suite": {"head_sha": SHA, "app": {"id": 2}}},
    "merge_group": {
        **_COMMON,
        "merge_group": {"head_sha": SHA, "head_ref": "refs/heads/q", "base_sha": SHA, "base_ref": "refs/heads/m"},
    },
    "repository": _COMMON,
    "installation": {**_COMMON, "installation": {"id": 1, "account": _WHO}, "repositories": [_REPOSITORY]},
    "installation_repositories": {**_COMMON, "installation": {"id": 1}, "repositories_added": [_REPOSITORY]},
    "ping": _COMMON,
}  # fmt: skip


def test_the_small_deliveries_are_understood() -> None:
    assert {event: told(event, value).event for event, value in SMALL.items()} == EVENTS


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"7", b"\xff\xfe\xfd", b"[" * 100_000, b'{"id": 1' + b"0" * 5000 + b"}"]
)
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    assert harmless("push", text) is None


@pytest.mark.parametrize("change", [
    {"x-github-event": ""}, {"x-github-event": "a b"}, {"x-github-event": "x" * 101},
    {"x-github-delivery": ""}, {"x-github-delivery": "a\n"}, {"x-github-delivery": "x" * 201},
])  # fmt: skip
def test_headers_that_github_does_not_send_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(Refused):
        FORGE.parse({**headers("ping"), **change}, body({}))
    missing = {name: value for name, value in headers("ping").items() if name not in change}
    with pytest.raises(Refused):
        FORGE.parse(missing, body({}))


def test_a_form_is_understood_too() -> None:
    form = {**headers("push"), "content-type": "application/x-www-form-urlencoded"}
    text = urlencode({"payload": json.dumps(SMALL["push"])}).encode()
    assert FORGE.parse(form, text) == told("push", SMALL["push"])
    for wrong in (
        b"",
        b"payload",
        text + b"&payload=1",
        b"other=1",
        b"payload=%ff",
        "payload=ä".encode(),
        b"a=1&" * 20,
    ):
        with pytest.raises(Refused):
            FORGE.parse(form, wrong)


@pytest.mark.parametrize(
    "name", ["main", "refs/heads/a b", "refs/heads/\ud800", "refs/heads/a\n", "refs/heads/" + "x" * 500]
)
def test_a_ref_is_a_full_name_that_git_allows(name: str) -> None:
    assert harmless("push", body({**SMALL["push"], "ref": name})) is None


@pytest.mark.parametrize(
    "name", ["acme", "acme/models/x", "../x", "acme/..", "./models", "acme/mo dels", "acme/m?x"]
)
def test_the_name_of_a_repository_is_safe_in_an_address(name: str) -> None:
    assert (
        harmless("repository", body(instead(SMALL["repository"], ("repository", "full_name"), name))) is None
    )
