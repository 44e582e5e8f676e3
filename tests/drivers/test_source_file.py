"""Files of the agent's machine as inputs, on a real disk: below the folders of the settings, and nowhere else."""

import os
from pathlib import Path
from urllib.parse import quote

import pytest

from agent.sources import file
from agent.sources.port import Access, Source
from schemas.errors import Gone, Refused
from tests.builders import hostile
from tests.drivers.source_contract import PatternContract, read


class FolderShop:
    def __init__(self, root: Path, is_trusted: bool = True) -> None:
        self.root = root
        self.source: Source = file.connect(Access(folders=("/nowhere", str(root)), is_trusted=is_trusted))

    def put(self, path: str, data: bytes) -> None:
        whole = self.root / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_bytes(data)

    def uri(self, path: str) -> str:
        return f"file://{quote(str(self.root), safe='/')}/{quote(path, safe='/*')}"


@pytest.fixture
def shop(tmp_path: Path) -> FolderShop:
    (tmp_path / "data").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("the host's own")
    return FolderShop(tmp_path / "data")


class TestFile(PatternContract):
    def test_the_path_is_below_the_folder_of_the_settings(self, shop: FolderShop) -> None:
        shop.put("a/b.csv", b"x")
        for uri in (
            shop.uri("a/b.csv"),
            shop.uri("a/b.csv").replace("file://", "file://localhost"),
            shop.uri("a//./b.csv"),
        ):
            assert [(each.path, each.below) for each in shop.source.find(uri)] == [("a/b.csv", "b.csv")]

    def test_names_that_are_no_text(self, shop: FolderShop) -> None:
        for raw in hostile.NAMES.values():
            Path(os.fsdecode(os.fsencode(shop.root) + b"/" + raw)).write_bytes(raw)
        found = shop.source.find(shop.uri("*"))
        assert {read(shop.source, each) for each in found} == set(hostile.NAMES.values())

    @pytest.mark.parametrize("name", ["secret/key", "secret/", "secret/*", "data-other/x", "", "nothing"])
    def test_nothing_outside_is_named(self, shop: FolderShop, name: str) -> None:
        with pytest.raises(Refused, match=r"below no folder.*inputs\.folders") as caught:
            shop.source.find(f"file://{shop.root.parent}/{name}")
        assert str(shop.root) in str(caught.value)

    @pytest.mark.parametrize(
        "path", ["../secret/key", "%2e%2e/secret/key", "a/../../secret/key", "..%2Fsecret/key", "a%00b"]
    )
    def test_no_address_climbs(self, shop: FolderShop, path: str) -> None:
        with pytest.raises(Refused):
            shop.source.find(f"file://{shop.root}/{path}")

    @pytest.mark.parametrize(
        "uri", ["file://etc/passwd", "file://host/srv/x", "file://data", "file:///etc/passwd"]
    )
    def test_no_other_machine_and_no_other_folder(self, shop: FolderShop, uri: str) -> None:
        with pytest.raises(Refused):
            shop.source.find(uri)

    def test_links_lead_inside_only(self, shop: FolderShop) -> None:
        shop.put("real/x", b"inside")
        (shop.root / "good").symlink_to("real/x")
        (shop.root / "bad").symlink_to("../secret/key")
        (shop.root / "absolute").symlink_to("/etc/passwd")
        (shop.root / "folder").symlink_to("../secret")
        (shop.root / "loop").symlink_to("loop")
        (shop.root / "inner").symlink_to("real")
        assert read(shop.source, shop.source.find(shop.uri("good"))[0]) == b"inside"
        assert read(shop.source, shop.source.find(shop.uri("inner/x"))[0]) == b"inside"
        for path in ("bad", "absolute", "folder/key"):
            with pytest.raises(Refused, match="leads out"):
                shop.source.find(shop.uri(path))
        with pytest.raises((Refused, Gone)):
            shop.source.find(shop.uri("loop"))
        assert [each.path for each in shop.source.find(shop.uri("**"))] == ["good", "real/x"]
        assert shop.source.find(shop.uri("folder/")) == []

    def test_what_becomes_a_link_after_it_was_found_is_not_read(self, shop: FolderShop) -> None:
        shop.put("x", b"inside")
        [found] = shop.source.find(shop.uri("x"))
        (shop.root / "x").unlink()
        (shop.root / "x").symlink_to("../secret/key")
        with pytest.raises(Refused, match="leads out"):
            read(shop.source, found)

    def test_what_becomes_a_link_while_it_is_opened_is_not_read(self, shop: FolderShop) -> None:
        shop.put("x", b"inside")

        def swapped(path: Path, flags: int) -> int:
            path.unlink()
            path.symlink_to("../secret/key")
            return os.open(path, flags)

        with pytest.raises(Refused, match="replaced"):
            file.FileSource(Access(folders=(str(shop.root),)), swapped).find(shop.uri("x"))

    def test_pipes_and_folders_are_no_files(self, shop: FolderShop) -> None:
        os.mkfifo(shop.root / "pipe")
        shop.put("d/x", b"")
        for path in ("pipe", "d"):
            with pytest.raises(Refused, match="no plain file"):
                shop.source.find(shop.uri(path))
        assert [each.path for each in shop.source.find(shop.uri("**"))] == ["d/x"]

    def test_a_folder_that_is_a_link_itself_is_the_operators_word(
        self, shop: FolderShop, tmp_path: Path
    ) -> None:
        (tmp_path / "alias").symlink_to("data")
        shop.put("x", b"inside")
        other = FolderShop(tmp_path / "alias")
        assert read(other.source, other.source.find(other.uri("*"))[0]) == b"inside"

    def test_untrusted_runs_read_none(self, shop: FolderShop) -> None:
        shop.put("x", b"inside")
        with pytest.raises(Refused, match="untrusted"):
            FolderShop(shop.root, is_trusted=False).source.find(shop.uri("x"))

    def test_without_the_setting_nothing_is_read(self, shop: FolderShop) -> None:
        with pytest.raises(Refused, match=r"inputs\.folders names them: none"):
            file.connect(Access()).find(shop.uri("x"))
