"""Every call of the agents' API with every body: what is wrong is the sender's fault, never an error of ours."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings

from ledger.attempts import AttemptRow
from schemas.codec import from_json
from schemas.messages.claim import Fault
from tests.flow.agent_calls import GOOD, almost
from tests.flow.web_side import ONE, WebSide


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WebSide, AttemptRow]]:
    made = WebSide(tmp_path_factory.mktemp("fuzz"))
    yield made, made.claimed()
    made.close()


@settings(max_examples=200, deadline=None)
@example(("renew", json.dumps(GOOD["renew"] | {"slots": 10**30}).encode()))
@example(("renew", json.dumps(GOOD["renew"] | {"host": "\ud800"}).encode()))
@example(("claim", b'{"delivery": 1e400}'))
@given(almost())
def test_no_body_is_an_error_of_ours(fuzzed: tuple[WebSide, AttemptRow], sent: tuple[str, bytes]) -> None:
    (web, mine), (name, body) = fuzzed, sent
    path = "renew" if name == "renew" else f"attempts/{mine.id}/{name}"
    answer = web.client().post(f"/agent/v1/{path}", data=body, headers={"Authorization": f"Bearer {ONE}"})
    assert answer.status_code < 500, answer.json
    if answer.status_code >= 400:
        from_json(Fault, answer.json)
