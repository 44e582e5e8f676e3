"""The agent's cache of inputs: what is kept, what goes, and what nobody can slip in."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent import cache
from agent.cache import DataCache
from agent.transfer import Digests, Meter

Put = Callable[..., str]

LARGE = 1000 * cache.ENTRY


def digests(data: bytes) -> Digests:
    meter = Meter()
    meter.add(data)
    return meter.digests()


@pytest.fixture
def put(tmp_path: Path) -> Put:
    def put(kept: DataCache, data: bytes, uri: str = "", version: str = "") -> str:
        path = tmp_path / "file"
        path.write_bytes(data)
        kept.keep(path, digests(data), uri, version)
        return digests(data).sha256

    return put


def contents(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in (folder / "c" / "contents").iterdir()}


def test_what_was_kept_is_given_with_all_its_digests(tmp_path: Path, put: Put) -> None:
    kept = DataCache(tmp_path / "c", LARGE)
    digest = put(kept, b"bytes")
    assert kept.take(digest, tmp_path / "target") == digests(b"bytes")
    assert (tmp_path / "target").read_bytes() == b"bytes"
    assert kept.take(digests(b"other").sha256, tmp_path / "other") is None
    assert DataCache(tmp_path / "c", LARGE).take(digest, tmp_path / "again") == digests(b"bytes")


def test_a_copy_that_is_changed_changes_nothing_here(tmp_path: Path, put: Put) -> None:
    kept = DataCache(tmp_path / "c", LARGE)
    digest = put(kept, b"bytes")
    kept.take(digest, tmp_path / "target")
    (tmp_path / "target").write_bytes(b"mine!")
    assert kept.take(digest, tmp_path / "other") == digests(b"bytes")


@pytest.mark.parametrize("bad", [b"evil!", b"", b"byte", b"bytes and more"])
def test_what_is_not_what_it_was_goes(tmp_path: Path, put: Put, bad: bytes) -> None:
    kept = DataCache(tmp_path / "c", LARGE)
    digest = put(kept, b"bytes")
    [content] = (tmp_path / "c" / "contents").iterdir()
    content.write_bytes(bad)
    assert kept.take(digest, tmp_path / "target") is None
    assert not content.exists()
    put(kept, b"bytes")
    assert kept.take(digest, tmp_path / "target") == digests(b"bytes")


def test_an_address_is_known_by_its_version(tmp_path: Path, put: Put) -> None:
    kept = DataCache(tmp_path / "c", LARGE)
    first = put(kept, b"first", "s3://b/k", "1")
    second = put(kept, b"second", "s3://b/k", "2")
    assert (kept.known("s3://b/k", "1"), kept.known("s3://b/k", "2")) == (first, second)
    assert kept.known("s3://b/k", "3") is None
    assert kept.known("s3://b/other", "1") is None
    put(kept, b"third", "s3://b/k", "1")
    assert kept.known("s3://b/k", "1") == digests(b"third").sha256


def test_without_a_version_no_address_is_known(tmp_path: Path, put: Put) -> None:
    kept = DataCache(tmp_path / "c", LARGE)
    put(kept, b"first", "https://x/f", "")
    assert kept.known("https://x/f", "") is None


def test_what_was_not_used_for_the_longest_goes_first(tmp_path: Path, put: Put) -> None:
    kept = DataCache(tmp_path / "c", LARGE)
    digest = {data: put(kept, data, data.decode(), "1") for data in (b"a", b"b", b"c", b"d")}
    for age, data in enumerate((b"d", b"c", b"b", b"a")):
        path = tmp_path / "c" / "contents" / digest[data].removeprefix("sha256:")
        os.utime(path, (1000 - age, 1000 - age))
    assert kept.take(digest[b"a"], tmp_path / "target")
    DataCache(tmp_path / "c", 3 * cache.ENTRY).tidy()
    assert contents(tmp_path) == {b"a", b"d"}
    assert kept.known("a", "1")
    assert kept.known("b", "1") is None
    assert len(list((tmp_path / "c" / "index").iterdir())) == 2


def test_it_stays_within_its_limit_while_it_fills(tmp_path: Path, put: Put) -> None:
    limit = 20 * cache.ENTRY
    kept = DataCache(tmp_path / "c", limit)
    files: list[Path] = []
    for number in range(60):
        put(kept, f"{number}".encode() * 100)
        files = list((tmp_path / "c" / "contents").iterdir())
        assert sum(path.stat().st_size + cache.ENTRY for path in files) <= limit * 1.2
    assert len(files) >= 10


def test_what_is_larger_than_all_of_it_is_not_kept(tmp_path: Path, put: Put) -> None:
    kept = DataCache(tmp_path / "c", 2 * cache.ENTRY)
    small = put(kept, b"small")
    large = put(kept, b"x" * 2 * cache.ENTRY)
    assert kept.take(small, tmp_path / "target")
    assert kept.take(large, tmp_path / "target") is None
    assert put(DataCache(tmp_path / "none", 0), b"x")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("free", "left"), [(1, 2), (0, 1), (-1, 0)])
def test_the_last_tenth_of_the_disk_is_left_alone(tmp_path: Path, put: Put, free: int, left: int) -> None:
    """A disk of ten entries, on which one more is free, none, or one too few."""

    def disk(_: Path) -> tuple[int, int]:
        return 10 * cache.ENTRY, free * (cache.ENTRY + 1)

    kept = DataCache(tmp_path / "c", LARGE)
    put(kept, b"a")
    put(kept, b"b")
    DataCache(tmp_path / "c", LARGE, disk).tidy()
    assert len(contents(tmp_path)) == left


def test_what_a_killed_writer_left_is_swept_in_time(tmp_path: Path, put: Put) -> None:
    kept = DataCache(tmp_path / "c", LARGE)
    put(kept, b"a")
    old, new = (tmp_path / "c" / "contents" / name for name in ("+old", "+new"))
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (1, 1))
    kept.tidy()
    assert (old.exists(), new.exists()) == (False, True)


def test_a_disk_that_takes_nothing_is_no_error(tmp_path: Path, put: Put) -> None:
    (tmp_path / "c").write_text("a file is in the way")
    kept = DataCache(tmp_path / "c", LARGE)
    digest = put(kept, b"bytes", "s3://b/k", "1")
    kept.tidy()
    assert kept.take(digest, tmp_path / "target") is None
    assert kept.known("s3://b/k", "1") is None


def test_many_at_once_never_see_half_a_file(tmp_path: Path) -> None:
    data = [os.urandom(40_000) for _ in range(4)]
    wrong: list[object] = []

    def use(number: int) -> None:
        kept = DataCache(tmp_path / "c", 3 * (cache.ENTRY + 40_000))
        for turn in range(30):
            mine = data[(number + turn) % len(data)]
            path, target = tmp_path / f"file{number}", tmp_path / f"target{number}"
            path.write_bytes(mine)
            kept.keep(path, digests(mine))
            taken = kept.take(digests(mine).sha256, target)
            if taken and target.read_bytes() != mine:
                wrong.append(number)
            kept.tidy()

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
