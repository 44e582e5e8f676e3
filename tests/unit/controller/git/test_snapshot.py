"""A snapshot is what git would archive, the same bytes wherever it is made, and safe to make of anything."""

import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.git import snapshot
from controller.git.mirror import Mirror
from controller.git.snapshot import SnapshotInfo
from schemas.archive import Limits
from schemas.errors import ConfigError, Gone, Stalled
from schemas.values import Sha
from tests.builders import hostile
from tests.builders.disk import largest_file
from tests.builders.git_repository import GitRepository

MirrorOf = Callable[[GitRepository], Mirror]


def tar_of(stored: Path) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(stored.read_bytes())) as reader:
        return reader.read()


def members(tar: bytes) -> dict[str, tuple[bytes, int, str, bytes]]:
    """Path -> (kind, mode, target, content), of all but plain folders."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            content = file.read() if file is not None else b""
            found[member.name] = (member.type, member.mode, member.linkname, content)
    return found


def made(
    repository: Path, sha: Sha, folder: Path, limits: Limits | None = None
) -> tuple[SnapshotInfo, bytes]:
    stored = folder / "code.tar.zst"
    info = snapshot.make(repository, sha, stored, limits)
    tar = tar_of(stored)
    assert info.digest == f"sha256:{hashlib.sha256(tar).hexdigest()}"
    assert info.size == stored.stat().st_size
    assert [place.name for place in folder.glob("*code.tar.zst*")] == ["code.tar.zst"]
    return info, tar


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "made"
    place.mkdir()
    return place


def test_it_holds_what_git_archive_holds(work: GitRepository, folder: Path) -> None:
    files: dict[str, str | bytes | None] = {
        "train.py": "print(1)\n",
        "data/wine.csv": b"\0\xff" * 5000,
        "empty": b"",
        "a-b": "1",
        "a/b": "2",
        "ab": "3",
        "ä/ö": "4",
        "deep/" * 40 + "file": "5",
        "secret/key": "no",
        "notes.md": "no",
        "kept/notes.md": "yes",
        "kept/.gitattributes": "*.md -export-ignore\n",
        ".gitattributes": "/secret export-ignore\n*.md export-ignore\n.gitattributes export-ignore\n",
    }
    (work.path / "link").symlink_to("data/wine.csv")
    work.commit(files)
    (work.path / "train.py").chmod(0o755)
    sha = work.commit()
    info, tar = made(work.path / ".git", sha, folder)
    theirs = members(work.raw("-c", "tar.umask=0022", "archive", "--format=tar", sha))
    expected = {path: entry for path, entry in theirs.items() if entry[0] != tarfile.DIRTYPE}
    assert members(tar) == expected
    assert info.files == len(expected)
    assert "secret/key" not in expected
    assert "kept/notes.md" in expected


def test_gnu_tar_and_zstd_open_it(work: GitRepository, folder: Path) -> None:
    sha = work.commit({"deep/" * 40 + "file": "x", "a": "1"})
    snapshot.make(work.path / ".git", sha, folder / "code.tar.zst")
    tar = folder / "code.tar"
    tar.write_bytes(tar_of(folder / "code.tar.zst"))
    out = folder / "out"
    out.mkdir()
    subprocess.run(["tar", "-xf", tar, "-C", out], check=True)
    assert (out / ("deep/" * 40 + "file")).read_text() == "x"
    assert (out / "a").stat().st_mtime == 315_532_800


def test_entries_are_sorted_by_the_bytes_of_their_paths(work: GitRepository, folder: Path) -> None:
    first = work.commit({"a-b": "", "a/b": "", "ab": "", "B": "", "m/x": "", "module-x": "", "module0": ""})
    work.git("update-index", "--add", "--cacheinfo", f"160000,{first},module")
    work.git("commit", "--quiet", "--message", "A submodule")
    _, tar = made(work.path / ".git", work.head(), folder)
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        names = [member.name + "/" * member.isdir() for member in archive]
    assert names == sorted(names) == ["B", "a-b", "a/b", "ab", "m/x", "module-x", "module/", "module0"]


def test_links_stay_links_wherever_they_point(work: GitRepository, folder: Path) -> None:
    work.path.joinpath("links").mkdir()
    for name, target in hostile.LINKS.items():
        (work.path / "links" / name).symlink_to(os.fsdecode(target))
    work.git("add", "--all")
    info, tar = made(work.path / ".git", work.commit(), folder)
    kept = {name.removeprefix("links/"): entry for name, entry in members(tar).items()}
    assert {name: entry[0] for name, entry in kept.items()} == dict.fromkeys(hostile.LINKS, tarfile.SYMTYPE)
    assert {name: os.fsencode(entry[2]) for name, entry in kept.items()} == hostile.LINKS
    assert info.files == len(hostile.LINKS)


def test_odd_names_are_kept_byte_by_byte(work: GitRepository, folder: Path) -> None:
    for name in hostile.NAMES.values():
        Path(os.fsdecode(os.fsencode(work.path) + b"/" + name)).write_bytes(name)
    _, tar = made(work.path / ".git", work.commit(), folder)
    kept = {os.fsencode(name): entry[3] for name, entry in members(tar).items()}
    assert kept == {name: name for name in hostile.NAMES.values()}


def test_an_empty_commit_is_an_empty_archive(work: GitRepository, folder: Path) -> None:
    info, tar = made(work.path / ".git", work.commit(), folder)
    assert (info.files, tar) == (0, bytes(1024))


def test_the_digest_is_the_format(work: GitRepository, folder: Path) -> None:
    """It may change only together with `schemas.archive.VERSION`: stored digests are compared with new ones."""
    (work.path / "link").symlink_to("../outside")
    sha = work.commit({"train.py": "print(1)\n", "d/" * 60 + "long": "x"})
    info, _ = made(work.path / ".git", sha, folder)
    assert info.digest == "sha256:94bc8e17b3c6d423d78f1340417b648ad43a8ff43a55363e73407c913db38a50"


names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20).filter(
    lambda name: len(name.encode()) < 60 and name.lower() not in (".", "..", ".git", ".gitattributes")
)
trees = st.dictionaries(names, st.tuples(st.binary(max_size=2000), st.booleans()), max_size=6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(top=trees, below=trees)
def test_the_same_tree_has_the_same_digest_everywhere(
    work: GitRepository,
    tmp_path_factory: pytest.TempPathFactory,
    top: dict[str, tuple[bytes, bool]],
    below: dict[str, tuple[bytes, bool]],
) -> None:
    def tree(files: dict[str, tuple[bytes, bool]], more: str = "") -> str:
        lines = [
            f"{'100755' if executable else '100644'} blob "
            f"{work.git('hash-object', '-w', '--stdin', stdin=content)}\t{name}\0"
            for name, (content, executable) in reversed(files.items())
        ]
        return work.git("mktree", "-z", stdin="".join([*lines, more]).encode())

    inner = tree(below)
    outer = tree({name: file for name, file in top.items() if name != "sub"}, f"040000 tree {inner}\tsub\0")
    once = Sha(work.git("commit-tree", outer, "-m", "once", when="2030-01-01T00:00:00+00:00"))
    again = Sha(work.git("commit-tree", outer, "-m", "again", "-p", once, when="2031-01-01T00:00:00+00:00"))
    work.git("update-ref", "refs/heads/main", again)
    folder = tmp_path_factory.mktemp("mirrors")
    digests = set()
    for number, sha in enumerate((once, again)):
        mirror = Mirror(folder / f"{number}.git", str(work.path))
        mirror.fetch()
        if number:
            GitRepository(mirror.path).git("repack", "-a", "-d", "-q")
        digests.add(snapshot.make(mirror.path, sha, folder / f"{number}.zst").digest)
    assert len(digests) == 1


def test_the_machines_configuration_changes_nothing(
    work: GitRepository, folder: Path, tmp_path: Path
) -> None:
    sha = work.commit(
        {"a.txt": "1\r\n", "b.txt": "$Id$ $Format:%H$\n", ".gitattributes": "b.txt ident export-subst\n"}
    )
    before, tar = made(work.path / ".git", sha, folder)
    (tmp_path / "attributes").write_text("*.txt export-ignore text eol=lf\n")
    work.git("config", "core.attributesFile", str(tmp_path / "attributes"))
    work.git("config", "core.autocrlf", "true")
    (work.path / ".git" / "info").mkdir(exist_ok=True)
    (work.path / ".git" / "info" / "attributes").write_text("*.txt export-ignore\n")
    assert made(work.path / ".git", sha, folder)[0] == before
    assert members(tar)["a.txt"][3] == b"1\r\n"
    assert members(tar)["b.txt"][3] == b"$Id$ $Format:%H$\n"
    assert made(work.path / ".git", sha, folder)[0] == before


@pytest.mark.parametrize(
    "name", sorted(hostile.ESCAPES.keys() - {"nul"})
)  # a name in a tree ends at its first NUL
def test_trees_that_git_would_not_check_out_are_refused(work: GitRepository, folder: Path, name: str) -> None:
    *above, last = hostile.ESCAPES[name].split(b"/")
    id = work.write_object("blob", b"x")
    mode = "100644"
    for part in reversed(above):
        id = work.write_object("tree", b"%s %s\0%s" % (mode.encode(), last, bytes.fromhex(id)))
        mode, last = "40000", part
    sha = work.commit_tree([(mode, last, id)])
    with pytest.raises(ConfigError):
        snapshot.make(work.path / ".git", sha, folder / "code.tar.zst")
    assert list(folder.iterdir()) == []


def test_one_name_twice_is_refused(work: GitRepository, folder: Path) -> None:
    blob = work.write_object("blob", b"x")
    link = work.write_object("blob", b"/tmp")
    below = work.write_object("tree", b"100644 x\0" + bytes.fromhex(blob))
    sha = work.commit_tree([("120000", b"a", link), ("40000", b"a", below)])
    with pytest.raises(ConfigError, match="a twice"):
        snapshot.make(work.path / ".git", sha, folder / "code.tar.zst")


@pytest.mark.parametrize("target", [b"", b"a\0b", b"x" * 5000])
def test_a_link_to_nowhere_possible_is_refused(work: GitRepository, folder: Path, target: bytes) -> None:
    sha = work.commit_tree([("120000", b"link", work.write_object("blob", target))])
    with pytest.raises(ConfigError, match="link has a target"):
        snapshot.make(work.path / ".git", sha, folder / "code.tar.zst")


def test_a_tree_that_unfolds_without_end_is_refused(work: GitRepository, folder: Path) -> None:
    id, mode = work.write_object("blob", b"x"), "100644"
    for _ in range(12):
        entries = [b"%s %c\0%s" % (mode.encode(), 97 + n, bytes.fromhex(id)) for n in range(10)]
        id, mode = work.write_object("tree", b"".join(entries)), "40000"
    sha = work.commit_tree([("40000", b"a", id)])
    with pytest.raises(ConfigError, match="more than 1000 files and folders"):
        snapshot.make(work.path / ".git", sha, folder / "code.tar.zst", Limits(entries=1000))


def test_a_tree_deeper_than_any_path_is_refused(work: GitRepository, folder: Path) -> None:
    raw = bytes.fromhex(work.write_object("tree", b""))
    trees = folder.parent / "trees"
    trees.mkdir()
    names = []
    for number in range(2100):
        content = b"40000 d\0" + raw
        raw = hashlib.sha1(b"tree %d\0%s" % (len(content), content)).digest()
        names.append(str(trees / str(number)))
        Path(names[-1]).write_bytes(content)
    last = work.git("hash-object", "-t", "tree", "-w", "--stdin-paths", stdin="\n".join(names).encode())
    sha = work.commit_tree([("40000", b"d", last.splitlines()[-1])])
    with pytest.raises(ConfigError, match="longer than"):
        snapshot.make(work.path / ".git", sha, folder / "code.tar.zst")


def test_more_bytes_than_allowed_are_refused(work: GitRepository, folder: Path) -> None:
    sha = work.commit({"a": "x" * 60, "b": "x" * 60})
    made(work.path / ".git", sha, folder, Limits(size=120))
    with pytest.raises(ConfigError, match="b is one too many"):
        snapshot.make(work.path / ".git", sha, folder / "more.tar.zst", Limits(size=119))


def test_a_commit_that_is_not_there_is_gone(work: GitRepository, folder: Path) -> None:
    work.commit({"a": "1"})
    for sha in ("1" * 40, work.git("rev-parse", "HEAD^{tree}")):
        with pytest.raises(Gone):
            snapshot.make(work.path / ".git", Sha(sha), folder / "code.tar.zst")


def test_a_tree_that_is_none_is_refused(work: GitRepository, folder: Path) -> None:
    work.commit({"a": "1"})
    garbage = work.write_object("tree", b"garbage")
    shas = [
        Sha(work.git("commit-tree", garbage, "-m", "The top")),
        work.commit_tree([("40000", b"x", garbage)]),
        work.commit_tree([("40000", b"x", work.git("rev-parse", "HEAD:a"))]),
        work.commit_tree([("100644", b"x", work.git("rev-parse", "HEAD^{tree}"))]),
        work.commit_tree([("120000", b"x", work.git("rev-parse", "HEAD^{tree}"))]),
    ]
    for sha in shas:
        with pytest.raises(ConfigError):
            snapshot.make(work.path / ".git", sha, folder / "code.tar.zst")


def test_a_missing_object_is_gone_and_leaves_nothing(work: GitRepository, folder: Path) -> None:
    sha = work.commit({"a": "1", "b": "2"})
    blob = work.git("rev-parse", "HEAD:b")
    (work.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(Gone):
        snapshot.make(work.path / ".git", sha, folder / "code.tar.zst")
    assert list(folder.iterdir()) == []


def test_an_object_that_is_not_what_its_name_says_stalls(work: GitRepository, folder: Path) -> None:
    sha = work.commit({"a": "right", "b": "wrong"})
    objects = work.path / ".git" / "objects"
    right, wrong = (work.git("rev-parse", f"HEAD:{name}") for name in ("a", "b"))
    place = objects / right[:2] / right[2:]
    place.unlink()
    place.write_bytes((objects / wrong[:2] / wrong[2:]).read_bytes())
    with pytest.raises(Stalled, match="damaged"):
        snapshot.make(work.path / ".git", sha, folder / "code.tar.zst")
    assert list(folder.iterdir()) == []


def test_a_disk_that_does_not_take_it_stalls(work: GitRepository, folder: Path) -> None:
    sha = work.commit({"a": os.urandom(3_000_000)})
    with largest_file(1_000_000), pytest.raises(Stalled, match="cannot be written"):
        snapshot.make(work.path / ".git", sha, folder / "code.tar.zst")
    assert list(folder.iterdir()) == []
    with pytest.raises(Stalled, match="cannot be written"):
        snapshot.make(work.path / ".git", sha, folder / "nowhere" / "code.tar.zst")


def test_a_snapshot_made_again_replaces_the_old(work: GitRepository, folder: Path) -> None:
    sha = work.commit({"a": "1"})
    (folder / "code.tar.zst").write_bytes(b"half of one")
    first, _ = made(work.path / ".git", sha, folder)
    assert made(work.path / ".git", sha, folder)[0] == first
