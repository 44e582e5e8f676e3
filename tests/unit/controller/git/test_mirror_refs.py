"""The mirror's branches and tags follow the repository's, and lose nothing that was once seen."""

import gc
import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.git.mirror import Mirror
from schemas.errors import Gone, Stalled
from schemas.values import RefName
from tests.builders.git_repository import GitRepository

MAIN = RefName("refs/heads/main")


def test_a_look_lists_branches_and_tags_and_fetches_nothing(work: GitRepository, mirror: Mirror) -> None:
    first = work.commit({"a": "1"})
    work.git("tag", "light")
    work.git("tag", "--annotate", "--message", "Words", "heavy")
    work.git("branch", "topic/one")
    work.git("update-ref", "refs/notes/luotsi", "HEAD")
    work.git("update-ref", "refs/pull/1/head", "HEAD")
    assert mirror.look() == {
        MAIN: first,
        "refs/heads/topic/one": first,
        "refs/tags/light": first,
        "refs/tags/heavy": work.head("refs/tags/heavy"),
    }
    assert mirror.default_branch() == MAIN
    assert mirror.refs() == {}
    assert not mirror.has(first)
    mirror.fetch()
    assert mirror.refs() == mirror.look()
    assert mirror.has(first)


@pytest.mark.parametrize("spelling", ["{path}", "file://{path}", "{path}/.git", "{path}/../work"])
def test_every_spelling_of_a_local_address_works(work: GitRepository, tmp_path: Path, spelling: str) -> None:
    first = work.commit()
    mirror = Mirror(tmp_path / "mirror.git", spelling.format(path=work.path))
    mirror.fetch()
    assert mirror.refs() == {MAIN: first}


def test_a_repository_without_commits_is_empty(work: GitRepository, mirror: Mirror) -> None:
    assert mirror.look() == {}
    assert mirror.default_branch() is None
    mirror.fetch()
    assert mirror.refs() == {}
    assert mirror.tags() == []
    assert mirror.new_commits([]) == []


def test_a_detached_or_unborn_head_hides_no_branch(work: GitRepository, mirror: Mirror) -> None:
    first = work.commit()
    work.git("checkout", "--quiet", "--detach")
    second = work.commit()
    assert mirror.look() == {MAIN: first}
    assert mirror.default_branch() is None
    work.git("checkout", "--quiet", "--orphan", "fresh")
    assert mirror.look() == {MAIN: first}
    assert mirror.default_branch() is None
    mirror.fetch()
    assert mirror.refs() == {MAIN: first}
    assert not mirror.has(second)


def test_a_forced_push_moves_the_branch_and_keeps_what_it_left(work: GitRepository, mirror: Mirror) -> None:
    first = work.commit({"a": "1"})
    left = work.commit({"a": "2"})
    mirror.fetch()
    work.git("reset", "--quiet", "--hard", first)
    forced = work.commit({"a": "3"})
    mirror.fetch()
    assert mirror.refs() == {MAIN: forced}
    assert mirror.commit(left).parents == (first,)
    GitRepository(mirror.path).git("gc", "--quiet", "--prune=now")
    assert Mirror(mirror.path, mirror.address).commit(left).parents == (first,)


def test_a_deleted_branch_and_a_moved_tag_leave_their_objects(work: GitRepository, mirror: Mirror) -> None:
    first = work.commit({"a": "1"})
    work.git("checkout", "--quiet", "-b", "topic")
    topic = work.commit({"a": "2"})
    work.git("tag", "--annotate", "--message", "Words", "v1")
    tag = work.head("refs/tags/v1")
    mirror.fetch()
    work.git("checkout", "--quiet", "main")
    work.git("branch", "-D", "topic")
    work.git("tag", "--force", "v1", first)
    mirror.fetch()
    assert mirror.refs() == {MAIN: first, "refs/tags/v1": first}
    assert mirror.has(topic)
    assert GitRepository(mirror.path).git("cat-file", "-t", f"refs/luotsi/seen/{tag}") == "tag"


def test_ordinary_pushes_leave_no_refs_behind(work: GitRepository, mirror: Mirror) -> None:
    for number in range(4):
        work.commit({"a": str(number)})
        mirror.fetch()
    assert GitRepository(mirror.path).git("for-each-ref", "--format=%(refname)") == MAIN


def test_a_branch_may_become_a_folder_of_branches_and_back(work: GitRepository, mirror: Mirror) -> None:
    first = work.commit()
    work.git("branch", "topic")
    mirror.fetch()
    work.git("branch", "-D", "topic")
    work.git("branch", "topic/deep")
    mirror.fetch()
    assert mirror.refs() == {MAIN: first, "refs/heads/topic/deep": first}
    work.git("branch", "-D", "topic/deep")
    work.git("branch", "topic")
    mirror.fetch()
    assert mirror.refs() == {MAIN: first, "refs/heads/topic": first}


def test_notes_in_the_mirror_are_never_mirrored_over(work: GitRepository, mirror: Mirror) -> None:
    work.commit()
    work.git("notes", "--ref=luotsi", "add", "-m", "theirs")
    mirror.fetch()
    ours = GitRepository(mirror.path)
    assert ours.git("for-each-ref", "refs/notes") == ""
    ours.git("update-ref", "refs/notes/luotsi", MAIN)
    before = ours.head("refs/notes/luotsi")
    work.commit()
    mirror.fetch()
    assert ours.head("refs/notes/luotsi") == before


