"""The folder store, on a real file system; a full disk is a real tmpfs of one megabyte."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.errors import Gone, Refused, Stalled
from schemas.values import Secret
from stores import files, load
from stores.folder import FolderStore, connect
from tests.drivers.store_contract import StoreContract


def everything(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


class TestFolderStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> FolderStore:
        return connect("folder", {"path": tmp_path / "store", "web": "http://127.0.0.1:8000/", "secret": "s"})

    def test_leaves_no_parts_behind(self, store: FolderStore) -> None:
        store.put("a/b", b"1")
        store.put("a/b", b"2")
        store.put("a/b", b"3", absent=True)
        assert everything(store.root) == {"a/b"}

    def test_an_interrupted_stream_leaves_what_was_there(self, store: FolderStore) -> None:
        def broken() -> Iterator[bytes]:
            yield b"half of the new bytes"
            raise ConnectionError("the sender went away")

        store.put("key", b"old")
        with pytest.raises(ConnectionError):
            store.receive("key", broken())
        with pytest.raises(ConnectionError):
            store.receive("other", broken(), absent=True)
        assert store.get("key") == b"old"
        assert everything(store.root) == {"key"}

    def test_never_follows_a_link(self, store: FolderStore, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("secret")
        (store.root / "link").symlink_to(tmp_path / "secret")
        (store.root / "folder").symlink_to(tmp_path)
        os.mkfifo(store.root / "pipe")
        for key in ("link", "pipe"):
            assert store.head(key) is None
            with pytest.raises(Gone):
                store.get(key)
        assert list(store.list("")) == []
        store.put("link", b"x")
        assert (tmp_path / "secret").read_text() == "secret"
        assert store.get("link") == b"x"

    def test_refuses_to_put_over_a_folder_or_below_a_file(self, store: FolderStore) -> None:
        store.put("a/b", b"x")
        with pytest.raises(Refused, match="Is a directory"):
            store.put("a", b"x")
        with pytest.raises(Refused, match=r"File exists|Not a directory"):
            store.put("a/b/c", b"x")
        assert everything(store.root) == {"a/b"}

    def test_a_disk_that_is_not_mounted_is_no_empty_store(self, store: FolderStore, tmp_path: Path) -> None:
        store.put("a", b"x")
        store.root.rename(tmp_path / "unmounted")
        store.root.mkdir()
        for call in (lambda: store.head("a"), lambda: store.put("b", b"x"), lambda: list(store.list(""))):
            with pytest.raises(Stalled, match="has gone"):
                call()
        assert everything(store.root) == set()

    def test_a_start_sweeps_what_killed_writers_left(self, store: FolderStore) -> None:
        old, new = store.root / files.PARTS / "+old", store.root / files.PARTS / "+new"
        old.write_bytes(b"x")
        new.write_bytes(b"x")
        os.utime(old, (0, 0))
        connect("folder", {"path": store.root})
        assert not old.exists()
        assert new.exists()

    def test_who_shares_the_folder_writes_and_reads_it_by_path(self, store: FolderStore) -> None:
        address = store.address("PUT", "outputs/a%2E%2E/b%0A", 60, shares_folder=True, absent=True)
        path = files.path_of(address.url)
        assert files.write_whole(path, b"by path", absent="If-None-Match" in address.headers)
        assert not files.write_whole(path, b"again", absent="If-None-Match" in address.headers)
        assert store.get("outputs/a%2E%2E/b%0A") == b"by path"
        assert everything(store.root) == {"outputs/a%2E%2E/b%0A"}

    @pytest.mark.parametrize("url", ["http://x/y", "file://elsewhere/etc/passwd", "/etc/passwd"])
    def test_a_path_comes_from_file_addresses_only(self, url: str) -> None:
        with pytest.raises(Refused):
            files.path_of(url)

    def test_without_a_web_address_it_says_why_it_cannot_sign(self, tmp_path: Path) -> None:
        with pytest.raises(Stalled, match="no web address"):
            connect("s", {"path": tmp_path}).address("GET", "a", 60, shares_folder=False)

    def test_a_path_that_cannot_be_a_folder_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(Stalled, match="no path"):
            connect("s", {})
        (tmp_path / "file").write_text("x")
        with pytest.raises(Refused, match=r"File exists|Not a directory"):
            connect("s", {"path": tmp_path / "file"})

    def test_its_secret_may_be_text_or_secret(self, tmp_path: Path) -> None:
        urls = {
            connect("s", {"path": tmp_path, "web": "http://web", "secret": secret}, clock=lambda: 5.0)
            .address("GET", "key", 60, shares_folder=False)
            .url
            for secret in ("word", Secret("word"))
        }
        assert len(urls) == 1
        assert urls.pop().startswith("http://web/objects/s/key?method=GET&expires=65&signature=")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_and_leaves_nothing_half_written(small_disk: Path, tmp_path: Path) -> None:
    store = connect("artifacts", {"path": small_disk})
    store.put("key", b"old")
    large = tmp_path / "large"
    large.write_bytes(b"x" * 2_000_000)
    for data in (large, b"x" * 2_000_000):
        for absent in (False, True):
            with pytest.raises(Stalled, match="No space left on device"):
                store.put("key" if not absent else "new", data, absent=absent)
    assert store.get("key") == b"old"
    assert store.head("new") is None
    assert everything(small_disk) == {"key"}
    assert store.put("new", b"x" * 500_000), "the space of what failed must be free again"


def test_a_read_only_disk_is_said(small_disk: Path) -> None:
    store = connect("artifacts", {"path": small_disk})
    store.put("key", b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(Stalled, match="Read-only file system"):
        store.put("key", b"new")
    assert store.get("key") == b"old"


def test_stores_are_loaded_by_the_name_of_their_kind(tmp_path: Path) -> None:
    assert load("folder", "system", {"path": tmp_path}).name == "system"
    with pytest.raises(Stalled, match=r"unknown kind: port.*folder, s3"):
        load("port", "system", {})
    with pytest.raises(Stalled, match=r"unknown kind"):
        load("os.path", "system", {})
