"""Heads of pull requests: fetched by name, kept for good, and no business of looks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.git.mirror import Mirror
from schemas.errors import Gone, Stalled
from schemas.values import RefName, Sha
from tests.builders.git_repository import GitRepository
from tests.builders.git_server import serve

MAIN = RefName("refs/heads/main")
ONE, TWO = RefName("refs/pull/1/head"), RefName("refs/pull/2/head")


@pytest.fixture(params=["on this machine", "over HTTP"])
def mirror(request: pytest.FixtureRequest, work: GitRepository, tmp_path: Path) -> Iterator[Mirror]:
    """A fetched mirror of `work`, which has a commit."""
    work.commit({"a": "1"})
    if request.param == "over HTTP":
        with serve(work.path) as server:
            made = Mirror(tmp_path / "mirror.git", f"{server.address}/.git")
            made.fetch()
            yield made
    else:
        made = Mirror(tmp_path / "mirror.git", str(work.path))
        made.fetch()
        yield made


def proposed(work: GitRepository, ref: RefName, text: str) -> Sha:
    """A commit that only a pull request's head leads to."""
    work.git("checkout", "--quiet", "--detach", "main")
    sha = work.commit({"proposal": text}, f"Propose {text}")
    work.git("update-ref", ref, sha)
    work.git("checkout", "--quiet", "main")
    return sha


def collect_garbage(mirror: Mirror) -> Mirror:
    """As somebody might who finds the mirror large; a new mirror at the same place, which knows nothing yet."""
    GitRepository(mirror.path).git("gc", "--quiet", "--prune=now")
    return Mirror(mirror.path, mirror.address)


def test_a_head_is_brought_with_its_history_and_no_look_sees_it(mirror: Mirror, work: GitRepository) -> None:
    before = mirror.refs()
    sha = proposed(work, ONE, "wine")
    mirror.fetch()
    assert not mirror.has(sha)
    mirror.bring([ONE])
    assert [info.subject for info in mirror.new_commits([sha], before.values())] == ["Propose wine"]
    assert mirror.refs() == mirror.look() == before
    assert mirror.tags() == []
    mirror.bring([ONE])
    mirror.fetch()
    assert mirror.has(sha)
    assert mirror.refs() == before


def test_a_branch_can_be_brought_alone_and_again_as_it_moves(mirror: Mirror, work: GitRepository) -> None:
    known = mirror.refs()
    first = work.commit({"b": "2"})
    mirror.bring([MAIN])
    second = work.commit({"b": "3"})
    mirror.bring([MAIN])
    assert [info.sha for info in mirror.new_commits([second], known.values())] == [first, second]
    assert mirror.refs() == known


def test_heads_that_were_forced_or_are_gone_outlive_garbage_collection(
    mirror: Mirror, work: GitRepository
) -> None:
    first = proposed(work, ONE, "first")
    mirror.bring([ONE])
    forced = proposed(work, ONE, "second")
    mirror.bring([ONE])
    work.git("update-ref", "-d", ONE)
    with pytest.raises(Gone, match="has no refs/pull/1/head"):
        mirror.bring([ONE])
    kept = collect_garbage(mirror)
    assert kept.commit(first).subject == "Propose first"
    assert kept.commit(forced).subject == "Propose second"
    assert kept.read_blob(first, "proposal", 10) == b"first"


def test_a_head_that_moves_forward_needs_one_ref(mirror: Mirror, work: GitRepository) -> None:
    shas = []
    for number in range(4):
        shas.append(work.commit({"proposal": str(number)}))
        work.git("update-ref", ONE, "HEAD")
        mirror.bring([ONE])
    ours = GitRepository(mirror.path).git("for-each-ref", "--format=%(objectname)", "refs/luotsi")
    assert ours.split() == [shas[-1]]
    kept = collect_garbage(mirror)
    assert all(kept.has(sha) for sha in shas)


def test_one_that_is_missing_keeps_no_other_away(mirror: Mirror, work: GitRepository) -> None:
    sha = proposed(work, TWO, "wine")
    with pytest.raises(Gone) as gone:
        mirror.bring([ONE, TWO, RefName("not a ref"), RefName("")])
    assert "refs/pull/1/head" in str(gone.value)
    assert "refs/pull/2/head" not in str(gone.value)
    assert mirror.has(sha)


def test_names_that_could_not_lie_beside_each_other_are_both_brought(
    mirror: Mirror, work: GitRepository
) -> None:
    sha = proposed(work, RefName("refs/proposals/wine"), "first")
    mirror.bring([RefName("refs/proposals/wine")])
    work.git("update-ref", "-d", "refs/proposals/wine")
    other = proposed(work, RefName("refs/proposals/wine/red"), "second")
    mirror.bring([RefName("refs/proposals/wine/red")])
    kept = collect_garbage(mirror)
    assert kept.has(sha)
    assert kept.has(other)


def test_bringing_nothing_and_from_nowhere(mirror: Mirror, tmp_path: Path) -> None:
    mirror.bring([])
    with pytest.raises(Stalled, match="no repository"):
        Mirror(mirror.path, str(tmp_path / "nowhere")).bring([ONE])
