"""Threat 17: a file of a gigabyte, which git keeps in a megabyte. It is its commit's error, and is never in memory."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from controller.git import snapshot
from schemas.archive import Limits
from schemas.errors import ConfigError
from tests.builders.bounded import MEMORY, ROOT
from tests.builders.git_repository import GitRepository
from tests.builders.mind import Mind
from tests.builders.person import Person
from tests.parts.process import until

MEBIBYTE = 1024**2
READ = """
import sys
from pathlib import Path
from controller.git import snapshot
from controller.git.mirror import Mirror
from schemas.errors import ConfigError
mirror, sha, place = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
for read in (
    lambda: Mirror(mirror, str(mirror)).read_blob(sha, "valohai.yaml", 1024 * 1024),
    lambda: snapshot.make(mirror, sha, place),
):
    try:
        read()
    except ConfigError as error:
        print(error.message)
"""


def committed(person: Person, folder: Path, size: int) -> str:
    """A commit whose valohai.yaml has so many zeros; written by git as it would be pushed."""
    large = folder / "large"
    with large.open("wb") as file:
        file.truncate(size)
    blob = person.git("-c", "core.compression=1", "hash-object", "-w", str(large))
    person.git("update-index", "--add", "--cacheinfo", f"100644,{blob},valohai.yaml")
    person.git("commit", "--quiet", "-m", "Large")
    return person.git("rev-parse", "HEAD")


def test_threat_17_a_gigabyte_in_git_is_refused_unread(tmp_path: Path) -> None:
    """In a process that has half of that at most."""
    person = Person(tmp_path / "shop.git", tmp_path / "clone")
    sha = committed(person, tmp_path, 1024 * MEBIBYTE)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "clone" / ".git"), sha, str(tmp_path / "snapshot")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    assert done.stdout.splitlines() == [
        "valohai.yaml has 1073741824 bytes; at most 1048576 are read",
        "the commit cannot be archived: valohai.yaml has 1,073,741,824 bytes; the limit is 268,435,456",
    ], done.stderr[-2000:]


def test_threat_17_the_commit_says_so_and_the_next_one_is_judged(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    sha = committed(mind.person, tmp_path, 257 * MEBIBYTE)
    mind.person.push()

    def judged() -> str | None:
        mind.turns()
        return mind.notes(sha).get("luotsi/config")

    until(lambda: judged() is not None, what="the look that has ended")
    assert judged() == (
        "error: the commit cannot be archived: valohai.yaml has 269,484,032 bytes; the limit is 268,435,456"
    )
    assert mind.notes(mind.push("[]\n"))["luotsi/config"].startswith("success: ")


def test_threat_17_the_limit_of_a_file_is_one_of_the_snapshot(tmp_path: Path) -> None:
    work = GitRepository(tmp_path / "work")
    sha = work.commit({"a": "x" * 100, "b": "x" * 101})
    mirror, place = work.path / ".git", tmp_path / "snapshot"
    assert snapshot.make(mirror, sha, place, Limits(file=101)).files == 2
    with pytest.raises(ConfigError, match="b has 101 bytes; the limit is 100"):
        snapshot.make(mirror, sha, tmp_path / "other", Limits(file=100))
    assert not (tmp_path / "other").exists()
