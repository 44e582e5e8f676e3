"""The agents' API as agents meet it: a real Flask client, a real ledger, real folder stores."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger import agents, attempts
from ledger.attempts import AttemptRow
from schemas.codec import from_json
from schemas.messages.claim import AddressesAnswer, Claim, Fault, RenewAnswer
from schemas.states import AttemptState, ExecutionState
from stores import files, keys
from tests.flow.web_side import FAR, HERE, ONE, TWO, WebSide

MANIFEST: dict[str, Any] = {
    "image": "python:3.11",
    "image_digest": f"sha256:{'1' * 64}",
    "runtime": "docker 20.10",
}
FINISH = {"digest": f"sha256:{'2' * 64}"}
RENEW: dict[str, Any] = {
    "attempts": [],
    "free_slots": 1,
    "slots": 2,
    "runtime": "docker 20.10",
    "host": "h",
    "version": "0.1",
}


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebSide]:
    made = WebSide(tmp_path)
    yield made
    made.close()


def ask(
    web: WebSide, row: AttemptRow, *wanted: dict[str, str], token: str = ONE, shares: bool = False
) -> Any:
    body = {"objects": list(wanted), "shares_folder": shares}
    return web.call(token, f"attempts/{row.id}/addresses", body)


def put(key: str, store: str = "system") -> dict[str, str]:
    return {"method": "PUT", "key": key, "store": store}


def get(key: str, store: str = "system") -> dict[str, str]:
    return {"method": "GET", "key": key, "store": store}


def test_a_claim_gives_lease_secrets_and_the_code(web: WebSide) -> None:
    waiting = web.attempt()
    answer = web.call(ONE, f"attempts/{waiting.id}/claim", {"delivery": 1})
    claim = from_json(Claim, answer.json)
    assert (answer.status_code, claim.attempt, claim.lease) == (200, waiting.id, 60)
    assert claim.secrets == {"API_KEY": f"secret of {waiting.execution_id}"}
    assert [(a.method, a.key, a.store) for a in claim.addresses] == [
        ("GET", waiting.spec["archive"]["key"], "system")
    ]
    assert answer.headers["Cache-Control"] == "no-store"
    row = web.row(waiting.id)
    assert (row.state, row.agent_id) == (AttemptState.CLAIMED, web.agents[ONE])
    assert row.execution_state == ExecutionState.STARTED


def test_the_holder_asking_again_gets_the_same_answer(web: WebSide) -> None:
    waiting = web.attempt()
    first, again = (web.call(ONE, f"attempts/{waiting.id}/claim", {"delivery": n}) for n in (1, 2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json == again.json


def test_of_two_agents_one_wins(web: WebSide) -> None:
    waiting = web.attempt()
    assert web.call(TWO, f"attempts/{waiting.id}/claim", {"delivery": 1}).status_code == 200
    lost = web.call(ONE, f"attempts/{waiting.id}/claim", {"delivery": 1})
    assert lost.status_code == 409
    assert "by another agent" in from_json(Fault, lost.json).error
    assert web.row(waiting.id).agent_id == web.agents[TWO]
    assert web.audited() == []  # losing a race is no offence


def test_what_is_to_be_stopped_or_over_cannot_be_claimed(web: WebSide) -> None:
    stopped, over = web.attempt(), web.claimed()
    web.ask_to_stop(stopped.id)
    web.lose(over.id)
    for row in (stopped, over):
        assert web.call(ONE, f"attempts/{row.id}/claim", {"delivery": 1}).status_code == 409


def test_who_has_no_known_token_gets_nothing(web: WebSide) -> None:
    waiting = web.attempt()
    for headers in (
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {ONE}"},
        {"Authorization": "Bearer nobody"},
        {"Authorization": "Bearer \u00e4"},
    ):
        for path in (
            "renew",
            *(f"attempts/{waiting.id}/{name}" for name in ("claim", "manifest", "addresses", "finish")),
        ):
            answer = web.client().post(f"/agent/v1/{path}", data=b"not even JSON", headers=headers)
            assert answer.status_code == 401
            assert from_json(Fault, answer.json).hint or headers
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert web.row(waiting.id).state == AttemptState.WAITING


def test_another_agents_attempt_is_403_and_a_row_of_the_audit(web: WebSide) -> None:
    """Threat 2: an agent with a good token says another's ids, in every call."""
    theirs = web.claimed(TWO)
    before = web.row(theirs.id)
    calls: dict[str, Any] = {
        f"attempts/{theirs.id}/manifest": MANIFEST,
        f"attempts/{theirs.id}/addresses": {"objects": [put(keys.result(theirs.execution_id, 1))]},
        f"attempts/{theirs.id}/finish": FINISH,
        "renew": RENEW | {"attempts": [theirs.id]},
    }
    for number, (path, body) in enumerate(calls.items(), start=1):
        answer = web.call(ONE, path, body)
        assert answer.status_code == 403, path
        assert "not this agent's" in from_json(Fault, answer.json).error
        row = web.audited()[-1]
        assert len(web.audited()) == number
        assert (row.who, row.what, row.subject) == (
            f"agent {web.agents[ONE]}",
            "refused",
            f"attempt {theirs.id}",
        )
        assert row.detail["call"] in path
    assert web.row(theirs.id) == before
    assert web.woken == 0