def test_names_that_are_no_utf8_are_spelled_and_followed(work: GitRepository, mirror: Mirror) -> None:
    first = work.commit()
    work.git("update-ref", b"refs/heads/caf\xe9", "HEAD")
    work.git("update-ref", "refs/heads/café", "HEAD")
    spelled = RefName("refs/heads/caf\\xe9")
    assert mirror.look() == {MAIN: first, spelled: first, "refs/heads/café": first}
    mirror.fetch()
    assert mirror.refs() == mirror.look()
    work.git("update-ref", "-d", b"refs/heads/caf\xe9")
    mirror.fetch()
    assert mirror.refs() == {MAIN: first, "refs/heads/café": first}


def test_many_refs_are_packed(work: GitRepository, mirror: Mirror) -> None:
    first = work.commit()
    lines = "".join(f"create refs/tags/t{number} {first}\n" for number in range(300))
    work.git("update-ref", "--stdin", stdin=lines.encode())
    mirror.fetch()
    assert len(mirror.refs()) == 301
    assert not list((mirror.path / "refs" / "tags").glob("t*"))


def test_a_missing_repository_stalls_until_it_is_there(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "mirror.git", str(tmp_path / "nowhere"))
    with pytest.raises(Stalled, match="there is no repository"):
        mirror.look()
    (tmp_path / "nowhere").mkdir()
    with pytest.raises(Stalled, match="there is no repository"):
        mirror.fetch()
    GitRepository(tmp_path / "nowhere").git("init", "--quiet")
    assert mirror.look() == {}


def test_a_repository_that_vanishes_leaves_its_mirror(work: GitRepository, mirror: Mirror) -> None:
    first = work.commit()
    mirror.fetch()
    shutil.rmtree(work.path)
    with pytest.raises(Stalled):
        mirror.fetch()
    assert mirror.refs() == {MAIN: first}
    assert mirror.commit(first).sha == first


def test_sha256_names_stall_with_the_reason(tmp_path: Path, work: GitRepository) -> None:
    other = tmp_path / "sha256"
    work.git("init", "--quiet", "--object-format=sha256", str(other))
    with pytest.raises(Stalled, match="SHA-256"):
        Mirror(tmp_path / "mirror.git", str(other)).look()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_another_users_repository_is_not_opened(work: GitRepository, mirror: Mirror) -> None:
    work.commit()
    for place in (work.path, *work.path.rglob("*")):
        os.chown(place, 65534, 65534)
    with pytest.raises(Stalled, match=r"safe\.directory"):
        mirror.look()


def test_a_commit_that_is_not_there_is_gone(work: GitRepository, mirror: Mirror) -> None:
    work.commit()
    mirror.fetch()
    for sha in ("1" * 40, "zz", "", "main"):
        with pytest.raises(Gone):
            mirror.commit(sha)  # type: ignore[arg-type]


def test_a_place_where_no_mirror_can_be_stalls(work: GitRepository, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Stalled, match="cannot be opened"):
        Mirror(tmp_path / "file" / "mirror.git", str(work.path)).look()


def test_two_mirrors_of_one_repository_agree(
    work: GitRepository, mirror_of: Callable[[GitRepository], Mirror]
) -> None:
    work.commit()
    assert mirror_of(work).refs() == mirror_of(work).refs()


def test_a_new_mirror_is_what_git_calls_a_bare_repository_and_one_half_made_is_finished(
    work: GitRepository, tmp_path: Path
) -> None:
    head = work.commit()
    path = tmp_path / "mirrors" / "wine.git"
    (path / "objects").mkdir(parents=True)  # where a power cut came in between
    mirror = Mirror(path, str(work.path))
    assert mirror.refs() == {}
    assert mirror.fetch()
    assert mirror.refs() == {RefName("refs/heads/main"): head}
    here = GitRepository(path, bare=True)
    assert here.git("rev-parse", "--is-bare-repository", "HEAD").split() == ["true", head]
    assert "error" not in here.git("fsck", "--strict")


def test_what_a_mirror_was_asked_is_not_kept_in_memory(work: GitRepository, tmp_path: Path) -> None:
    """pygit2 holds on to texts by which it looks up; a controller asks for every ref, again and again."""
    lines = "".join(f"create refs/heads/b{number} {work.commit()}\n" for number in range(3))
    work.git("update-ref", "--stdin", stdin=lines.encode())
    mirror = Mirror(tmp_path / "mirror.git", str(work.path))

    def use() -> None:
        work.commit()
        work.git("update-ref", "-d", "refs/heads/gone")
        mirror.fetch()
        work.git("update-ref", "refs/heads/gone", "HEAD")
        mirror.fetch()
        for _ in range(50):
            mirror.refs()

    use()
    tracemalloc.start()
    try:
        use()
        gc.collect()
        here = tracemalloc.Filter(inclusive=True, filename_pattern="*/controller/git/*")
        held = tracemalloc.take_snapshot().filter_traces([here]).traces
    finally:
        tracemalloc.stop()
    assert len(held) < 60, sorted(str(trace.traceback) for trace in held)
