"""What agents say in tests: good bodies of every call, almost good ones, and how addresses are asked for."""

import json
import uuid
from typing import Any

from hypothesis import strategies as st

from ledger.attempts import AttemptRow
from tests.flow.web_side import ONE, WebSide

MANIFEST: dict[str, Any] = {
    "image": "python:3.11",
    "image_digest": f"sha256:{'1' * 64}",
    "runtime": "docker 20.10",
}
FINISH = {"digest": f"sha256:{'2' * 64}"}
DETAIL = {"status_detail": "epoch 3 of 10"}
RENEW: dict[str, Any] = {
    "attempts": [],
    "free_slots": 1,
    "slots": 2,
    "runtime": "docker 20.10",
    "host": "h",
    "version": "0.1",
    "cpus": 4,
    "memory": 16_000,
    "devices": {"nvidia.com/gpu": 1},
}


def ask(
    web: WebSide, row: AttemptRow, *wanted: dict[str, str], token: str = ONE, shares: bool = False
) -> Any:
    body = {"objects": list(wanted), "shares_folder": shares}
    return web.call(token, f"attempts/{row.id}/addresses", body)


def put(key: str, store: str = "system") -> dict[str, str]:
    return {"method": "PUT", "key": key, "store": store}


def get(key: str, store: str = "system") -> dict[str, str]:
    return {"method": "GET", "key": key, "store": store}


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
    "detail": DETAIL,
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
