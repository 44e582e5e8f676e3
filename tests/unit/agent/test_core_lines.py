"""Streams as lines, whatever the chunks; secrets never shown, whatever the chunks."""

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core import position
from agent.core.frames import Frames, Stamped, joined
from agent.core.lines import Line, Splitter
from agent.core.masking import Masker
from agent.runtimes.port import Piece
from schemas.messages.log import MAX_MESSAGE

NOTHING = Masker([])


def split(data: bytes, cuts: list[int], masker: Masker = NOTHING) -> list[Line]:
    splitter, lines, start = Splitter(masker), [], 0
    for cut in sorted(cut % (len(data) + 1) for cut in cuts):
        lines += splitter.feed(data[start:cut])
        start = cut
    lines += splitter.feed(data[start:])
    lines += splitter.finish()
    assert splitter.consumed == position.count(data)
    return lines


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        (b"", []),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"a\n\nb\n", ["a", "", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"10%\r20%\rdone\n", ["10%\r", "20%\r", "done"]),
        (b"\r10%\r20%", ["10%\r", "20%"]),
        (b"50%\r", ["50%"]),
        (b"50%\r\r\n", ["50%\r", ""]),
        ("é\n".encode(), ["é"]),
        (b"\xff\xfe\n", ["\ufffd\ufffd"]),
        (b"\r\n", [""]),
    ],
)
def test_where_lines_end(data: bytes, messages: list[str]) -> None:
    assert [line.message for line in split(data, [])] == messages


@given(
    st.lists(st.sampled_from([b"a", b"\n", b"\r", b"bc", "é".encode(), b"\xff"])),
    st.lists(st.integers(0, 200)),
)
def test_chunks_make_no_difference(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts)
    assert split(data, cuts) == split(data, [])


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 4 * MAX_MESSAGE),
    st.lists(st.integers(0, 10**6), max_size=5),
    st.sampled_from(["x", "é", "模"]),
)
def test_long_lines_come_in_pieces_that_make_the_whole(length: int, cuts: list[int], letter: str) -> None:
    lines = split((letter * length + "\nnext").encode(), cuts)
    *pieces, after = lines
    assert "".join(line.message for line in pieces) == letter * length
    assert all(line.more for line in pieces[:-1])
    assert not pieces[-1].more
    assert after == Line("next", more=False)
    assert all(len(line.message.encode()) <= MAX_MESSAGE for line in pieces)


SECRETS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=6, max_size=40), min_size=1, max_size=3)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(SECRETS, st.text(max_size=50), st.integers(0, 3), st.lists(st.integers(0, 300_000), max_size=4))
def test_a_secret_never_shows(secrets: list[str], around: str, long: int, cuts: list[int]) -> None:
    line = (
        (around + ("x" * (long * MAX_MESSAGE - len(around) - 3)) + "".join(secrets) + around)
        .replace("\n", " ")
        .replace("\r", " ")
    )
    shown = "".join(line.message for line in split(line.encode() + b"\n", cuts, Masker(secrets)))
    for secret in secrets:
        flat = secret.replace("\n", " ").replace("\r", " ")
        if flat == secret and secret not in around:
            assert secret not in shown


@pytest.mark.parametrize("form", [
    "pa/ss+wo=rd", "cGEvc3Mrd289cmQ", quote("pa/ss+wo=rd", safe=""), '{"key": "pa/ss+wo=rd"}',
])  # fmt: skip
def test_the_forms_in_which_programs_print_a_secret(form: str) -> None:
    assert "***" in Masker(["pa/ss+wo=rd"]).mask(form.encode()).decode()


def test_each_line_of_a_secret_with_lines_is_one() -> None:
    masker = Masker(["-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n-----END KEY-----\n"])
    assert masker.mask(b"x MIIEvQIBADANBgkq y") == b"x *** y"


@given(st.text(max_size=200))
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    masker = Masker(["not-in-any-random-text-1234567890", "short"])
    assert masker.mask(text.encode()) == text.encode()


@given(st.binary(max_size=300), st.integers(0, 400))
def test_a_position_leaves_out_what_was_counted(data: bytes, at: int) -> None:
    head = data[:at]
    rest = position.after(data, position.count(head))
    assert position.count(rest) == position.count(data) - position.count(head)
    assert data.endswith(rest)


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(max_size=20))), st.integers(1, 7))
def test_frames_come_apart_wherever_they_are_cut(pieces: list[tuple[str, bytes]], size: int) -> None:
    numbers = {"stdout": 1, "stderr": 2}
    data = b"".join(bytes([numbers[s], 0, 0, 0]) + len(p).to_bytes(4, "big") + p for s, p in pieces)
    frames = Frames()
    found = [
        piece for start in range(0, len(data), size) for piece in frames.feed(data[start : start + size])
    ]
    assert [(piece.stream, piece.data) for piece in found] == pieces
    assert b"".join(p.data for p in joined(found) if p.stream == "stdout") == b"".join(
        p for s, p in pieces if s == "stdout"
    )


def test_a_newline_that_the_engine_forgot_is_there_again() -> None:
    first, second = b"2030-01-02T03:04:05.000000001Z ", b"2030-01-02T03:04:05.000000002Z "
    stamped = Stamped()
    frames = [
        first + b"x" * 16384,
        first + b"end of the long line",
        second + b"next\n",
        second + b"no newline",
    ]
    plain = b"".join(stamped.plain(Piece("stdout", frame)).data for frame in frames)
    assert plain == b"x" * 16384 + b"end of the long line\nnext\nno newline"