def test_another_environments_attempt_is_403_in_every_call(web: WebSide) -> None:
    theirs, waiting = web.claimed(FAR), web.attempt("bbbbbbbbbbbb")
    for path, body in {
        f"attempts/{waiting.id}/claim": {"delivery": 1},
        f"attempts/{theirs.id}/claim": {"delivery": 1},
        f"attempts/{theirs.id}/manifest": MANIFEST,
        f"attempts/{waiting.id}/finish": FINISH,
        "renew": RENEW | {"attempts": [waiting.id]},
    }.items():
        assert web.call(ONE, path, body).status_code == 403, path
    assert len(web.audited()) == 5
    assert web.row(waiting.id).state == AttemptState.WAITING
    with web.ledger.read() as connection:
        assert attempts.held(connection, theirs.id, web.agents[FAR]).id == theirs.id


def test_a_fenced_attempt_is_409_whatever_it_says(web: WebSide) -> None:
    mine = web.claimed()
    web.lose(mine.id)
    for name, body in (
        ("claim", {"delivery": 1}),
        ("manifest", MANIFEST),
        ("addresses", {"objects": [put(keys.result(mine.execution_id, 1))]}),
        ("finish", FINISH),
    ):
        answer = web.call(ONE, f"attempts/{mine.id}/{name}", body)
        assert answer.status_code == 409, name
        assert "lost" in from_json(Fault, answer.json).error
    assert web.row(mine.id).result_digest is None
    assert web.woken == 0
    assert web.audited() == []  # being late is no offence


def test_what_is_no_attempt_is_404(web: WebSide) -> None:
    for attempt in (str(uuid.uuid4()), "1", "..", "A" * 36, f"{uuid.uuid4()}%0A"):
        answer = web.call(ONE, f"attempts/{attempt}/finish", FINISH)
        assert answer.status_code == 404
        from_json(Fault, answer.json)
    for method in ("get", "post", "delete"):
        answer = getattr(web.client(), method)("/agent/v1/enroll")
        assert answer.status_code == 404
        assert "no call" in from_json(Fault, answer.json).error


def test_renew_prolongs_and_orders(web: WebSide) -> None:
    going, stopping, lost = web.claimed(), web.claimed(), web.claimed()
    unknown = str(uuid.uuid4())
    web.ask_to_stop(stopping.id)
    web.lose(lost.id)
    web.later(30)
    answer = web.call(ONE, "renew", RENEW | {"attempts": [going.id, stopping.id, lost.id, unknown]})
    renewed = from_json(RenewAnswer, answer.json)
    assert {each.attempt: each.order.value for each in renewed.attempts} == {
        going.id: "go-on",
        stopping.id: "stop",
        lost.id: "lost",
        unknown: "lost",
    }
    assert {each.attempt: each.lease for each in renewed.attempts}[going.id] == 60
    assert renewed.interval == 20
    web.later(59)
    with web.ledger.read() as connection:
        assert attempts.expired(connection, web.now, lease=60) == []
        web.later(2)
        assert {row.id for row in attempts.expired(connection, web.now, lease=60)} == {going.id, stopping.id}


