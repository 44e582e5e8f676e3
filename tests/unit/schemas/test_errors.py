"""What a person reads of an error."""

import pytest

from schemas.errors import LuotsiError


@pytest.mark.parametrize(
    ("message", "hint", "said"),
    [
        ("the store is full", "", "the store is full"),
        ("the store is full", "Make room.", "the store is full. Make room."),
        ("Is it full?", "Make room.", "Is it full? Make room."),
        ("one of these:", "a, b", "one of these: a, b"),
    ],
)
def test_message_and_hint_are_two_sentences(message: str, hint: str, said: str) -> None:
    assert str(LuotsiError(message, hint)) == said
