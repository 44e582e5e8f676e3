"""Deliveries of plain git: signed or nothing, kept once, answered at once."""

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from forges.port import Delivery
from schemas import codec
from schemas.codec import from_json
from schemas.messages.claim import Fault
from tests.flow.web_side import HOOK_SECRETS, REPOSITORY, WebSide

LOOK = json.dumps({"ref": "refs/heads/main", "before": "a" * 40, "after": "b" * 40}).encode()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebSide]:
    made = WebSide(tmp_path)
    yield made
    made.close()


def signature(body: bytes, secret: str = HOOK_SECRETS[0]) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def deliver(
    web: WebSide,
    body: bytes,
    number: str | None = "1",
    signed: str | None = None,
    repository: str = REPOSITORY,
) -> TestResponse:
    headers = {"X-Luotsi-Signature": signature(body) if signed is None else signed}
    if number is not None:
        headers["X-Luotsi-Delivery"] = number
    return web.client().post(f"/hooks/{repository}", data=body, headers=headers)


def test_a_delivery_is_one_row_and_a_wake_up(web: WebSide) -> None:
    assert deliver(web, LOOK).status_code == 202
    row = web.received()[0]
    assert (row.kind, row.source, row.delivery) == ("delivery", REPOSITORY, "1")
    assert codec.read(Delivery, row.body) == Delivery("1", "push", **json.loads(LOOK))
    assert row.received_at == web.now
    assert web.woken == 1


def test_a_replay_is_the_same_row(web: WebSide) -> None:
    answers = [deliver(web, LOOK), deliver(web, LOOK), deliver(web, b"")]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert [answer.json for answer in answers] == [
        {"delivery": "1", "new": new} for new in (True, False, False)
    ]
    assert len(web.received()) == 1


def test_without_a_number_every_delivery_is_a_new_one(web: WebSide) -> None:
    for _ in range(2):
        assert deliver(web, b"", number=None).status_code == 202
    assert len(web.received()) == 2
    assert web.woken == 2


@pytest.mark.parametrize("secret", HOOK_SECRETS)
def test_both_secrets_are_good_while_one_is_replaced(web: WebSide, secret: str) -> None:
    assert deliver(web, LOOK, signed=signature(LOOK, secret)).status_code == 202


@pytest.mark.parametrize(
    "signed",
    [
        "",
        "sha256=",
        signature(LOOK + b" "),
        signature(LOOK, "another secret"),
        signature(LOOK, ""),
        signature(LOOK).removeprefix("sha256="),
        signature(LOOK).replace("sha256", "sha1"),
        signature(LOOK).upper(),
        signature(LOOK) + " ",
        signature(LOOK) + "\xe4",
        "sha1=" + hmac.new(HOOK_SECRETS[0].encode(), LOOK, hashlib.sha1).hexdigest(),
    ],
)
def test_what_is_not_signed_is_401(web: WebSide, signed: str) -> None:
    answer = deliver(web, LOOK, signed=signed)
    assert answer.status_code == 401
    assert from_json(Fault, answer.json).error
    assert web.received() == []
    assert web.woken == 0


def test_who_cannot_sign_does_not_learn_what_is_watched(web: WebSide) -> None:
    wrong = deliver(web, LOOK, signed=signature(LOOK, "no"))
    unknown = deliver(web, LOOK, repository="nobody/nothing")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.json is not None
    assert unknown.json is not None
    assert wrong.json["error"] == unknown.json["error"]


def test_an_unsigned_body_is_not_even_read(web: WebSide) -> None:
    class Unread:
        def read(self, size: int = -1) -> bytes:
            raise AssertionError(f"{size} bytes were read of a body that nobody signed")

    for repository in (REPOSITORY, "nobody/nothing"):
        answer = web.client().post(
            f"/hooks/{repository}", environ_overrides={"wsgi.input": Unread(), "CONTENT_LENGTH": "1000"}
        )
        assert answer.status_code == 401


