"""Keys: spelled once, and never special to a file system or a URL, whatever a person names a file."""

import os
import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Refused
from stores import keys

EXECUTION = "0a0a0a0a-0000-4000-8000-000000000001"
DATUM = "0d0d0d0d-0000-4000-8000-000000000001"
REPOSITORY = "0e0e0e0e-0000-4000-8000-000000000001"


def test_every_key_as_the_design_spells_it() -> None:
    assert keys.code(REPOSITORY, "a" * 40) == f"code/{REPOSITORY}/{'a' * 40}.tar.zst"
    assert keys.log(EXECUTION, 2).startswith(f"logs/{EXECUTION}/2/")
    assert (
        keys.output(EXECUTION, 2, DATUM, "sub/model.json") == f"outputs/{EXECUTION}/2/{DATUM}/sub/model.json"
    )
    assert keys.result(EXECUTION, 2) == f"results/{EXECUTION}/2.json"
    assert keys.record(REPOSITORY, "verdict", "x") == f"records/{REPOSITORY}/verdict/x.json"


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("a b", "a%20b"),
        ("../x", "%2E%2E/x"),
        ("./x", "%2E/x"),
        ("...", "..."),
        ("/x", "%2F/x"),
        ("x//y", "x/%2F/y"),
        ("x/", "x/%2F"),
        ("%2e%2e/x", "%252e%252e/x"),
        ("ä", "%C3%A4"),
        ("\udce4", "%E4"),
        ("a\nb\0", "a%0Ab%00"),
        ("a\\b", "a%5Cb"),
    ],
)
def test_a_name_is_encoded_segment_by_segment(name: str, end: str) -> None:
    assert keys.output(EXECUTION, 1, DATUM, name) == f"outputs/{EXECUTION}/1/{DATUM}/{end}"


NAMES = st.one_of(
    st.text(max_size=300), st.binary(max_size=300).map(os.fsdecode), st.text("./%~+ä", max_size=900)
)


@given(NAMES.filter(lambda name: not re.search("[\ud800-\udc7f\udd00-\udfff]", name)))
def test_any_name_makes_a_key_below_its_datum(name: str) -> None:
    key = keys.output(EXECUTION, 1, DATUM, name)
    assert keys.check(key) == key
    assert key.startswith(f"outputs/{EXECUTION}/1/{DATUM}/")
    assert os.path.normpath(key) == key
    assert all(len(segment) <= keys.LONGEST_SEGMENT for segment in key.split("/"))


@given(NAMES)
def test_a_short_segment_reads_back(text: str) -> None:
    try:
        segment = keys.segment(text)
    except Refused:
        assert re.search("[\ud800-\udfff]", text)
        return
    if text and "%7E" not in segment:
        assert unquote(segment, errors="surrogateescape").encode("utf-8", "surrogateescape") == text.encode(
            "utf-8", "surrogateescape"
        )


def test_long_segments_stay_apart() -> None:
    same_start = {keys.segment("x" * 300 + end) for end in ("a", "b")}
    assert len(same_start) == 2
    assert not same_start & {keys.segment(segment) for segment in same_start}
    for length in range(90, 100):  # the cut never leaves half of an escape
        assert keys.check(keys.segment("x" * length + "ä" * 100))


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(Refused):
        keys.segment("\ud800")


def test_what_an_attempt_may_write() -> None:
    written = keys.written_by(EXECUTION, 1)
    assert keys.log(EXECUTION, 1).startswith(written["system"][0])
    assert keys.result(EXECUTION, 1) == written["system"][1]
    assert keys.output(EXECUTION, 1, DATUM, "x").startswith(written["artifacts"][0])
    assert not keys.log(EXECUTION, 11).startswith(written["system"][0])
    assert not keys.output(EXECUTION, 11, DATUM, "x").startswith(written["artifacts"][0])


@pytest.mark.parametrize(
    "text", ["x" * 1025, "a/..", "../a", "./a", "a/.", "a\n", "a\0", "a/%2e", "a%", "a//b", ""]
)
def test_other_text_is_no_key(text: str) -> None:
    with pytest.raises(Refused, match="not a key"):
        keys.check(text)
