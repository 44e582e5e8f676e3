"""Logins that cost a call: made when a server asks, and only then."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pygit2.enums import CredentialType

from controller.git import credentials, notes
from controller.git.mirror import Mirror
from controller.git.notes import Notes
from schemas.errors import LuotsiError, Stalled, Waiting
from schemas.messages.status import CommitStatus
from schemas.signing import SigningKey, read_public
from schemas.values import RefName, Secret
from tests.builders.git_repository import GitRepository
from tests.builders.git_server import GitServer, serve

KEY = SigningKey.generate()
MAIN, PULL = RefName("refs/heads/main"), RefName("refs/pull/1/head")


@dataclass
class Desk:
    """Where logins are made: counts them, and says no when told to."""

    login: tuple[str, Secret] = ("ada", Secret("secret"))
    refusal: LuotsiError | None = None
    made: list[str] = field(default_factory=list)

    def __call__(self) -> tuple[str, Secret]:
        self.made.append(self.login[0])
        if self.refusal is not None:
            raise self.refusal
        return self.login


@pytest.fixture
def server(work: GitRepository) -> Iterator[GitServer]:
    work.commit({"a": "1"})
    work.git("update-ref", PULL, "HEAD")
    work.git("config", "http.receivepack", "true")
    with serve(work.path) as running:
        yield running


def mirror_of(server: GitServer, tmp_path: Path, desk: Desk) -> Mirror:
    return Mirror(tmp_path / "mirror.git", f"{server.address}/.git", credentials.from_login(desk))


def test_all_that_needs_the_server_is_let_in(server: GitServer, work: GitRepository, tmp_path: Path) -> None:
    server.login = "ada:secret"
    mirror = mirror_of(server, tmp_path, Desk())
    sha = work.head()
    mirror.look()
    mirror.fetch()
    mirror.bring([PULL])
    said = CommitStatus("luotsi/config", "success", "fine", sha, "2030-01-01T00:00:00+00:00")
    keys = dict([read_public(KEY.public())])
    written = Notes(mirror.path, mirror.address, keys, mirror.credentials)
    assert written.write({sha: [notes.line(said, KEY)]}) is True
    assert work.git("notes", "--ref=luotsi", "show", sha) == notes.line(said, KEY)
    assert written.read(sha) == [said]


def test_nobody_is_asked_without_need(server: GitServer, work: GitRepository, tmp_path: Path) -> None:
    """Neither by a server that lets everybody in, nor by reading what is here."""
    desk = Desk()
    mirror = mirror_of(server, tmp_path, desk)
    mirror.fetch()
    mirror.bring([PULL])
    assert mirror.look() == mirror.refs()
    server.login = "ada:secret"
    sha = work.head()
    assert mirror.has(sha)
    assert mirror.read_blob(sha, "a", 10) == b"1"
    assert [info.sha for info in mirror.new_commits([sha])] == mirror.ancestors(sha, 5) == [sha]
    assert mirror.tags() == []
    assert Notes(mirror.path, mirror.address, {}, mirror.credentials).read(sha) == []
    assert desk.made == []
    mirror.look()
    assert desk.made == ["ada"]


@pytest.mark.parametrize("refusal", [Waiting("the forge rests", after=7), Stalled("the app is suspended")])
def test_what_the_desk_says_is_what_the_mirror_says(
    server: GitServer, tmp_path: Path, refusal: LuotsiError
) -> None:
    server.login = "ada:secret"
    desk = Desk(refusal=refusal)
    mirror = mirror_of(server, tmp_path, desk)
    for needs_the_server in (mirror.look, mirror.fetch, lambda: mirror.bring([PULL])):
        with pytest.raises(type(refusal)) as raised:
            needs_the_server()
        assert raised.value is refusal
    desk.refusal = None
    assert PULL not in mirror.look()


def test_a_login_that_is_not_taken_is_not_asked_for_without_end(server: GitServer, tmp_path: Path) -> None:
    server.login = "ada:another secret"
    desk = Desk()
    with pytest.raises(Stalled, match="does not take the credentials") as stalled:
        mirror_of(server, tmp_path, desk).look()
    assert 1 <= len(desk.made) <= 3
    assert "secret" not in str(stalled.value)


def test_another_host_is_given_none(server: GitServer, work: GitRepository, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with serve(tmp_path / "other") as other:
        server.lead_to, other.login = other.address, "ada:secret"
        desk = Desk()
        with pytest.raises(LuotsiError):
            mirror_of(server, tmp_path, desk).look()
        assert desk.made == []
        assert not any("secret" in request for request in other.asked)


def test_ssh_takes_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    answer = credentials.from_login(desk)
    assert answer("ssh://git@example.org/x", "git", CredentialType.SSH_KEY) is None
    assert desk.made == []
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert credentials.of_agent("git", CredentialType.SSH_KEY) is None
    monkeypatch.setenv("SSH_AUTH_SOCK", "/somewhere")
    assert credentials.of_agent("git", CredentialType.SSH_KEY) is not None
    assert credentials.of_agent("git", CredentialType.USERPASS_PLAINTEXT) is None
