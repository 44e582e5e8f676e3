"""Names of inputs' files: what keeps which directories, what collides, and what never leads outside."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.placing import Found, Placement, place, safe, without_login
from schemas.errors import Refused
from schemas.messages.job import Input
from tests.builders import agent_jobs, hostile


def found(path: str, root: str = "", bucket: str = "s3://b") -> Found:
    return Found(f"{bucket}/{path}", path, path.removeprefix(root) if root else path.rpartition("/")[2])


def names(placements: Sequence[Placement]) -> list[str]:
    return [each.name for each in placements]


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ("none", ["a.jpg", "b.jpg", "model.bin"]),
        ("full", ["foo/bar/one/a.jpg", "foo/bar/b.jpg", "models/model.bin"]),
        ("suffix", ["one/a.jpg", "b.jpg", "models/model.bin"]),
    ],
)
def test_directories_are_kept_as_asked(keep: str, expected: list[str]) -> None:
    described = Input("a", data=(agent_jobs.datum("models/model.bin", b""),), keep_directories=keep)  # type: ignore[arg-type]
    files = [found("foo/bar/one/a.jpg", "foo/bar/"), found("foo/bar/b.jpg", "foo/bar/")]
    assert sorted(names(place(described, files))) == sorted(expected)


def test_a_plain_address_has_no_suffix_but_its_name() -> None:
    described = Input("a", keep_directories="suffix")
    assert names(place(described, [found("x/y/z.csv")])) == ["z.csv"]


def test_data_come_first_and_then_the_addresses_in_their_order() -> None:
    described = Input("a", data=(agent_jobs.datum("z", b""), agent_jobs.datum("c", b"")))
    assert names(place(described, [found("y"), found("b")])) == ["z", "c", "y", "b"]


def test_one_file_may_be_renamed_and_several_keep_their_names() -> None:
    assert names(place(Input("a", filename="other"), [found("x/f")])) == ["other"]
    assert names(place(Input("a", filename="d/other"), [found("x/f")])) == ["d/other"]
    assert names(place(Input("a", filename="other"), [found("x/f"), found("x/g")])) == ["f", "g"]


def test_what_two_patterns_name_is_there_once() -> None:
    assert names(place(Input("a"), [found("x/f"), found("x/g"), found("x/f")])) == ["f", "g"]


@pytest.mark.parametrize(
    ("described", "files", "both"),
    [
        (Input("a"), [found("x/f"), found("y/f")], ("s3://b/x/f", "s3://b/y/f")),
        (Input("a"), [found("f"), found("f", bucket="s3://c")], ("s3://b/f", "s3://c/f")),
        (
            Input("a", keep_directories="full"),
            [found("x"), found("x/f")],
            ("'x' and 'x/f'", "s3://b/x and s3://b/x/f"),
        ),
    ],
)
def test_two_files_that_want_one_name_are_refused_with_both(
    described: Input, files: list[Found], both: tuple[str, str]
) -> None:
    with pytest.raises(Refused) as caught:
        place(described, files)
    assert [word for word in both if word not in str(caught.value)] == []
    with pytest.raises(Refused):
        place(described, files[::-1])


@pytest.mark.parametrize("name", ["..", "a/b", "", "/a", "a\0b", "../a", "n" * 256])
def test_an_input_is_one_directory_inside(name: str) -> None:
    with pytest.raises(Refused):
        place(Input(name))


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "/etc/passwd", "a\0b", "", "..", "n" * 256, "/".join("x" * 200 for _ in range(20))],
)
@pytest.mark.parametrize("keep", ["none", "full", "suffix"])
def test_no_name_leads_outside(path: str, keep: str) -> None:
    described = Input("a", keep_directories=keep)  # type: ignore[arg-type]
    with pytest.raises(Refused):
        place(described, [Found(f"s3://b/{path}", path, path)])
    with pytest.raises(Refused):
        place(Input("a", data=(agent_jobs.datum(path or "..", b""),), keep_directories="full"))


def test_a_name_that_is_given_stays_inside_too() -> None:
    for name in ("/etc/passwd", "../x", "a\0b"):
        with pytest.raises(Refused, match="filename"):
            place(Input("a", filename=name), [found("x/f")])


@pytest.mark.parametrize("raw", hostile.NAMES.values(), ids=hostile.NAMES)
def test_names_that_are_only_odd_stay_as_they_are(raw: bytes) -> None:
    name = raw.decode("utf-8", "surrogateescape")
    files = [Found("file:///b/k", name, name)]
    if "\udce9" in name:
        with pytest.raises(Refused, match=r"no UTF-8.*Rename"):
            place(Input("a"), files)
    else:
        assert names(place(Input("a"), files)) == [name]


@given(
    st.text(min_size=0, max_size=60)
    | st.lists(st.sampled_from(["..", ".", "", "a", "é", "\0", "B"])).map("/".join)
)
def test_whatever_is_safe_is_below(name: str) -> None:
    try:
        path = safe(name, "it")
    except Refused:
        return
    assert not path.startswith("/")
    parts = PurePosixPath(path).parts
    assert parts
    assert ".." not in parts
    assert "\0" not in path
    assert safe(path, "it") == path


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:secret@x/f", "https://x/f"),
        ("https://me:se/cret@x/f", "https://me:se/cret@x/f"),
        ("HTTP://me@x", "HTTP://x"),
        ("http://[", "http://["),
        ("https://x/f@2.csv", "https://x/f@2.csv"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("nonsense", "nonsense"),
    ],
)
def test_logins_are_not_shown(url: str, shown: str) -> None:
    assert without_login(url) == shown


def test_the_record_has_the_datum_or_the_address_without_its_login() -> None:
    datum = agent_jobs.datum("f", b"")
    shown = [each.uri for each in place(Input("a", data=(datum,)), [Found("https://me:pw@x/g", "g", "g")])]
    assert shown == [f"datum://{datum.datum}", "https://x/g"]
