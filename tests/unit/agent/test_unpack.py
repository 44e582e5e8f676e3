"""The agent opens a snapshot as it was made, and nothing that anybody else may have made of it."""

import hashlib
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from agent.unpack import unpack
from controller.git import snapshot
from schemas import archive
from schemas.archive import Entry, Kind, Limits
from schemas.errors import Refused, Stalled
from schemas.reads import chooser
from tests.builders import hostile
from tests.builders.disk import largest_file
from tests.builders.git_repository import GitRepository
from tests.parts.git import Git


def written(*entries: tuple[Entry, bytes]) -> bytes:
    return b"".join(archive.header(e) + c + archive.padding(len(c)) for e, c in entries) + archive.END


def file(path: bytes, content: bytes = b"x", executable: bool = False) -> tuple[Entry, bytes]:
    return Entry(path, Kind.FILE, executable, len(content)), content


def link(path: bytes, target: bytes) -> tuple[Entry, bytes]:
    return Entry(path, Kind.LINK, target=target), b""


def folder(path: bytes) -> tuple[Entry, bytes]:
    return Entry(path, Kind.FOLDER), b""


def digest_of(tar: bytes) -> str:
    return f"sha256:{hashlib.sha256(tar).hexdigest()}"


def stream_of(tar: bytes, piece: int = 65536) -> Iterator[bytes]:
    stored = zstandard.ZstdCompressor(level=1).compress(tar)
    return iter([stored[at : at + piece] for at in range(0, len(stored), piece)])


@pytest.fixture
def jail(tmp_path: Path) -> Iterator[Path]:
    """A destination deep in a folder of which everything else is compared before and after."""
    place = tmp_path / "outer" / "jail"
    place.mkdir(parents=True)
    (tmp_path / "outer" / "treasure").write_text("untouched")
    yield place / "repository"
    assert sorted(p.name for p in tmp_path.rglob("*") if (place / "repository") not in [p, *p.parents]) == [
        "jail",
        "outer",
        "treasure",
    ]
    assert (tmp_path / "outer" / "treasure").read_text() == "untouched"


def refused(tar: bytes, jail: Path, words: str, limits: Limits | None = None) -> None:
    with pytest.raises(Refused, match=words):
        unpack(stream_of(tar), digest_of(tar), jail, limits)
    assert not jail.exists()


def test_files_links_and_folders_are_made(jail: Path) -> None:
    tar = written(
        file(b"a"),
        file(b"deep/er/run", b"#!", True),
        link(b"link", b"deep/er/run"),
        folder(b"module"),
        file(b"z", b""),
    )
    assert unpack(stream_of(tar), digest_of(tar), jail) == 4
    assert (jail / "a").read_bytes() == b"x"
    assert (jail / "deep/er/run").read_bytes() == b"#!"
    assert os.readlink(jail / "link") == "deep/er/run"  # noqa: PTH115 - the text as it stands there
    assert list((jail / "module").iterdir()) == []
    assert (jail / "z").read_bytes() == b""


def test_modes_do_not_depend_on_the_umask(jail: Path) -> None:
    tar = written(file(b"a"), file(b"d/run", b"x", True))
    before = os.umask(0o077)
    try:
        unpack(stream_of(tar), digest_of(tar), jail)
    finally:
        os.umask(before)
    modes = {name: stat.S_IMODE((jail / name).stat().st_mode) for name in ("", "a", "d", "d/run")}
    assert modes == {"": 0o755, "a": 0o644, "d": 0o755, "d/run": 0o755}


def test_a_snapshot_comes_out_as_git_has_it(
    git: Git, tmp_path_factory: pytest.TempPathFactory, jail: Path
) -> None:
    repository = GitRepository(tmp_path_factory.mktemp("source") / "work")
    for number, name in enumerate(hostile.NAMES.values()):
        (repository.path / os.fsdecode(name)).write_bytes(os.urandom(10_000 * number))
    (repository.path / "links").mkdir()
    for label, target in hostile.LINKS.items():
        (repository.path / "links" / label).symlink_to(os.fsdecode(target))
    sha = repository.commit()
    stored = repository.path / ".git" / "stored"
    info = snapshot.make(repository.path / ".git", sha, stored)
    with stored.open("rb") as data:
        count = unpack(iter(lambda: data.read(1000), b""), info.digest, jail)
    assert count == info.files == len(hostile.NAMES) + len(hostile.LINKS)
    assert contents(jail) == contents(repository.path)


