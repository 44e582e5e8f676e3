"""What every source of inputs promises. A test of one is a subclass with a `shop`, which can put files where it reads."""

from typing import Protocol

import pytest

from agent.core.placing import Found
from agent.sources.port import Source
from schemas.errors import Gone, Refused
from tests.builders import hostile


class Shop(Protocol):
    """A place with files, and a source that reads there."""

    source: Source

    def put(self, path: str, data: bytes) -> None:
        """Make a file, or another of the same name."""
        ...

    def uri(self, path: str) -> str:
        """The address of a path, or of a pattern."""
        ...


ODD = {
    name: raw.decode("utf-8")
    for name, raw in hostile.NAMES.items()
    if name not in ("not-utf8", "newline", "escape", "longest")
} | {
    "percent": "100%25.txt",
    "hash": "a#b",
    "question": "a?b=c",
    "plus": "a+b",
    "deep": "a/b/c/d.txt",
    "bracket": "[x]{y}~",
}


def get(source: Source, uri: str) -> bytes:
    """Find one file and read it: when a thing is missing is up to the source."""
    [found] = source.find(uri)
    return read(source, found)


def read(source: Source, found: Found) -> bytes:
    with source.open(found) as opened:
        return b"".join(opened.pieces)


class SourceContract:
    """Reading single files."""

    def test_a_file_is_found_by_its_address(self, shop: Shop) -> None:
        shop.put("data/one.csv", b"1,2\n")
        [found] = shop.source.find(shop.uri("data/one.csv"))
        assert found.path.endswith("data/one.csv")
        assert (found.below, found.size) == ("one.csv", 4)
        with shop.source.open(found) as opened:
            assert opened.size == 4
            assert b"".join(opened.pieces) == b"1,2\n"

    @pytest.mark.parametrize("name", ODD.values(), ids=ODD)
    def test_odd_names_are_found_and_read(self, shop: Shop, name: str) -> None:
        if name == " ":
            name = "a b"
        shop.put(f"odd/{name}", name.encode())
        [found] = shop.source.find(shop.uri(f"odd/{name}"))
        assert found.path.endswith(f"odd/{name}")
        assert read(shop.source, found) == name.encode()

    def test_what_was_found_is_an_address_of_its_own(self, shop: Shop) -> None:
        shop.put("data/x y", b"x")
        [found] = shop.source.find(shop.uri("data/x y"))
        assert shop.source.find(found.uri) == [found]

    def test_a_large_file_comes_in_pieces(self, shop: Shop) -> None:
        data = bytes(range(256)) * 4096 * 4
        shop.put("large", data)
        [found] = shop.source.find(shop.uri("large"))
        with shop.source.open(found) as opened:
            pieces = list(opened.pieces)
        assert len(pieces) > 1
        assert b"".join(pieces) == data

    def test_an_empty_file_is_a_file(self, shop: Shop) -> None:
        shop.put("empty", b"")
        [found] = shop.source.find(shop.uri("empty"))
        assert read(shop.source, found) == b""

    def test_a_version_keeps_its_word(self, shop: Shop) -> None:
        shop.put("changing", b"first")
        [first] = shop.source.find(shop.uri("changing"))
        [again] = shop.source.find(shop.uri("changing"))
        assert first == again
        shop.put("changing", b"other")
        [other] = shop.source.find(shop.uri("changing"))
        assert not first.version or first.version != other.version
        with shop.source.open(first) as opened:
            assert opened.version == other.version
            assert b"".join(opened.pieces) == b"other"

    def test_nothing_there_is_gone(self, shop: Shop) -> None:
        with pytest.raises(Gone) as caught:
            get(shop.source, shop.uri("nothing/here"))
        assert "nothing/here" in str(caught.value)

    def test_an_address_without_a_place_is_refused(self, shop: Shop) -> None:
        scheme = shop.uri("x").partition("://")[0]
        for uri in (f"{scheme}://", f"{scheme}://..", f"{scheme}://%"):
            with pytest.raises((Refused, Gone)):
                get(shop.source, uri)


FILES = ["p/a.jpg", "p/b.png", "p/c/d.jpg", "p/c/e/f.jpg", "q/a.jpg", "pq/a.jpg"]


class PatternContract(SourceContract):
    """Reading what fits a pattern."""

    @pytest.mark.parametrize(
        ("pattern", "below"),
        [
            ("p/*.jpg", ["a.jpg"]),
            ("p/**.jpg", ["a.jpg", "c/d.jpg", "c/e/f.jpg"]),
            ("p/**/f.jpg", ["c/e/f.jpg"]),
            ("p/", ["a.jpg", "b.png", "c/d.jpg", "c/e/f.jpg"]),
            ("p/*/d.jpg", ["c/d.jpg"]),
            ("*/a.jpg", ["p/a.jpg", "pq/a.jpg", "q/a.jpg"]),
            ("p/x*", []),
            ("nowhere/", []),
            ("nowhere/*", []),
        ],
    )
    def test_a_pattern_gives_what_fits_in_order(self, shop: Shop, pattern: str, below: list[str]) -> None:
        for path in reversed(FILES):
            shop.put(path, path.encode())
        found = shop.source.find(shop.uri(pattern))
        assert [each.below for each in found] == below
        assert [read(shop.source, each).decode() for each in found] == [each.path for each in found]
        assert found == sorted(found, key=lambda each: each.path)

    def test_odd_names_are_listed_and_read(self, shop: Shop) -> None:
        for name in ODD.values():
            shop.put(f"odd/{name}", name.encode())
        found = shop.source.find(shop.uri("odd/**"))
        assert sorted(each.below for each in found) == sorted(ODD.values())
        assert [read(shop.source, each).decode() for each in found] == [each.below for each in found]
        assert all(shop.source.find(each.uri)[0].path == each.path for each in found)
