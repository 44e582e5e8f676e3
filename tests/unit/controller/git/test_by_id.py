"""Commits that no ref leads to any more: fetched by their ids, where the server gives them out, and kept for good."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.git import by_id
from controller.git.mirror import Mirror
from schemas.errors import Refused, Waiting
from schemas.values import Sha
from tests.builders.git_repository import GitRepository
from tests.builders.git_server import GitServer, serve

NONE = [Sha(f"{number:040x}") for number in range(1, 4)]


@pytest.fixture
def server(work: GitRepository) -> Iterator[GitServer]:
    work.commit({"a": "1"})
    with serve(work.path) as running:
        yield running


@pytest.fixture
def over_http(server: GitServer, work: GitRepository, tmp_path: Path) -> Mirror:
    """A fetched mirror; the server gives every commit out by its id, as GitHub does."""
    work.git("config", "uploadpack.allowAnySHA1InWant", "true")
    made = Mirror(tmp_path / "mirror.git", f"{server.address}/.git")
    made.fetch()
    return made


@pytest.fixture(params=["on this machine", "over HTTP"])
def mirror(request: pytest.FixtureRequest, over_http: Mirror, work: GitRepository, tmp_path: Path) -> Mirror:
    if request.param == "over HTTP":
        return over_http
    made = Mirror(tmp_path / "here.git", str(work.path))
    made.fetch()
    return made


def left_behind(work: GitRepository, text: str) -> Sha:
    """A commit on main that no ref leads to."""
    work.git("checkout", "--quiet", "--detach", "main")
    sha = work.commit({"proposal": text}, f"Propose {text}")
    work.git("checkout", "--quiet", "main")
    return sha


def test_many_are_brought_at_once_and_outlive_garbage_collection(mirror: Mirror, work: GitRepository) -> None:
    before = mirror.refs()
    shas = [left_behind(work, text) for text in ("red", "white", "pink")]
    mirror.fetch()
    assert not any(mirror.has(sha) for sha in shas)
    assert by_id.bring(mirror, shas) == dict.fromkeys(shas, True)
    assert mirror.refs() == mirror.look() == before
    assert mirror.read_blob(shas[0], "proposal", 10) == b"red"
    assert work.git("for-each-ref", "--format=%(refname)").split() == ["refs/heads/main"]
    GitRepository(mirror.path).git("gc", "--quiet", "--prune=now")
    assert all(Mirror(mirror.path, mirror.address).has(sha) for sha in shas)


def test_those_that_are_nowhere_do_not_keep_the_others_back(mirror: Mirror, work: GitRepository) -> None:
    shas = [left_behind(work, text) for text in ("red", "white", "pink")]
    mixed = [NONE[0], shas[0], NONE[1], *shas[1:], NONE[2]]
    assert by_id.bring(mirror, mixed) == {sha: sha in shas for sha in mixed}
    assert not any(mirror.has(sha) for sha in NONE)


def test_a_call_makes_a_bounded_number_of_connections(
    over_http: Mirror, server: GitServer, work: GitRepository
) -> None:
    server.asked.clear()
    found = by_id.bring(over_http, [Sha(f"{number:040x}") for number in range(1, 400)])
    begun = [asked for asked in server.asked if "info/refs" in asked]
    assert 0 < len(found) < by_id.MOST
    assert not any(found.values())
    assert 1 < len(begun) <= by_id.TRIES
    server.asked.clear()
    assert by_id.bring(over_http, []) == by_id.bring(over_http, [work.head()]) == {}
    assert server.asked == []


def test_a_server_that_gives_nothing_out_by_id_is_told_apart(
    over_http: Mirror, work: GitRepository, server: GitServer
) -> None:
    sha = left_behind(work, "red")
    work.git("config", "uploadpack.allowAnySHA1InWant", "false")
    with pytest.raises(Refused, match="nothing out by its id"):
        by_id.bring(over_http, [sha])
    server.status = 500
    with pytest.raises(Waiting):
        by_id.bring(over_http, [sha])
    server.status = 0
    work.git("config", "uploadpack.allowAnySHA1InWant", "true")
    assert by_id.bring(over_http, [sha]) == {sha: True}