def contents(top: Path) -> dict[bytes, bytes | str]:
    found: dict[bytes, bytes | str] = {}
    for place in top.rglob("*"):
        name = os.fsencode(place.relative_to(top))
        if place.is_symlink():
            found[name] = f"-> {place.readlink()}"
        elif place.is_file() and not name.startswith(b".git/"):
            found[name] = place.read_bytes()
    return found


@pytest.mark.parametrize("name", hostile.ESCAPES)
def test_no_path_leads_outside(jail: Path, name: str) -> None:
    path = hostile.ESCAPES[name]
    refused(written(file(path)), jail, "in the archive")
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT) as made:
        made.addfile(tarfile.TarInfo(os.fsdecode(path.replace(b"\0", b""))))
    refused(tar.getvalue(), jail, "archive")


def test_nothing_is_written_through_a_link(jail: Path) -> None:
    for target in (b"..", b"/tmp", b"../../treasure", b"real"):
        refused(written(folder(b"real"), link(b"way", target), file(b"way/x")), jail, "below way")
        refused(written(link(b"way", target), file(b"way")), jail, "way twice")
        refused(written(link(b"way", target), folder(b"way")), jail, "way twice")
        refused(written(link(b"way", target), link(b"way/in", b"x")), jail, "below way")
    refused(written(file(b"file"), file(b"file/x")), jail, "below file")


def test_one_path_twice_is_refused(jail: Path) -> None:
    refused(written(file(b"a"), file(b"a")), jail, "a twice")
    refused(written(file(b"a/b"), file(b"a")), jail, "a twice")
    refused(written(folder(b"a"), folder(b"a")), jail, "a twice")
    refused(written(file(b"a"), link(b"a", b"b")), jail, "a twice")


def test_names_that_differ_by_case_are_two(jail: Path) -> None:
    tar = written(file(b"README", b"1"), file(b"readme", b"2"), file(b"Dir/x"), file(b"dir/x"))
    assert unpack(stream_of(tar), digest_of(tar), jail) == 4
    assert ((jail / "README").read_bytes(), (jail / "readme").read_bytes()) == (b"1", b"2")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a pipe"),
        (tarfile.CONTTYPE, "of a strange kind"),
        (tarfile.GNUTYPE_SPARSE, "of a strange kind"),
        (tarfile.GNUTYPE_LONGNAME, "of a strange kind"),
        (b"g", "of a strange kind"),
        (b"\0", "of a strange kind"),
    ],
)
def test_only_files_links_and_folders_are_taken(jail: Path, kind: bytes, words: str) -> None:
    info = tarfile.TarInfo("strange")
    info.type, info.linkname = kind, "file"
    head = info.tobuf(tarfile.USTAR_FORMAT)
    refused(written(file(b"file"))[: -len(archive.END)] + head + archive.END, jail, words)


@pytest.mark.parametrize(
    "change",
    [
        lambda info: setattr(info, "mode", 0o4755),
        lambda info: setattr(info, "mode", 0o666),
        lambda info: setattr(info, "uid", 1000),
        lambda info: setattr(info, "uname", "root"),
        lambda info: setattr(info, "mtime", 0),
    ],
)
def test_another_tar_of_the_same_files_is_no_snapshot(
    jail: Path, change: Callable[[tarfile.TarInfo], None]
) -> None:
    info = tarfile.TarInfo("a")
    info.mode, info.mtime = 0o644, archive.TIME
    change(info)
    refused(info.tobuf(tarfile.USTAR_FORMAT) + archive.END, jail, "not spelled")