def test_renew_without_an_attempt_is_a_proof_of_life(web: WebSide) -> None:
    assert web.call(ONE, "renew", RENEW).status_code == 200
    with web.ledger.read() as connection:
        assert agents.free_slots(connection, web.now) == {HERE: 1}


def test_the_manifest_starts_the_run(web: WebSide) -> None:
    mine = web.claimed()
    file = {
        "input": "data",
        "name": "data.csv",
        "uri": "datum://x",
        "size": 3,
        "sha256": f"sha256:{'3' * 64}",
    }
    for _ in range(2):
        assert web.call(ONE, f"attempts/{mine.id}/manifest", MANIFEST | {"inputs": [file]}).status_code == 204
    row = web.row(mine.id)
    assert row.state == AttemptState.RUNNING
    assert row.manifest is not None
    assert row.manifest["inputs"] == [file]


def test_a_manifest_may_name_many_files(web: WebSide) -> None:
    mine = web.claimed()
    file = {"input": "data", "name": "x" * 100, "uri": "datum://x", "size": 3, "sha256": f"sha256:{'3' * 64}"}
    answer = web.call(ONE, f"attempts/{mine.id}/manifest", MANIFEST | {"inputs": [file] * 10_000})
    assert answer.status_code == 204


def test_finish_is_recorded_and_wakes(web: WebSide) -> None:
    mine = web.claimed()
    for _ in range(2):
        assert web.call(ONE, f"attempts/{mine.id}/finish", FINISH).status_code == 204
    assert web.row(mine.id).result_digest == FINISH["digest"]
    assert web.woken >= 1


def test_addresses_of_this_attempts_own_objects(web: WebSide) -> None:
    mine = web.claimed()
    datum = mine.spec["inputs"][0]["data"][0]["key"]
    mine_output = keys.output(mine.execution_id, 1, str(uuid.uuid4()), "sub/../model.json")
    wanted = [
        get(mine.spec["archive"]["key"]),
        get(datum, "artifacts"),
        put(keys.log(mine.execution_id, 1)),
        put(mine_output, "artifacts"),
        put(keys.result(mine.execution_id, 1)),
    ]
    answer = from_json(AddressesAnswer, ask(web, mine, *wanted).json)
    assert answer.expires == 600
    assert [(a.method, a.key, a.store) for a in answer.addresses] == [
        (w["method"], w["key"], w["store"]) for w in wanted
    ]
    assert [a.headers for a in answer.addresses] == [{}, {}, {}, {}, {"If-None-Match": "*"}]
    output, result = answer.addresses[3], answer.addresses[4]
    assert web.client().put(output.url, data=b"model").status_code == 200
    assert web.stores["artifacts"].get(mine_output) == b"model"
    assert web.client().put(result.url, data=b"{}").status_code == 200
    assert web.client().put(result.url, data=b"{again}").status_code == 412
    assert web.stores["system"].get(result.key) == b"{}"


def test_an_agent_of_this_machine_gets_paths(web: WebSide) -> None:
    mine = web.claimed()
    answer = from_json(
        AddressesAnswer, ask(web, mine, put(keys.result(mine.execution_id, 1)), shares=True).json
    )
    address = answer.addresses[0]
    assert files.write_whole(files.path_of(address.url), b"{}", absent="If-None-Match" in address.headers)
    assert web.stores["system"].get(address.key) == b"{}"


