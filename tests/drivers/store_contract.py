"""What every store promises. A driver's test is a subclass with a `store` fixture; a fake's too."""

import hashlib
import threading
from pathlib import Path

import pytest

from schemas.errors import Gone, Refused
from stores import keys
from stores.port import Store

EXECUTION = "0a0a0a0a-0000-4000-8000-000000000001"
DATUM = "0d0d0d0d-0000-4000-8000-000000000001"
NAMES = [
    "model.json",
    "sub/folder/model.json",
    "../../etc/passwd",
    "/etc/passwd",
    "a//b",
    ".",
    "with space & ? # % + ; = \\ : * \" ' < > |",
    "%2e%2e/%2F",
    "line\nbreak\ttab\x00nul\x7f",
    "näyte/模型.bin",
    "\udcff\udcfe.bin",
    "x" * 250,
    "模" * 85,
    "/".join(["deep"] * 300),
    "-rf",
    "~root",
    "+parts",
]
NOT_KEYS = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    "..",
    "a/../b",
    "a/./b",
    "a b",
    "a\nb",
    "a%2",
    "a%2e",
    "a%zz",
    "ä",
    "a?b",
    "+parts/x",
]


class StoreContract:
    """Nothing here knows which store it is."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    def test_gives_back_what_was_put(self, store: Store) -> None:
        assert store.put("a/b", b"hello") is True
        assert store.get("a/b") == b"hello"
        assert b"".join(store.stream("a/b")) == b"hello"
        found = store.head("a/b")
        assert found is not None
        assert found.size == 5

    def test_an_empty_object_is_an_object(self, store: Store) -> None:
        store.put("empty", b"")
        assert store.get("empty") == b""
        assert list(store.stream("empty")) in ([], [b""])
        assert (store.head("empty") or pytest.fail("it is not there")).size == 0

    def test_puts_a_large_file_as_it_is(self, store: Store, tmp_path: Path) -> None:
        data = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(700_000))  # 22 MB
        file = tmp_path / "large"
        file.write_bytes(data)
        assert store.put("large", file)
        pieces = list(store.stream("large"))
        assert hashlib.sha256(b"".join(pieces)).digest() == hashlib.sha256(data).digest()
        assert max(map(len, pieces)) < len(data) / 2, (
            "a large object must not pass through memory in one piece"
        )

    def test_a_file_that_is_not_there_is_gone(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(Gone):
            store.put("key", tmp_path / "nothing")
        assert store.head("key") is None

    def test_put_replaces(self, store: Store) -> None:
        store.put("key", b"old")
        before = store.head("key")
        assert store.put("key", b"new and longer")
        assert store.get("key") == b"new and longer"
        assert store.head("key") != before

    def test_put_absent_writes_once(self, store: Store, tmp_path: Path) -> None:
        assert store.put("results/x/1.json", b"first", absent=True) is True
        file = tmp_path / "second"
        file.write_bytes(b"second")
        assert store.put("results/x/1.json", file, absent=True) is False
        assert store.get("results/x/1.json") == b"first"

    def test_of_many_writers_at_once_one_wins(self, store: Store) -> None:
        gate = threading.Barrier(8)
        won: list[bytes] = []

        def write(word: bytes) -> None:
            gate.wait()
            if store.put("race", word, absent=True):
                won.append(word)

        threads = [threading.Thread(target=write, args=(b"writer %d" % number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert store.get("race") == won[0]

    def test_what_is_absent_is_gone(self, store: Store) -> None:
        assert store.head("nothing/here") is None
        with pytest.raises(Gone):
            store.get("nothing/here")
        with pytest.raises(Gone):
            list(store.stream("nothing/here"))

    def test_a_folder_is_no_object(self, store: Store) -> None:
        store.put("folder/file", b"x")
        assert store.head("folder") is None
        with pytest.raises(Gone):
            store.get("folder")
        store.delete("folder")
        assert store.get("folder/file") == b"x"

    def test_get_has_a_limit(self, store: Store) -> None:
        store.put("key", b"12345")
        assert store.get("key", limit=5) == b"12345"
        with pytest.raises(Refused, match="more than 4"):
            store.get("key", limit=4)

    def test_lists_below_a_folder_in_order(self, store: Store) -> None:
        for key in (
            ("a/b/2", "a/b/1", "a/b-c", "a/b", "ab/1", "z")
            if store.name != "folder"
            else ("a/b/2", "a/b/1", "a/b-c", "ab/1", "z")
        ):
            store.put(key, b"x")
        assert list(store.list("a/b")) == ["a/b/1", "a/b/2"]
        assert list(store.list("a/b/")) == ["a/b/1", "a/b/2"]
        assert list(store.list("z")) == []
        assert list(store.list("none")) == []
        everything = list(store.list(""))
        assert everything == sorted(everything)
        assert {"a/b/1", "a/b/2", "a/b-c", "ab/1", "z"} <= set(everything)

    def test_delete_is_quiet(self, store: Store) -> None:
        store.put("a/b", b"x")
        store.delete("a/b")
        store.delete("a/b")
        assert store.head("a/b") is None
        assert list(store.list("")) == []

    @pytest.mark.parametrize("name", NAMES)
    def test_any_name_makes_a_key_that_keeps_its_place(self, store: Store, name: str) -> None:
        key = keys.output(EXECUTION, 1, DATUM, name)
        assert store.put(key, name.encode("utf-8", "surrogateescape"), absent=True)
        assert store.get(key) == name.encode("utf-8", "surrogateescape")
        assert list(store.list(f"outputs/{EXECUTION}/1")) == [key]
        assert list(store.list("")) == [key]
        store.delete(key)
        assert store.head(key) is None

    @pytest.mark.parametrize("text", NOT_KEYS)
    def test_refuses_what_is_no_key(self, store: Store, text: str) -> None:
        with pytest.raises(Refused):
            store.put(text, b"x")
        with pytest.raises(Refused):
            store.get(text)
        with pytest.raises(Refused):
            store.stream(text)
        with pytest.raises(Refused):
            store.head(text)
        with pytest.raises(Refused):
            store.delete(text)
        with pytest.raises(Refused):
            store.address("PUT", text, 60, shares_folder=False)
        with pytest.raises(Refused):
            store.address("GET", text, 60, shares_folder=True)

    @pytest.mark.parametrize("prefix", ["..", "a/../..", "/", "/etc", "+parts", "a//b"])
    def test_refuses_a_prefix_that_leads_elsewhere(self, store: Store, prefix: str) -> None:
        with pytest.raises(Refused):
            list(store.list(prefix))

    def test_an_address_says_what_it_is_for(self, store: Store) -> None:
        address = store.address("PUT", "results/x/1.json", 60, shares_folder=False, absent=True)
        assert (address.method, address.key, address.store) == ("PUT", "results/x/1.json", store.name)
        assert address.headers == {"If-None-Match": "*"}
        assert address.url.startswith(("http://", "https://"))
        assert store.address("GET", "x", 60, shares_folder=False).headers == {}
