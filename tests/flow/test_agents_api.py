"""The agents' API as agents meet it: a real Flask client, a real ledger, real folder stores."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ledger import agents, attempts
from ledger.tables import executions
from schemas.codec import from_json, to_json
from schemas.messages.claim import Claim, Fault, RenewAnswer
from schemas.states import AttemptState, ExecutionState
from stores import keys
from tests.flow.agent_calls import DETAIL, FINISH, MANIFEST, RENEW, ask, put
from tests.flow.web_side import FAR, HERE, ONE, TWO, WebSide


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebSide]:
    made = WebSide(tmp_path)
    yield made
    made.close()


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
            *(
                f"attempts/{waiting.id}/{name}"
                for name in ("claim", "manifest", "addresses", "detail", "finish")
            ),
        ):
            answer = web.client().post(f"/agent/v1/{path}", data=b"not even JSON", headers=headers)
            assert answer.status_code == 401
            assert from_json(Fault, answer.json).hint or headers
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert web.row(waiting.id).state == AttemptState.WAITING


def test_threat_02_another_agents_attempt_is_403_and_a_row_of_the_audit(web: WebSide) -> None:
    """An agent with a good token says another's ids."""
    theirs = web.claimed(TWO)
    before = web.row(theirs.id)
    calls: dict[str, Any] = {
        f"attempts/{theirs.id}/manifest": MANIFEST,
        f"attempts/{theirs.id}/addresses": {"objects": [put(keys.result(theirs.execution_id, 1))]},
        f"attempts/{theirs.id}/detail": DETAIL,
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


def test_threat_02_another_environments_attempt_is_403_in_every_call(web: WebSide) -> None:
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
        ("detail", DETAIL),
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


@pytest.mark.parametrize("count", [0, 1])
def test_a_later_attempt_hears_what_the_earlier_one_took(web: WebSide, count: int) -> None:
    lost = web.attempt()
    first = web.call(ONE, f"attempts/{lost.id}/claim", {"delivery": 1})
    assert from_json(Claim, first.json).resolved is None
    file = {"input": "x", "name": "a", "uri": "s3://b/a", "size": 3, "sha256": f"sha256:{'3' * 64}"}
    web.call(ONE, f"attempts/{lost.id}/manifest", MANIFEST | {"inputs": [file] * count})
    # The holder's own manifest is no earlier one: its answer stays the same.
    assert web.call(ONE, f"attempts/{lost.id}/claim", {"delivery": 1}).json == first.json
    with web.ledger.write() as connection:
        attempts.end(connection, lost.id, AttemptState.LOST, "the lease has ended", web.now)
        second = attempts.create(connection, lost.execution_id, HERE, web.now)
        attempts.end(connection, second, AttemptState.LOST, "nobody took it", web.now)
        third = attempts.create(connection, lost.execution_id, HERE, web.now)
    answer = web.call(TWO, f"attempts/{third}/claim", {"delivery": 1})
    resolved = from_json(Claim, answer.json).resolved
    assert resolved is not None
    assert [to_json(each) for each in resolved] == [file] * count


def test_a_manifest_may_name_many_files(web: WebSide) -> None:
    mine = web.claimed()
    file = {"input": "data", "name": "x" * 100, "uri": "datum://x", "size": 3, "sha256": f"sha256:{'3' * 64}"}
    answer = web.call(ONE, f"attempts/{mine.id}/manifest", MANIFEST | {"inputs": [file] * 10_000})
    assert answer.status_code == 204


def _detail(web: WebSide, execution: str) -> str:
    with web.ledger.read() as connection:
        statement = select(executions.c.status_detail).where(executions.c.id == execution)
        return str(connection.execute(statement).scalar_one())


def test_what_a_job_says_of_itself_replaces_what_it_said_before(web: WebSide) -> None:
    mine = web.claimed()
    for said, kept in (
        ("epoch 3 of 10", "epoch 3 of 10"),
        ("<b>two</b>\n lines\0 and a \x1b[31mcolour ", "<b>two</b> lines and a [31mcolour"),
        ("é" * 1000, "é" * 1000),
        ("", ""),
    ):
        assert web.call(ONE, f"attempts/{mine.id}/detail", {"status_detail": said}).status_code == 204
        assert _detail(web, mine.execution_id) == kept
    assert web.call(ONE, f"attempts/{mine.id}/detail", {"status_detail": "x" * 1001}).status_code == 400
    assert web.call(ONE, f"attempts/{mine.id}/detail", {"status_detail": 5}).status_code == 400
    assert web.woken == 0


def test_the_next_attempt_begins_with_nothing_said(web: WebSide) -> None:
    mine = web.claimed()
    web.call(ONE, f"attempts/{mine.id}/detail", DETAIL)
    web.lose(mine.id)
    with web.ledger.write() as connection:
        again = attempts.create(connection, mine.execution_id, mine.environment_id, web.ledger.now())
    assert _detail(web, mine.execution_id) == DETAIL["status_detail"]
    assert web.call(TWO, f"attempts/{again}/claim", {"delivery": 1}).status_code == 200
    assert _detail(web, mine.execution_id) == ""


@pytest.mark.parametrize(
    "wrong",
    [{"cpus": -1}, {"cpus": 1e9}, {"memory": -5}, {"devices": {"gpu": -1}}, {"devices": {"a\nb": 1}}, {"devices": {"g" * 101: 1}}],
)  # fmt: skip
def test_a_machine_that_cannot_be_is_400(web: WebSide, wrong: dict[str, Any]) -> None:
    assert web.call(ONE, "renew", RENEW | wrong).status_code == 400
    assert web.call(ONE, "renew", RENEW).status_code == 200
    with web.ledger.read() as connection:
        assert agents.machines(connection, HERE) == [(4.0, 16_000, {"nvidia.com/gpu": 1})]


def test_finish_is_recorded_and_wakes(web: WebSide) -> None:
    mine = web.claimed()
    for _ in range(2):
        assert web.call(ONE, f"attempts/{mine.id}/finish", FINISH).status_code == 204
    assert web.row(mine.id).result_digest == FINISH["digest"]
    assert web.woken >= 1


def test_what_has_its_result_is_not_claimed_again(web: WebSide) -> None:
    mine = web.claimed()
    web.call(ONE, f"attempts/{mine.id}/finish", FINISH)
    before = web.row(mine.id)
    answer = web.call(ONE, f"attempts/{mine.id}/claim", {"delivery": 2})
    assert answer.status_code == 409
    assert "its result is there" in from_json(Fault, answer.json).error
    assert web.row(mine.id) == before
    assert web.audited() == []  # a late wake-up is no offence


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
