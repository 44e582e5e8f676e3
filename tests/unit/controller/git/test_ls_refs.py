"""One question to a server says what git's own listing says, or leaves it to libgit2."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pygit2.credentials import UserPass

from controller.git import credentials
from controller.git.listing import Listing
from controller.git.ls_refs import Asker
from controller.git.mirror import Mirror
from schemas.errors import Waiting
from schemas.values import Secret
from tests.builders.git_repository import GitRepository
from tests.builders.git_server import GitServer, closed_port, self_signed, serve


@pytest.fixture
def server(work: GitRepository) -> Iterator[GitServer]:
    work.commit({"a": "1"})
    work.git("branch", "topic/one")
    work.git("branch", b"caf\xe9")
    work.git("tag", "--annotate", "--message", "Words", "v1")
    work.git("update-ref", "refs/pull/1/head", "HEAD")
    with serve(work.path) as running:
        yield running


def here(server: GitServer) -> str:
    return f"{server.address}/.git"


def as_libgit2_says(server: GitServer, tmp_path: Path) -> Listing:
    mirror = Mirror(tmp_path / "mirror.git", here(server))
    return Listing(mirror.look(), mirror.default_branch())


@pytest.mark.parametrize("head", ["main", "--detach", "--orphan=unborn"])
def test_it_says_what_libgit2_says(server: GitServer, work: GitRepository, tmp_path: Path, head: str) -> None:
    work.git("checkout", "--quiet", head)
    asker = Asker()
    for address in (here(server), here(server) + "/"):
        assert asker.listing(address, None) == as_libgit2_says(server, tmp_path)
    found = as_libgit2_says(server, tmp_path)
    assert len(found.refs) == 4
    assert (found.default is not None) == (head == "main")


def test_an_empty_repository_has_an_empty_list(tmp_path: Path) -> None:
    empty = GitRepository(tmp_path / "served" / "empty.git", bare=True)
    with serve(empty.path.parent) as server:
        assert Asker().listing(f"{server.address}/empty.git", None) == Listing({}, None)


def test_a_login_is_made_when_the_server_asks_and_given_at_once_from_then_on(
    server: GitServer, tmp_path: Path
) -> None:
    made: list[str] = []

    def ask() -> tuple[str, Secret]:
        made.append("ada")
        return "ada", Secret("sec:ret")

    asker, login = Asker(), credentials.from_login(ask)
    assert asker.listing(here(server), login) is not None
    assert made == []
    server.login = "ada:sec:ret"
    server.asked.clear()
    assert asker.listing(here(server), None) is None
    for _ in range(2):
        assert asker.listing(here(server), login) is not None
    assert [request.endswith("ada:sec:ret") for request in server.asked] == [False, False, True, True]
    assert asker.listing(here(server), UserPass("ada", "wrong")) is None
    server.login = "ada:secret"
    assert asker.listing(here(server).replace("//", "//ada:secret@"), None) is not None


def test_what_the_login_desk_says_is_passed_on(server: GitServer) -> None:
    server.login = "ada:secret"

    def ask() -> tuple[str, Secret]:
        raise Waiting("the forge rests", after=7)

    with pytest.raises(Waiting, match="the forge rests"):
        Asker().listing(here(server), credentials.from_login(ask))


@pytest.mark.parametrize("status", [200, 204, 403, 404, 429, 500, 503])
def test_an_answer_that_is_none_is_left_to_libgit2(server: GitServer, status: int) -> None:
    server.status = status
    assert Asker().listing(here(server), None) is None


def test_a_server_that_did_not_understand_is_left_alone_and_one_that_was_away_is_not(
    server: GitServer,
) -> None:
    for status, asked_again in ((500, True), (404, False)):
        asker = Asker()
        server.status = status
        assert asker.listing(here(server), None) is None
        server.status = 0
        server.asked.clear()
        assert (asker.listing(here(server), None) is not None) == asked_again
        assert bool(server.asked) == asked_again


def test_no_redirect_is_followed(server: GitServer, tmp_path: Path) -> None:
    with serve(tmp_path) as other:
        other.lead_to = server.address
        assert Asker().listing(f"{other.address}/.git", UserPass("ada", "secret")) is None
    assert server.asked == []


def test_what_is_not_there_not_trusted_or_no_web_address_is_left_to_libgit2(
    work: GitRepository, tmp_path: Path
) -> None:
    with serve(work.path, self_signed(tmp_path)) as server:
        assert Asker().listing(here(server), None) is None
        assert server.asked == []
    for address in (f"http://127.0.0.1:{closed_port()}/x", "ssh://git@127.0.0.1/x", "git@127.0.0.1:x"):
        assert Asker().listing(address, None) is None


def test_behind_a_proxy_libgit2_is_asked(server: GitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    # Each server of a test has an address of its own, but the answer about a host is kept for a minute.
    address = here(server).replace("127.0.0.1", "localhost")
    assert Asker().listing(address, None) is None
    assert server.asked == []
