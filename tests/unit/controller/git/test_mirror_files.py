"""One file of a commit is read as it is there, and nothing is followed to anywhere else."""

from collections.abc import Callable

import pytest

from controller.git.mirror import Mirror
from schemas.errors import ConfigError, Gone
from schemas.values import Sha
from tests.builders.git_repository import GitRepository

MirrorOf = Callable[[GitRepository], Mirror]
LIMIT = 100


@pytest.fixture
def sha(work: GitRepository) -> Sha:
    (work.path / "folder").mkdir()
    (work.path / "link").symlink_to("valohai.yaml")
    (work.path / "outside").symlink_to("/etc/passwd")
    (work.path / "through").symlink_to("folder")
    blob = work.git("hash-object", "-w", "--stdin", stdin=b"x")
    files: dict[str, str | bytes | None] = {
        "valohai.yaml": "text",
        "folder/deep.yaml": b"\xff\0",
        "empty": "",
        "long": "x" * 101,
        "full": "x" * 100,
    }
    first = work.commit(files)
    work.git("update-index", "--add", "--cacheinfo", f"160000,{first},module")
    work.git("update-index", "--add", "--cacheinfo", f"100644,{blob},ünï")
    work.git("commit", "--quiet", "--message", "More")
    return work.head()


def test_a_file_is_its_bytes(work: GitRepository, sha: Sha, mirror_of: MirrorOf) -> None:
    mirror = mirror_of(work)
    assert mirror.read_blob(sha, "valohai.yaml", LIMIT) == b"text"
    assert mirror.read_blob(sha, "folder/deep.yaml", LIMIT) == b"\xff\0"
    assert mirror.read_blob(sha, "empty", LIMIT) == b""
    assert mirror.read_blob(sha, "ünï", LIMIT) == b"x"


@pytest.mark.parametrize(
    "path", ["nothing", "folder/nothing", "Valohai.yaml", "VALOHAI.YAML", "valohai.yaml/deeper"]
)
def test_what_is_not_there_is_none(work: GitRepository, sha: Sha, mirror_of: MirrorOf, path: str) -> None:
    assert mirror_of(work).read_blob(sha, path, LIMIT) is None


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("link", "link is a symbolic link"),
        ("outside", "outside is a symbolic link"),
        ("through/deep.yaml", "through is a symbolic link"),
        ("module", "module is a submodule"),
        ("module/valohai.yaml", "module is a submodule"),
        ("folder", "folder is a folder"),
        ("", "not a path inside"),
        ("../valohai.yaml", "not a path inside"),
        ("/etc/passwd", "not a path inside"),
        ("folder//deep.yaml", "not a path inside"),
        ("./valohai.yaml", "not a path inside"),
        ("long", "long has 101 bytes; at most 100 are read"),
    ],
)
def test_nothing_is_followed_and_nothing_is_long(
    work: GitRepository, sha: Sha, mirror_of: MirrorOf, path: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        mirror_of(work).read_blob(sha, path, LIMIT)


def test_the_limit_itself_is_allowed(work: GitRepository, sha: Sha, mirror_of: MirrorOf) -> None:
    assert mirror_of(work).read_blob(sha, "full", LIMIT) == b"x" * 100


def test_a_commit_that_is_not_there_is_gone(work: GitRepository, sha: Sha, mirror_of: MirrorOf) -> None:
    with pytest.raises(Gone):
        mirror_of(work).read_blob(Sha("1" * 40), "valohai.yaml", LIMIT)


def test_a_tree_that_is_none_is_that_commits_fault(work: GitRepository, mirror_of: MirrorOf) -> None:
    work.commit({"a": "1"})
    malformed = work.git("commit-tree", work.write_object("tree", b"garbage"), "-m", "Garbage")
    lacking = work.commit_tree([("100644", b"valohai.yaml", "1" * 40)])
    mirror = mirror_of(work)
    copy = GitRepository(mirror.path)
    for sha in (malformed, lacking):
        tree = work.git("rev-parse", f"{sha}^{{tree}}")
        copy.write_object("tree", work.raw("cat-file", "tree", tree))
        copy.write_object("commit", work.raw("cat-file", "commit", sha))
    with pytest.raises(ConfigError, match="malformed"):
        mirror.read_blob(Sha(malformed), "valohai.yaml", LIMIT)
    with pytest.raises(Gone):
        mirror.read_blob(lacking, "valohai.yaml", LIMIT)