def foreign(mine: AttemptRow, other: AttemptRow) -> dict[str, dict[str, str]]:
    here = f"outputs/{mine.execution_id}/1"
    return {
        "another's output": put(keys.output(other.execution_id, 1, "d", "x"), "artifacts"),
        "another's result": put(keys.result(other.execution_id, 1)),
        "the next attempt's": put(keys.result(mine.execution_id, 2)),
        "a number that starts alike": put(keys.output(mine.execution_id, 11, "d", "x"), "artifacts"),
        "a result that is none": put(keys.result(mine.execution_id, 1) + "x"),
        "the code": put(mine.spec["archive"]["key"]),
        "another's code": get(keys.code("someone", "d" * 40)),
        "another's input": get(other.spec["inputs"][0]["data"][0]["key"], "artifacts"),
        "its input, of the wrong store": get(mine.spec["inputs"][0]["data"][0]["key"], "system"),
        "its input, written": put(mine.spec["inputs"][0]["data"][0]["key"], "artifacts"),
        "its result, of the wrong store": put(keys.result(mine.execution_id, 1), "artifacts"),
        "its output, of the wrong store": put(f"{here}/d/x", "system"),
        "its output, of no store": put(f"{here}/d/x", "elsewhere"),
        "a record": put("records/r/verdict/x.json"),
        "up": put(f"{here}/../../../results/x.json", "artifacts"),
        "up, encoded": put(f"{here}/%2e%2e/%2e%2e/x", "artifacts"),
        "up, half encoded": put(f"{here}/.%2e/x", "artifacts"),
        "a backslash": put(f"{here}/..\\x", "artifacts"),
        "an empty segment": put(f"{here}//x", "artifacts"),
        "absolute": put(f"/{here}/x", "artifacts"),
        "the folder itself": put(f"{here}/", "artifacts"),
        "a newline": put(f"{here}/x\n", "artifacts"),
        "a NUL": put(f"{here}/x\0", "artifacts"),
        "a query": put(f"{here}/x?method=GET", "artifacts"),
        "half a surrogate": put(f"{here}/\ud800", "artifacts"),
        "nothing": put("", "artifacts"),
        "long": put(f"{here}/{'x' * 5000}", "artifacts"),
    }


def test_an_address_outside_this_attempts_places_is_403(web: WebSide) -> None:
    """Threats 2 and 25: other people's ids, and every way to spell a path."""
    mine, other = web.claimed(), web.claimed(TWO)
    for number, (which, wanted) in enumerate(foreign(mine, other).items(), start=1):
        answer = ask(web, mine, get(mine.spec["archive"]["key"]), wanted)
        assert answer.status_code == 403, which
        assert set(answer.json) == {"error", "hint"}, which
        assert len(web.audited()) == number, which
        assert web.audited()[-1].detail["key"] == wanted["key"][:1000]


def test_escapes_that_stay_inside_are_keys_like_others(web: WebSide) -> None:
    """An encoded `..` is a name, not a way up, and a double encoding is one more name."""
    mine = web.claimed()
    here = f"outputs/{mine.execution_id}/1/d"
    for name in ("%2E%2E", "%252e%252e", "%2F", "%2E%2E%2F%2E%2E"):
        answer = from_json(AddressesAnswer, ask(web, mine, put(f"{here}/{name}", "artifacts")).json)
        assert web.client().put(answer.addresses[0].url, data=b"x").status_code == 200
        assert (web.stores["artifacts"].root / here / name).read_bytes() == b"x"
    assert sorted(path.name for path in web.folder.iterdir()) == sorted(
        path.name for path in web.folder.iterdir() if path.name.startswith(("ledger", "store"))
    )


def test_huge_bodies_are_413(web: WebSide) -> None:
    mine = web.claimed()
    for path in ("renew", *(f"attempts/{mine.id}/{name}" for name in ("claim", "addresses", "finish"))):
        answer = web.call(ONE, path, {"x": "y" * 1024 * 1024})
        assert answer.status_code == 413, path
        from_json(Fault, answer.json)
    assert web.call(ONE, f"attempts/{mine.id}/manifest", {"x": "y" * 17 * 1024 * 1024}).status_code == 413


def test_an_error_of_ours_says_nothing_of_the_inside(
    web: WebSide, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = web.claimed()
    web.stores.clear()
    answer = ask(web, mine, put(keys.result(mine.execution_id, 1)))
    assert answer.status_code == 503
    assert "not in the settings" in from_json(Fault, answer.json).error
    web.ledger.close()
    (web.folder / "ledger.sqlite").write_bytes(b"broken")
    for rest in ("-wal", "-shm"):
        (web.folder / f"ledger.sqlite{rest}").unlink(missing_ok=True)
    answer = web.call(ONE, "renew", RENEW)
    assert answer.status_code == 500
    assert answer.json == {"error": "an error of ours; it is in the log of the web side", "hint": ""}
    assert "DatabaseError" in capsys.readouterr().out


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
