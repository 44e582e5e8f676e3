"""Signed envelopes: exact bytes, known keys, nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Refused
from schemas.signing import SigningKey, read_public, verify

KEY = SigningKey.generate()
KEYS = dict([read_public(KEY.public())])


@given(st.text())
def test_the_body_comes_back_to_the_byte(text: str) -> None:
    body = text.encode("utf-8", "replace")
    assert verify(KEY.sign(body), KEYS) == body


def test_a_key_survives_its_file() -> None:
    assert SigningKey.from_pem(KEY.to_pem()).id == KEY.id


def test_another_key_is_refused() -> None:
    with pytest.raises(Refused, match="not known here"):
        verify(SigningKey.generate().sign(b"x"), KEYS)


@pytest.mark.parametrize("part", ["body", "signature"])
def test_a_changed_envelope_is_refused(part: str) -> None:
    envelope = json.loads(KEY.sign(b'{"a": 1}'))
    envelope[part] = envelope[part].replace("1", "2") if part == "body" else "AAAA" + envelope[part][4:]
    with pytest.raises(Refused, match="does not belong"):
        verify(json.dumps(envelope), KEYS)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"key": [], "body": "", "signature": ""}', "\x00"])
def test_what_is_no_envelope_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        verify(text, KEYS)


def test_a_file_that_is_no_ed25519_key_is_refused() -> None:
    with pytest.raises(Refused):
        SigningKey.from_pem(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
