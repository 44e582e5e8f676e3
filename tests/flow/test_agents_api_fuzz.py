"""Every call of the agents' API with every body: what is wrong is the sender's fault, never an error of ours."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.attempts import AttemptRow
from schemas.codec import from_json
from schemas.messages.claim import Fault
from tests.flow.agent_calls import FINISH, MANIFEST, RENEW, put
from tests.flow.web_side import ONE, WebSide

WORDS = st.one_of(
    st.text(max_size=20), st.just("\ud800"), st.just("\0"), st.just("sha256:" + "0" * 64 + "\n")
)
NUMBERS = st.one_of(st.integers(), st.floats(), st.integers(min_value=2**62, max_value=2**70))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=6,
)
GOOD: dict[str, dict[str, Any]] = {
    "claim": {"delivery": 1, "shares_folder": False},
    "manifest": MANIFEST
    | {"inputs": [{"input": "i", "name": "n", "uri": "u", "size": 1, "sha256": FINISH["digest"]}]},
    "addresses": {"objects": [put("results/x/1.json")], "shares_folder": True},
    "finish": FINISH,
    "renew": RENEW | {"attempts": [str(uuid.UUID(int=1))]},
}


@st.composite
def almost(draw: st.DrawFn) -> tuple[str, bytes]:
    """A good body of some call, with one field changed, dropped or added; or no body of anything."""
    name = draw(st.sampled_from(sorted(GOOD)))
    body = json.loads(json.dumps(GOOD[name]))
    place = body
    for key in ("inputs", "objects"):
        if key in body and draw(st.booleans()):
            place = body[key][0]
    field = draw(st.one_of(st.sampled_from(sorted(place)), WORDS))
    if draw(st.booleans()):
        place[field] = draw(VALUES)
    else:
        place.pop(field, None)
    raw = json.dumps(body).encode()
    return name, draw(
        st.sampled_from([raw, raw[:-1], b"[" * 100_000, b"\xff" + raw, b"", b"1" * 6000])
    ) if draw(st.integers(0, 9)) == 0 else raw


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
