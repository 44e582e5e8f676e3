"""Deliveries of a forge, through the route: signed or nothing, kept once, answered at once, whatever is in them."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from forges.port import Delivery
from schemas import codec
from tests.builders.github_examples import EVENTS, WRONG, headers, instead, on_pull, paths, recorded, without
from tests.flow.test_hooks import signature
from tests.flow.web_side import FORGE, HOOK_SECRETS, WebSide
from tests.parts.github_description import GitHubDescription

SHA = "a" * 40
PUSH = {"ref": "refs/heads/main", "before": SHA, "after": "b" * 40, "repository": {"id": 7}}


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebSide]:
    made = WebSide(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def examples(github_description: GitHubDescription) -> dict[str, list[Any]]:
    return recorded(github_description.address)


def deliver(
    web: WebSide, event: str, value: Any, number: str = "1", signed: str | None = None, name: str = FORGE
) -> TestResponse:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    given = {**headers(event, number), "X-Hub-Signature-256": signature(body) if signed is None else signed}
    return web.client().post(f"/forges/{name}", data=body, headers=given)


def test_a_delivery_is_one_row_and_a_wake_up(web: WebSide) -> None:
    answers = [deliver(web, "push", PUSH) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert [answer.json for answer in answers] == [
        {"delivery": "1", "new": new} for new in (True, False, False)
    ]
    [row] = web.received()
    assert (row.kind, row.source, row.delivery) == ("delivery", f"forge:{FORGE}", "1")
    assert codec.read(Delivery, row.body) == Delivery(
        "1", "push", "refs/heads/main", SHA, "b" * 40, repository_id="7"
    )
    assert web.woken == 1


def test_what_means_nothing_here_is_answered_and_leaves_no_row(web: WebSide) -> None:
    answer = deliver(web, "star", {"repository": {"id": 7}})
    assert (answer.status_code, answer.json) == (202, {"delivery": "1", "new": False})
    assert deliver(web, "ping", {"zen": "x"}, "2").json == {"delivery": "2", "new": True}
    assert [row.delivery for row in web.received()] == ["2"]
    assert web.woken == 1


@pytest.mark.parametrize("secret", HOOK_SECRETS)
def test_both_secrets_are_good_while_one_is_replaced(web: WebSide, secret: str) -> None:
    assert deliver(web, "push", PUSH, signed=signature(json.dumps(PUSH).encode(), secret)).status_code == 202


def test_who_cannot_sign_does_not_learn_which_forges_there_are(web: WebSide) -> None:
    signed = signature(b"", "no")
    answers = [
        deliver(web, "push", PUSH, signed=each, name=name)
        for name in (FORGE, "nobody", f"{FORGE}x", FORGE.upper())
        for each in (signed, "", "sha256=")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.data for answer in answers}) == 1
    assert web.received() == []


@pytest.mark.parametrize(
    "name",
    [
        "hub/",
        "hub/x",
        "x/../hub",
        "..%2fhub",
        "%2e%2e/hub",
        "hub%00",
        "hub%0a",
        "%ff%fe",
        "hub%20",
        "hub;x",
        "h\u00fcb",
        "x" * 8000,
        "forge:hub",
        "hub%252e",
        "%27%3b--",
    ],
)
def test_a_hostile_name_is_a_name_that_is_not_there(web: WebSide, name: str) -> None:
    for path in (f"/forges/{name}", f"/hooks/{name}"):
        body = json.dumps(PUSH).encode()
        given = {
            **headers("push"),
            "X-Hub-Signature-256": signature(body),
            "X-Luotsi-Signature": signature(body),
        }
        answer = web.client().post(path, data=body, headers=given)
        assert answer.status_code in (401, 404), path
        assert "hub" not in answer.text
    assert web.received() == []


@pytest.mark.parametrize("name", ["", "/"])
def test_no_name_is_no_page(web: WebSide, name: str) -> None:
    assert deliver(web, "push", PUSH, name=name).status_code in (308, 404)
    assert web.received() == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_posts_are_taken(web: WebSide, method: str) -> None:
    assert web.client().open(f"/forges/{FORGE}", method=method).status_code == 405


def test_threat_14_every_recorded_delivery_is_taken(web: WebSide, examples: dict[str, list[Any]]) -> None:
    kept = 0
    for event, values in examples.items():
        for index, value in enumerate(values):
            answer = deliver(web, event, value, f"{event}-{index}")
            assert answer.status_code == 202, (event, answer.json)
            kept += bool(answer.json and answer.json["new"])
    assert len(web.received()) == kept > len(EVENTS)


@pytest.mark.parametrize("event", EVENTS)
def test_threat_14_no_mutation_of_a_delivery_is_an_error_of_ours(
    web: WebSide, examples: dict[str, list[Any]], event: str
) -> None:
    """Any key missing, and at any place a value of another kind: each place gets another one in turn."""
    values = [on_pull(value) if event == "issue_comment" else value for value in examples[event]]
    value = max(values, key=lambda value: (value.get("action") == "rerequested", len(str(value))))
    statuses = set()
    for index, path in enumerate(paths(value)):
        wrong = WRONG[index % len(WRONG)]
        for number, changed in enumerate((without(value, path), instead(value, path, wrong))):
            answer = deliver(web, event, changed, f"{index}-{number}")
            statuses.add(answer.status_code)
            assert answer.status_code in (202, 400), (path, wrong, answer.json)
    assert statuses >= {202}
    assert all(codec.read(Delivery, row.body) for row in web.received())


def test_a_burst_is_answered_and_each_of_it_is_one_row(web: WebSide) -> None:
    """10,000 deliveries from 16 senders, every tenth of them sent twice."""
    body = json.dumps(PUSH).encode()
    signed = {"X-Hub-Signature-256": signature(body)}
    numbers = [str(number) for number in range(10_000)] + [str(number) for number in range(0, 10_000, 10)]

    def send(number: str) -> int:
        return (
            web.client()
            .post(f"/forges/{FORGE}", data=body, headers={**headers("push", number), **signed})
            .status_code
        )

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(send, numbers))
    assert set(statuses) == {202}
    assert len(statuses) == 11_000
    rows = web.received()
    assert len(rows) == len({row.delivery for row in rows}) == 10_000
    assert web.answers == {("forges", 202): 11_000}
