"""Threat 2: an agent with a good token says another's ids, wherever an id may stand. It changes nothing, and is written down."""

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ledger.attempts import AttemptRow
from ledger.tables import agents, attempts, executions
from schemas.codec import from_json
from schemas.messages.claim import Fault
from stores import keys
from tests.flow.agent_calls import GOOD, almost, get, put
from tests.flow.web_side import FAR, ONE, TWO, WebSide

Target = Callable[[WebSide], AttemptRow]
TARGETS: dict[str, Target] = {
    "held by another agent": lambda web: web.claimed(TWO),
    "held in another environment": lambda web: web.claimed(FAR),
    "waiting in another environment": lambda web: web.attempt("bbbbbbbbbbbb"),
}
CALLS = sorted(set(GOOD) - {"renew"})


class Spoofed:
    """What others hold, and the agent ONE, which holds one attempt of its own."""

    def __init__(self, web: WebSide) -> None:
        self.web = web
        self.own = web.claimed(ONE)
        self.targets = {name: make(web) for name, make in TARGETS.items()}
        self.before = self.state()

    def state(self) -> list[Any]:
        """All that the ledger holds of agents and of what is not ONE's."""
        with self.web.ledger.read() as connection:
            return [
                *connection.execute(select(attempts).where(attempts.c.id != self.own.id).order_by("id")),
                *connection.execute(
                    select(executions).where(executions.c.id != self.own.execution_id).order_by("id")
                ),
                *connection.execute(select(agents).where(agents.c.id != self.web.agents[ONE]).order_by("id")),
            ]

    def call(self, name: str, attempt: str, body: bytes, **headers: str) -> int:
        path = name if name.startswith("renew") else f"attempts/{attempt}/{name}"
        given = {"Authorization": f"Bearer {ONE}", **headers}
        answer = self.web.client().post(f"/agent/v1/{path}", data=body, headers=given)
        if answer.status_code >= 400:
            from_json(Fault, answer.json)
        return answer.status_code


@pytest.fixture(scope="module")
def spoofed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spoofed]:
    web = WebSide(tmp_path_factory.mktemp("spoofed"))
    yield Spoofed(web)
    web.close()


def bodies(spoofed: Spoofed, target: AttemptRow) -> dict[str, dict[str, Any]]:
    """A good body of each call, with the target's ids wherever the call has a place for one."""
    objects = [
        put(keys.result(target.execution_id, target.number)),
        get(target.spec["archive"]["key"]),
        put(keys.output(target.execution_id, target.number, str(uuid.uuid4()), "x"), "artifacts"),
    ]
    return GOOD | {
        "addresses": {"objects": objects, "shares_folder": True},
        "renew": GOOD["renew"] | {"attempts": [spoofed.own.id, target.id]},
    }


@pytest.mark.parametrize("which", TARGETS)
def test_threat_02_no_call_with_anothers_ids_changes_anything(spoofed: Spoofed, which: str) -> None:
    target = spoofed.targets[which]
    for name, body in bodies(spoofed, target).items():
        before = len(spoofed.web.audited())
        status = spoofed.call(name, target.id, json.dumps(body).encode())
        # Who is late to a claim is told so, and did nothing wrong.
        late = name == "claim" and which == "held by another agent"
        assert status == (409 if late else 403), name
        fresh = spoofed.web.audited()[before:]
        assert [(row.who, row.subject) for row in fresh] == (
            [] if late else [(f"agent {spoofed.web.agents[ONE]}", f"attempt {target.id}")]
        )
    assert spoofed.state() == spoofed.before


SPOOFS = ("agent", "agent_id", "environment", "environment_id", "attempt", "execution", "token", "who")


@pytest.mark.parametrize("name", sorted(GOOD))
def test_threat_02_no_id_beside_the_token_is_believed(spoofed: Spoofed, name: str) -> None:
    """Neither as a field of the body, nor in a header, nor in the address."""
    target = spoofed.targets["held by another agent"]
    ids = {"agent": spoofed.web.agents[TWO], "environment": target.environment_id, "attempt": target.id}
    for field in SPOOFS:
        value = next((id for key, id in ids.items() if field.startswith(key)), target.execution_id)
        good = json.dumps(GOOD[name]).encode()
        allowed = (200,) if name == "renew" else (403, 409)
        assert spoofed.call(name, target.id, json.dumps(GOOD[name] | {field: value}).encode()) == 400
        assert spoofed.call(f"{name}?{field}={value}", target.id, good) in allowed
        assert spoofed.call(name, target.id, good, **{f"X-{field.replace('_', '-')}": value}) in allowed
    assert spoofed.state() == spoofed.before


@settings(max_examples=120, deadline=None)
@given(sent=almost(), which=st.sampled_from(sorted(TARGETS)), data=st.data())
def test_threat_02_no_fuzzed_call_reaches_anothers_attempt(
    spoofed: Spoofed, sent: tuple[str, bytes], which: str, data: st.DataObject
) -> None:
    (name, body), target = sent, spoofed.targets[which]
    if name == "renew":
        listed = data.draw(st.permutations([target.id, spoofed.own.id, str(uuid.uuid4())]))
        body = body.replace(json.dumps(GOOD["renew"]["attempts"]).encode(), json.dumps(listed).encode())
        # What is not JSON is refused as such; what names nobody else's is this agent's own affair.
        if target.id.encode() not in body:
            return
    before = len(spoofed.web.audited())
    status = spoofed.call(name, target.id, body)
    assert status in (400, 403, 409)
    assert len(spoofed.web.audited()) - before == (status == 403)
    assert spoofed.state() == spoofed.before


def test_threat_02_what_only_looks_like_an_attempts_id_is_no_attempts(spoofed: Spoofed) -> None:
    theirs = spoofed.targets["held by another agent"].id
    for name in CALLS:
        body = json.dumps(GOOD[name]).encode()
        for id in (theirs.upper(), f"{theirs}%20", f"%2e/{theirs}", f"{{{theirs}}}", theirs[:-1], "%00"):
            assert spoofed.call(name, id, body) == 404
    assert spoofed.state() == spoofed.before
