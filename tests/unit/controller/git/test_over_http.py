"""Mirrors and notes over HTTP, through git's own server; and what people are told when it does not let us."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pygit2.credentials import UserPass

from controller.git import notes
from controller.git.mirror import Credentials, Mirror
from controller.git.notes import Notes
from controller.git.remote import Callbacks
from schemas.errors import LuotsiError, Stalled, Waiting
from schemas.messages.status import CommitStatus
from schemas.signing import SigningKey, read_public
from schemas.values import RefName, Sha
from tests.builders.git_repository import GitRepository
from tests.builders.git_server import GitServer, closed_port, self_signed, serve

MAIN = RefName("refs/heads/main")
KEY = SigningKey.generate()
KEYS = dict([read_public(KEY.public())])


@pytest.fixture
def bare(tmp_path: Path, work: GitRepository) -> GitRepository:
    work.commit({"valohai.yaml": "- step: {}\n"}, "Begin")
    work.git("tag", "--annotate", "--message", "Words", "v1")
    repository = GitRepository(tmp_path / "served" / "wine.git", bare=True)
    repository.git("config", "http.receivepack", "true")
    work.git("push", "--quiet", "--tags", str(repository.path), "main")
    return repository


@pytest.fixture
def server(bare: GitRepository) -> Iterator[GitServer]:
    with serve(bare.path.parent) as running:
        yield running


def mirror_of(server: GitServer, tmp_path: Path, credentials: Credentials | None = None) -> Mirror:
    return Mirror(tmp_path / "mirror.git", f"{server.address}/wine.git", credentials)


def notes_of(mirror: Mirror) -> Notes:
    return Notes(mirror.path, mirror.address, KEYS, mirror.credentials)


def line(sha: Sha, context: str = "luotsi/config") -> str:
    return notes.line(CommitStatus(context, "success", "fine", sha, "2030-01-01T00:00:00+00:00"), KEY)


def test_look_and_fetch(server: GitServer, work: GitRepository, tmp_path: Path) -> None:
    mirror = mirror_of(server, tmp_path)
    assert mirror.look() == {MAIN: work.head(), "refs/tags/v1": work.head("refs/tags/v1")}
    assert mirror.default_branch() == MAIN
    assert not any("POST" in request for request in server.asked)
    mirror.fetch()
    assert mirror.refs() == mirror.look()
    assert mirror.read_blob(work.head(), "valohai.yaml", 100) == b"- step: {}\n"
    second = work.commit({"a": "1"})
    work.git("push", "--quiet", str(server.root / "wine.git"), "main")
    mirror.fetch()
    assert mirror.refs()[MAIN] == second


def test_notes_are_pushed_and_fetched(
    server: GitServer, bare: GitRepository, work: GitRepository, tmp_path: Path
) -> None:
    mirror = mirror_of(server, tmp_path)
    mirror.fetch()
    sha = work.head()
    assert notes_of(mirror).write({sha: [line(sha)]}) is True
    assert bare.git("notes", "--ref=luotsi", "show", sha) == line(sha)
    bare.git("notes", "--ref=luotsi", "append", "-m", "A person adds", sha)
    assert notes_of(mirror).write({sha: [line(sha, "luotsi/train")]}) is True
    kept = [text for text in bare.git("notes", "--ref=luotsi", "show", sha).split("\n") if text]
    assert kept == [line(sha), line(sha, "luotsi/train"), "A person adds"]


@pytest.mark.parametrize("existing", [False, True])
def test_a_push_that_was_overtaken_is_made_again(
    server: GitServer, bare: GitRepository, work: GitRepository, tmp_path: Path, existing: bool
) -> None:
    mirror = mirror_of(server, tmp_path)
    mirror.fetch()
    sha = work.head()
    if existing:
        notes_of(mirror).write({sha: [line(sha)]})
    server.before_push = [["notes", "--ref=luotsi", "append", "-m", "faster", sha]]
    assert notes_of(mirror).write({sha: [line(sha, "luotsi/train")]}) is True
    kept = [text for text in bare.git("notes", "--ref=luotsi", "show", sha).split("\n") if text]
    assert kept == [line(sha)] * existing + [line(sha, "luotsi/train"), "faster"]
    assert server.before_push == []


def test_a_server_that_takes_no_notes_stalls_with_its_words(
    server: GitServer, bare: GitRepository, work: GitRepository, tmp_path: Path
) -> None:
    mirror = mirror_of(server, tmp_path)
    mirror.fetch()
    sha = work.head()
    server.forbid_push = True
    with pytest.raises(Stalled):
        notes_of(mirror).write({sha: [line(sha)]})
    server.forbid_push = False
    hook = bare.path / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho only people may write notes >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Stalled, match="hook declined") as stalled:
        notes_of(mirror).write({sha: [line(sha)]})
    assert "refs/notes/luotsi" in stalled.value.hint
    assert bare.git("for-each-ref", "refs/notes") == ""


def test_credentials_are_asked_for_and_given(server: GitServer, work: GitRepository, tmp_path: Path) -> None:
    server.login = "ada:secret"
    with pytest.raises(Stalled, match="asks for credentials"):
        mirror_of(server, tmp_path).look()
    with pytest.raises(Stalled, match="does not take the credentials"):
        mirror_of(server, tmp_path, UserPass("ada", "wrong")).look()
    mirror = mirror_of(server, tmp_path, UserPass("ada", "secret"))
    mirror.fetch()
    assert mirror.refs()[MAIN] == work.head()
    sha = work.head()
    assert notes_of(mirror).write({sha: [line(sha)]}) is True
    inside = Mirror(tmp_path / "inside.git", mirror.address.replace("//", "//ada:secret@"))
    assert inside.look()[MAIN] == sha


@pytest.mark.parametrize("inside", [False, True])
def test_credentials_follow_no_redirect(server: GitServer, tmp_path: Path, inside: bool) -> None:
    (tmp_path / "other").mkdir()
    with serve(tmp_path / "other") as other:
        other.login = "nobody:knows"
        server.login, server.lead_to = "", other.address
        address = f"{server.address}/wine.git"
        mirror = (
            Mirror(tmp_path / "mirror.git", address.replace("//", "//ada:secret@"))
            if inside
            else Mirror(tmp_path / "mirror.git", address, UserPass("ada", "secret"))
        )
        with pytest.raises(LuotsiError) as trouble:
            mirror.look()
        assert not any("secret" in request for request in other.asked)
        assert "secret" not in str(trouble.value)


def test_without_credentials_a_redirect_is_followed(
    server: GitServer, work: GitRepository, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    with serve(tmp_path / "other") as other:
        other.lead_to = server.address
        assert Mirror(tmp_path / "mirror.git", f"{other.address}/wine.git").look()[MAIN] == work.head()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, Stalled),
        (410, Stalled),
        (403, Stalled),
        (401, Stalled),
        (500, Waiting),
        (503, Waiting),
        (429, Waiting),
    ],
)
def test_a_status_says_whether_to_try_again(
    server: GitServer, tmp_path: Path, status: int, kind: type[LuotsiError]
) -> None:
    server.status = status
    with pytest.raises(kind) as trouble:
        mirror_of(server, tmp_path).look()
    assert server.address in str(trouble.value)


def test_a_server_that_is_away_is_waited_for(tmp_path: Path) -> None:
    for address in (
        f"http://127.0.0.1:{closed_port()}/x",
        "http://nowhere.invalid/x",
        "ssh://nowhere.invalid/x",
    ):
        with pytest.raises(Waiting, match="cannot be reached") as waiting:
            Mirror(tmp_path / "mirror.git", address).look()
        assert waiting.value.after > 0


def test_a_server_that_speaks_no_git_stalls_or_waits(server: GitServer, tmp_path: Path) -> None:
    server.status = 200
    with pytest.raises((Stalled, Waiting)):
        mirror_of(server, tmp_path).look()


def test_a_certificate_that_nobody_vouches_for_is_not_taken(bare: GitRepository, tmp_path: Path) -> None:
    with serve(bare.path.parent, self_signed(tmp_path)) as server:
        for credentials in (None, UserPass("ada", "secret")):
            with pytest.raises(Stalled, match="not trusted here"):
                mirror_of(server, tmp_path, credentials).look()
        assert server.asked == []


def test_a_host_key_that_is_not_known_is_not_taken() -> None:
    """What libgit2 asks of us about `ssh://` too, where pygit2 itself says yes to every key."""
    callbacks = Callbacks("ssh://git@example.org/x", None)
    assert callbacks.certificate_check(None, False, b"example.org") is False
    assert callbacks.certificate_check(None, True, b"example.org") is True


def test_a_password_in_the_address_is_never_said(server: GitServer, tmp_path: Path) -> None:
    server.login = "ada:hunter2"
    mirror = Mirror(tmp_path / "mirror.git", f"{server.address}/wine.git".replace("//", "//ada:hunter2@"))
    mirror.fetch()
    assert mirror.refs()
    server.status = 500
    with pytest.raises(LuotsiError) as trouble:
        mirror.fetch()
    assert "hunter2" not in str(trouble.value)
    kept = b"".join(place.read_bytes() for place in (tmp_path / "mirror.git").rglob("*") if place.is_file())
    assert b"hunter2" not in kept
