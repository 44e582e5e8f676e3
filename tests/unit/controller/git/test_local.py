"""A person's own repository: the working tree's archive is the one that a commit of it would have."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.unpack import unpack
from controller.git import local, snapshot
from controller.git.local import LocalRepository
from schemas.errors import ConfigError
from schemas.values import Sha
from tests.builders.git_repository import GitRepository


def archived(repository: GitRepository, folder: Path) -> dict[str, str]:
    """The working tree as an agent would unpack it: path -> content, link target, or `/` for a folder."""
    made = local.snapshot(LocalRepository(repository.path), folder / "tree.tar.zst")
    place = folder / f"unpacked-{made.digest[-12:]}"
    with (folder / "tree.tar.zst").open("rb") as file:
        assert unpack(iter([file.read()]), made.digest, place) == made.files
    found = {}
    for path in sorted(place.rglob("*")):
        name = str(path.relative_to(place))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_text() + ("*" if os.access(path, os.X_OK) else "")
        elif not any(path.iterdir()):
            found[name] = "/"
    return found


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    made = GitRepository(tmp_path / "repository")
    made.commit({"train.py": "1", "data/a.csv": "2", ".gitignore": "*.log\n/big/\n", "kept.log": "3"})
    return made


def test_what_is_not_committed_is_there_and_what_is_ignored_is_not(
    repository: GitRepository, tmp_path: Path
) -> None:
    repository.git("add", "--force", "kept.log")
    repository.commit()
    (repository.path / "train.py").write_text("changed")
    (repository.path / "new").mkdir()
    (repository.path / "new" / "x.py").write_text("new")
    (repository.path / "run.sh").write_text("go")
    (repository.path / "run.sh").chmod(0o755)
    (repository.path / "link").symlink_to("train.py")
    (repository.path / "noise.log").write_text("no")
    (repository.path / "big").mkdir()
    (repository.path / "big" / "blob").write_text("no")
    (repository.path / "data" / "a.csv").unlink()
    os.mkfifo(repository.path / "pipe")
    assert archived(repository, tmp_path) == {
        ".gitignore": "*.log\n/big/\n",
        "kept.log": "3",
        "link": "-> train.py",
        "new/x.py": "new",
        "run.sh": "go*",
        "train.py": "changed",
    }


NAMES = st.sampled_from(["a", "b.py", "data", "z z", "é"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@settings(max_examples=15, deadline=None)
@given(
    st.dictionaries(PATHS, st.text(max_size=20), max_size=6),
    st.sampled_from(["", "data export-ignore\n", "*.py export-ignore\n"]),
)
def test_a_clean_working_tree_has_the_digest_of_its_commit(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, str], attributes: str
) -> None:
    folder = tmp_path_factory.mktemp("clean")
    made = GitRepository(folder / "repository")
    fitting = {p: t for p, t in files.items() if not any(o != p and o.startswith(f"{p}/") for o in files)}
    sha = made.commit({**fitting, ".gitattributes": attributes, "top": ""})
    committed = snapshot.make(made.path / ".git", sha, folder / "commit.tar.zst")
    here = local.snapshot(LocalRepository(made.path), folder / "here.tar.zst")
    assert (here.digest, here.files) == (committed.digest, committed.files)


def test_a_submodule_is_an_empty_folder_as_in_a_commits_snapshot(tmp_path: Path) -> None:
    inner = GitRepository(tmp_path / "inner")
    inner.commit({"x": "1"})
    outer = GitRepository(tmp_path / "outer")
    outer.git("-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(inner.path), "lib")
    sha = outer.commit()
    committed = snapshot.make(outer.path / ".git", sha, tmp_path / "commit.tar.zst")
    assert local.snapshot(LocalRepository(outer.path), tmp_path / "here.tar.zst").digest == committed.digest
    assert archived(outer, tmp_path)["lib"] == "/"


def test_names_of_commits_are_resolved_as_git_does(repository: GitRepository) -> None:
    first = repository.head()
    second = repository.commit({"train.py": "2"})
    repository.git("tag", "-a", "v1", "-m", "x")
    found = LocalRepository(repository.path / "data")
    assert found.top == repository.path
    names = ("HEAD", "main", "v1", "HEAD~1", second[:9], first)
    assert [found.resolve(name) for name in names] == [second, second, second, first, second, first]
    assert (found.branch(), found.main_branch()) == ("main", "main")
    with pytest.raises(ConfigError, match="there is no commit called nowhere"):
        found.resolve("nowhere")
    assert found.changed_paths(first, second) == {"train.py"}
    assert found.read_blob(second, "train.py", 10) == b"2"


def test_what_differs_from_the_commit_is_told(repository: GitRepository) -> None:
    found = LocalRepository(repository.path)
    assert found.uncommitted() == set()
    (repository.path / "train.py").write_text("changed")
    (repository.path / "new dir").mkdir()
    (repository.path / "new dir" / "é").write_text("")
    (repository.path / "x.log").write_text("ignored")
    repository.git("rm", "--quiet", "data/a.csv")
    assert found.uncommitted() == {"train.py", "new dir/é", "data/a.csv"}


def test_the_repository_stays_as_it_was(repository: GitRepository, tmp_path: Path) -> None:
    (repository.path / "train.py").write_text("changed")
    before = {path: path.stat().st_mtime_ns for path in repository.path.rglob("*") if path.is_file()}
    found = LocalRepository(repository.path)
    found.uncommitted()
    local.snapshot(found, tmp_path / "x.tar.zst")
    assert {path: path.stat().st_mtime_ns for path in repository.path.rglob("*") if path.is_file()} == before
    assert repository.git("config", "core.bare") == "false"


def test_places_that_have_no_working_tree_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not in a git repository"):
        LocalRepository(tmp_path)
    bare = LocalRepository(GitRepository(tmp_path / "bare.git", bare=True).path)
    with pytest.raises(ConfigError, match="bare repository"):
        bare.files()
    with pytest.raises(ConfigError, match="there is no commit called HEAD"):
        bare.resolve("HEAD")
    assert bare.branch() == "main"


def test_an_unborn_repository_can_be_archived(tmp_path: Path) -> None:
    made = GitRepository(tmp_path / "young")
    (made.path / "a").write_text("x")
    assert archived(made, tmp_path) == {"a": "x"}
    assert LocalRepository(made.path).ref("refs/heads/main", "refs/heads/other") is None
    assert isinstance(made.commit(), str)
    assert LocalRepository(made.path).ref("refs/heads/other", "refs/heads/main") == Sha(made.head())
