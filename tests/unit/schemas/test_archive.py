"""The snapshot's format: every entry has one spelling, which others can read, and no other is read."""

import io
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas import archive
from schemas.archive import Entry, Kind
from schemas.errors import Refused

names = st.binary(min_size=1, max_size=255).filter(
    lambda name: (
        b"/" not in name and b"\0" not in name and name not in (b".", b"..") and name.lower() != b".git"
    )
)
paths = st.lists(names, min_size=1, max_size=4).map(b"/".join)
targets = st.binary(min_size=1, max_size=300).filter(lambda target: b"\0" not in target)
entries = st.one_of(
    st.builds(Entry, paths, st.just(Kind.FILE), st.booleans(), st.integers(0, archive.LARGEST_FILE)),
    st.builds(lambda path, target: Entry(path, Kind.LINK, target=target), paths, targets),
    st.builds(lambda path: Entry(path, Kind.FOLDER), paths),
)


def reader(data: bytes) -> Callable[[int], bytes]:
    file = io.BytesIO(data)

    def read(size: int) -> bytes:
        found = file.read(size)
        if len(found) < size:
            raise Refused("too short")
        return found

    return read


@given(entries)
def test_every_entry_is_read_as_it_was_written(entry: Entry) -> None:
    written = archive.header(entry)
    assert len(written) % archive.BLOCK == 0
    assert archive.read_entry(reader(written)) == entry


@given(entries)
def test_others_read_the_same(entry: Entry) -> None:
    assume(entry.size < 100)
    data = archive.header(entry) + bytes(entry.size) + archive.padding(entry.size) + archive.END
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        (member,) = tar.getmembers()
    assert member.name.encode(errors="surrogateescape") == entry.path
    assert member.linkname.encode(errors="surrogateescape") == entry.target
    assert (member.size, member.mtime) == (entry.size, archive.TIME)
    assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
    expected = {Kind.LINK: 0o777, Kind.FOLDER: 0o755, Kind.FILE: 0o755 if entry.executable else 0o644}
    assert member.mode == expected[entry.kind]
    kinds = {Kind.LINK: tarfile.SYMTYPE, Kind.FOLDER: tarfile.DIRTYPE, Kind.FILE: tarfile.REGTYPE}
    assert member.type == kinds[entry.kind]


@given(entries, st.data())
def test_a_flipped_bit_is_refused_or_another_right_spelling(entry: Entry, data: st.DataObject) -> None:
    written = bytearray(archive.header(entry))
    at = data.draw(st.integers(0, len(written) - 1))
    written[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Refused):
        archive.read_entry(reader(bytes(written)))


@given(st.binary(min_size=512, max_size=2048))
def test_noise_is_refused(noise: bytes) -> None:
    assume(noise[:512] != bytes(512))
    with pytest.raises(Refused):
        archive.read_entry(reader(noise))


@pytest.mark.parametrize(
    "records",
    [b"", b"x", b"3 =\n", b"99 path=a\n", b"-5 path=a\n", b"10 path=a", b"999999999999999999999 path=a\n"],
)
def test_broken_extended_headers_are_refused(records: bytes) -> None:
    block = bytearray(archive.header(Entry(b"a" * 101))[:512])
    block[124:135] = b"%011o" % len(records)
    data = bytes(block) + records + archive.padding(len(records)) + archive.header(Entry(b"a"))
    with pytest.raises(Refused):
        archive.read_entry(reader(data))


def test_an_extended_header_is_read_only_up_to_a_limit() -> None:
    block = bytearray(archive.header(Entry(b"a" * 101))[:512])
    block[124:135] = b"%011o" % archive.LARGEST_FILE
    asked: list[int] = []

    def read(size: int) -> bytes:
        asked.append(size)
        return bytes(block)

    with pytest.raises(Refused, match="extended header"):
        archive.read_entry(read)
    assert asked == [512]


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"/a",
        b"a/",
        b"a//b",
        b".",
        b"a/./b",
        b"..",
        b"../a",
        b"a/../../b",
        b"a\0b",
        b".git",
        b"a/.GIT/hooks/x",
        b"a" * 256,
        b"/".join([b"a" * 200] * 21),
    ],
)
def test_paths_that_no_snapshot_has(path: bytes) -> None:
    assert archive.trouble(Entry(path)) is not None


@pytest.mark.parametrize("target", [b"", b"a\0b", b"a" * 4096])
def test_targets_that_no_link_has(target: bytes) -> None:
    assert archive.trouble(Entry(b"a", Kind.LINK, target=target)) is not None


@pytest.mark.parametrize("target", [b"/etc/passwd", b"../../..", b".", b"\xff"])
def test_a_link_may_point_anywhere(target: bytes) -> None:
    assert archive.trouble(Entry(b"a", Kind.LINK, target=target)) is None


@pytest.mark.parametrize(
    "path", [b"...", b".gitignore", b"git", b"a b\nc", b"\xff\xfe", b"-rf", b"C:\\x", b"~"]
)
def test_odd_names_are_names(path: bytes) -> None:
    assert archive.trouble(Entry(path)) is None


def test_people_see_paths_escaped() -> None:
    assert archive.show("ä/b".encode()) == "ä/b"
    assert archive.show(b"a\xff\n\x1b[2J") == "a\\xff\\n\\x1b[2J"
