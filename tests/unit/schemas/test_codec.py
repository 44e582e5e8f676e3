"""Messages: what is written is read again, and nothing else is taken."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas import codec, published
from schemas.errors import Refused
from schemas.messages.claim import Finish, Order, RenewAnswer, Renewed
from schemas.messages.log import LogRecord
from schemas.messages.result import Result

UUID = "6b1f4d0e-0000-4000-8000-000000000001"
MOMENT = "2030-01-02T03:04:05.000000+00:00"
RESULT: dict[str, Any] = {
    "version": 1,
    "execution": UUID,
    "attempt": UUID,
    "outcome": "complete",
    "reason": "",
    "started": None,
    "finished": MOMENT,
    "outputs": [
        {
            "datum": UUID,
            "name": "a",
            "size": 1,
            "sha256": "sha256:" + "0" * 64,
            "key": "k",
            "metadata": {"x": [1]},
        }
    ],
}


@pytest.mark.parametrize("message", list(published.messages()), ids=lambda message: message.__name__)
def test_every_message_has_a_valid_schema_that_refuses_unknown_keys(message: type) -> None:
    schema = codec.schema_of(message)
    Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False


def test_the_published_schemas_are_those_of_the_classes() -> None:
    files = {path.name: path.read_text() for path in published.FOLDER.iterdir()}
    assert files == published.texts(), "run `python -m schemas.published`"


def test_what_is_written_is_read_again() -> None:
    result = codec.from_json(Result, RESULT)
    assert codec.read(Result, codec.write(result)) == result
    assert result.outputs[0].metadata == {"x": [1]}


def test_nested_messages_and_enums_survive() -> None:
    answer = RenewAnswer((Renewed(UUID, 3.5, Order.STOP),), interval=1.0)
    assert codec.read(RenewAnswer, codec.write(answer)) == answer


@pytest.mark.parametrize(
    "change",
    [
        {"version": "one"},
        {"execution": "not-a-uuid"},
        {"outcome": "fine"},
        {"finished": "yesterday"},
        {"finished": MOMENT + "\n"},
        {"execution": UUID + "\n"},
        {"extra": 1},
        {"outputs": [{"datum": UUID}]},
        {"outputs": {}},
    ],
)
def test_anything_else_is_refused_with_the_place(change: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="not a valid Result message"):
        codec.from_json(Result, {**RESULT, **change})


@pytest.mark.parametrize("text", [b"", b"\xff", b"[]", b"null", b'{"digest": 1}', b"[" * 100_000])
def test_bytes_that_are_no_message_are_refused(text: bytes) -> None:
    with pytest.raises(Refused):
        codec.read(Finish, text)


@given(st.text(), st.integers(1, 2**40), st.booleans())
def test_equal_messages_give_equal_bytes(message: str, seq: int, more: bool) -> None:
    record = LogRecord(seq, MOMENT, "stdout", message.encode("utf-8", "replace").decode(), more)
    assert codec.read(LogRecord, codec.write(record)) == record
    assert codec.write(record) == codec.write(codec.from_json(LogRecord, json.loads(codec.write(record))))


def test_a_field_that_json_cannot_hold_is_a_bug_that_shows_at_once() -> None:
    @dataclass
    class Wrong:
        value: bytes

    with pytest.raises(TypeError, match="cannot hold"):
        codec.schema_of(Wrong)