def test_the_limit_is_told_before_the_body_is_read(web: WebSide) -> None:
    class Unread:
        def read(self, size: int = -1) -> bytes:
            raise AssertionError(f"{size} bytes were read of a body that is too large")

    answer = web.client().post(
        f"/hooks/{REPOSITORY}",
        headers={"X-Luotsi-Signature": signature(b"")},
        environ_overrides={"wsgi.input": Unread(), "CONTENT_LENGTH": str(25 * 1024 * 1024 + 1)},
    )
    assert answer.status_code == 413


def test_a_body_without_a_length_is_read_to_the_limit_and_no_further(web: WebSide) -> None:
    class Endless:
        given = 0

        def read(self, size: int = -1) -> bytes:
            assert 0 < size <= 1024 * 1024
            self.given += size
            return b"x" * size

    endless = Endless()
    answer = web.client().post(
        f"/hooks/{REPOSITORY}",
        headers={"X-Luotsi-Signature": signature(b"")},
        environ_overrides={
            "wsgi.input": endless,
            "wsgi.input_terminated": True,
            "HTTP_TRANSFER_ENCODING": "chunked",
        },
    )
    assert answer.status_code == 413
    assert endless.given <= 26 * 1024 * 1024


def test_a_delivery_at_the_limit_is_taken(web: WebSide) -> None:
    body = LOOK + b" " * (25 * 1024 * 1024 - len(LOOK))
    assert deliver(web, body).status_code == 202
    assert len(web.received()[0].body) < 1000  # what is kept is what was understood


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"ref": 1}',
        b'{"ref": "main"}',
        b'{"ref": "refs/heads/x\\n"}',
        b'{"ref": "refs/heads/--upload-pack=x y"}',
        b'{"ref": "-refs/heads/x"}',
        b'{"ref": "refs/heads/\\u0000"}',
        b'{"ref": "' + b"refs/heads/" + b"x" * 600 + b'"}',
        b'{"after": "HEAD"}',
        b'{"after": "--all"}',
        b'{"more": 1}',
        b"\x1f\x8b" + b"gzip" * 10,
    ],
)
def test_a_signed_body_that_is_none_is_400(web: WebSide, body: bytes) -> None:
    answer = deliver(web, body)
    assert answer.status_code == 400, answer.json
    assert from_json(Fault, answer.json).error
    assert web.received() == []


def test_a_ledger_that_cannot_be_had_is_503(web: WebSide) -> None:
    with closing(sqlite3.connect(web.folder / "ledger.sqlite")) as beside:
        beside.execute("ALTER TABLE inbox RENAME TO away")
        answer = deliver(web, LOOK)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "ledger" in from_json(Fault, answer.json).error
        beside.execute("ALTER TABLE away RENAME TO inbox")
    assert deliver(web, LOOK).status_code == 202


def test_the_log_obeys_no_sender(web: WebSide) -> None:
    with capture_logs() as logged:
        assert deliver(web, LOOK, repository="x%1b%5b2J%c2%9b" + "y" * 1000).status_code == 401
    [line] = [each for each in logged if each["event"] == "delivery refused"]
    assert line["source"].isprintable()
    assert len(line["source"]) < 300


@pytest.mark.parametrize("number", ["x" * 201, "a b", "\xe4"])
def test_a_number_that_is_none_is_400(web: WebSide, number: str) -> None:
    assert deliver(web, LOOK, number=number).status_code == 400


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSide]:
    made = WebSide(tmp_path_factory.mktemp("fuzz"))
    yield made
    made.close()


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(),
        st.dictionaries(
            st.sampled_from(["ref", "before", "after", "x"]), st.one_of(JSON, st.just("refs/heads/m"))
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_no_signed_body_is_an_error_of_ours(fuzzed: WebSide, body: bytes) -> None:
    """Threat 14: a forge's payload, mutated."""
    answer = deliver(fuzzed, body, number=None)
    assert answer.status_code in {202, 400}
    if answer.status_code == 202:
        assert codec.write(json.loads(fuzzed.received()[-1].body))