def test_the_digest_decides_before_anything_is_seen(jail: Path) -> None:
    tar = written(file(b"a"), link(b"b", b"/etc"))
    for digest in (digest_of(tar + b"x"), digest_of(tar).removeprefix("sha256:"), "", digest_of(tar).upper()):
        with pytest.raises(Refused, match="not what was ordered"):
            unpack(stream_of(tar), digest, jail)
        assert list(jail.parent.iterdir()) == []


def test_any_flipped_byte_is_refused(jail: Path) -> None:
    tar = written(file(b"a", bytes(range(256)) * 8), link(b"b", b"c"))
    stored = bytearray(b"".join(stream_of(tar)))
    for at in range(len(stored)):
        stored[at] ^= 0x10
        try:
            unpack(iter([bytes(stored)]), digest_of(tar), jail)
        except Refused:
            assert list(jail.parent.iterdir()) == []
        else:
            # Bits of zstd's frame header that say nothing about the content: the digest is over the content.
            assert (jail / "a").read_bytes() == bytes(range(256)) * 8
            shutil.rmtree(jail)
        stored[at] ^= 0x10


def test_archives_that_are_cut_or_go_on_are_refused(jail: Path) -> None:
    tar = written(file(b"a", b"x" * 3000))
    for cut in (0, 1, 511, 512, 1000, 2048, len(tar) - 1024, len(tar) - 512, len(tar) - 1):
        refused(tar[:cut], jail, "too early")
    refused(tar + bytes(512), jail, "goes on behind its end")
    refused(tar[:-512] + b"x" + bytes(511), jail, "goes on behind its end")
    refused(tar[: 512 + 3000] + b"x" + tar[512 + 3001 :], jail, "behind the end of a")
    stored = b"".join(stream_of(tar))
    for broken in (stored[:-5], stored + b"trailing", b"", b"no zstd at all", stored[4:]):
        with pytest.raises(Refused):
            unpack(iter([broken]), digest_of(tar), jail)
        assert list(jail.parent.iterdir()) == []


def test_several_frames_in_any_pieces_are_one_archive(jail: Path) -> None:
    tar = written(file(b"a", b"1" * 5000), file(b"b", b"2" * 5000))
    stored = b"".join(zstandard.compress(tar[at : at + 3000]) for at in range(0, len(tar), 3000))
    pieces = [stored[at : at + 1] for at in range(len(stored))] + [b"", b""]
    assert unpack(iter(pieces), digest_of(tar), jail) == 2
    assert (jail / "b").read_bytes() == b"2" * 5000


def test_there_are_limits(jail: Path) -> None:
    tar = written(file(b"a", b"x" * 60), file(b"b", b"x" * 60))
    refused(tar, jail, "1 entries", Limits(entries=1))
    refused(tar, jail, "119 bytes", Limits(size=119))
    assert unpack(stream_of(tar), digest_of(tar), jail, Limits(entries=2, size=120)) == 2


def test_a_bomb_is_stopped_at_the_limit(jail: Path) -> None:
    head = archive.header(Entry(b"zeros", size=4 * 1024**3))
    refused(head + bytes(10_000_000), jail, "bytes", Limits(size=1024**3))


def test_a_window_that_takes_all_memory_is_refused(jail: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=30)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    stored = compressor.compress(written(file(b"a"))) + compressor.flush()
    with pytest.raises(Refused, match="decompressed"):
        unpack(iter([stored]), digest_of(written(file(b"a"))), jail)


def test_an_empty_folder_is_taken_and_no_other(jail: Path) -> None:
    tar = written(file(b"a"))
    jail.mkdir()
    assert unpack(stream_of(tar), digest_of(tar), jail) == 1
    with pytest.raises(Refused, match="already there"):
        unpack(stream_of(tar), digest_of(tar), jail)
    (jail.parent / "elsewhere").mkdir()
    (jail.parent / "pointer").symlink_to(jail.parent / "elsewhere")
    with pytest.raises(Refused, match="already there"):
        unpack(stream_of(tar), digest_of(tar), jail.parent / "pointer")
    assert list((jail.parent / "elsewhere").iterdir()) == []
    (jail.parent / "pointer").unlink()
    (jail.parent / "elsewhere").rmdir()


def test_a_stream_that_breaks_says_so_itself_and_leaves_nothing(jail: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"".join(stream_of(written(file(b"a", os.urandom(3_000_000)))))[:2_000_000]
        raise ConnectionResetError("the store went away")

    with pytest.raises(ConnectionResetError):
        unpack(broken(), "sha256:0", jail)
    assert list(jail.parent.iterdir()) == []


def test_a_full_disk_stalls_and_leaves_nothing(jail: Path) -> None:
    tar = written(file(b"a", b"x" * 100_000))
    with largest_file(50_000), pytest.raises(Stalled, match="cannot be written"):
        unpack(stream_of(tar), digest_of(tar), jail)
    assert list(jail.parent.iterdir()) == []


def test_nothing_has_its_name_while_it_is_unpacked(jail: Path) -> None:
    tar = written(file(b"a", os.urandom(200_000)), file(b"b"))
    seen: list[bool] = []

    def watched() -> Iterator[bytes]:
        for piece in stream_of(tar):
            seen.append(jail.exists())
            yield piece

    unpack(watched(), digest_of(tar), jail)
    assert len(seen) > 2
    assert not any(seen)
    assert [place.name for place in jail.parent.iterdir()] == ["repository"]


READS = [
    ([], {"a", "deep/b.py", "deep/c.txt", "link"}),
    (["*.py"], {"deep/b.py"}),
    (["deep/"], {"deep/b.py", "deep/c.txt"}),
    (["deep/", "!*.txt"], {"deep/b.py"}),
    (["/a", "link"], {"a", "link"}),
    (["nothing"], set()),
]


@pytest.mark.parametrize(("reads", "there"), READS)
def test_only_what_reads_names_is_written(reads: list[str], there: set[str], jail: Path) -> None:
    tar = written(file(b"a"), file(b"deep/b.py"), file(b"deep/c.txt", b"y" * 3000), link(b"link", b"a"))
    assert unpack(stream_of(tar), digest_of(tar), jail, reads=reads) == len(there)
    found = {p.relative_to(jail).as_posix() for p in jail.rglob("*") if p.is_symlink() or p.is_file()}
    assert found == there


def test_what_is_not_written_is_proved_all_the_same(jail: Path) -> None:
    tar = written(file(b"a"), file(b"b", b"one"))
    other = written(file(b"a"), file(b"b", b"two"))
    with pytest.raises(Refused, match="not what was ordered"):
        unpack(stream_of(other), digest_of(tar), jail, reads=["a"])
    assert not jail.exists()
    behind = tar.replace(b"one" + bytes(509), b"one" + bytes(508) + b"x")
    with pytest.raises(Refused, match="something behind the end of b"):
        unpack(stream_of(behind), digest_of(behind), jail, reads=["a"])


def test_controller_and_agent_mean_the_same_files(
    git: Git, tmp_path_factory: pytest.TempPathFactory, jail: Path
) -> None:
    repository = GitRepository(tmp_path_factory.mktemp("source") / "work")
    for name in hostile.NAMES.values():
        (repository.path / os.fsdecode(name)).write_bytes(name)
    (repository.path / "src").mkdir()
    (repository.path / "src" / "a.py").write_text("a")
    (repository.path / "src" / "b.txt").write_text("b")
    sha = repository.commit()
    mirror = repository.path / ".git"
    info = snapshot.make(mirror, sha, mirror / "stored")
    reads = ["src/", "!*.txt", "*e*"]
    wanted = chooser(reads)
    paths = {path for path, _, _ in snapshot.entries(mirror, sha) if wanted(path)}
    with (mirror / "stored").open("rb") as data:
        count = unpack(iter(lambda: data.read(1000), b""), info.digest, jail, reads=reads)
    assert b"src/a.py" in paths
    assert b"src/b.txt" not in paths
    assert 1 < count == len(paths) < info.files
    assert {os.fsencode(p.relative_to(jail)) for p in jail.rglob("*") if p.is_file()} == paths
