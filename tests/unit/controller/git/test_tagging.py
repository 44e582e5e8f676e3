"""Tags that Luotsi makes: git reads them as annotated ones, they are pushed once, and what is there is never moved."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from controller.git import tagging
from controller.git.mirror import Mirror
from controller.git.tagging import NewTag
from schemas.errors import Stalled, Waiting
from schemas.values import Sha
from tests.builders.git_repository import GitRepository
from tests.builders.git_server import GitServer, closed_port, serve

WHEN = datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
NAME = "models/eu=churn#prod#7"


@pytest.fixture
def bare(tmp_path: Path, work: GitRepository) -> GitRepository:
    work.commit({"a": "1"}, "Begin")
    repository = GitRepository(tmp_path / "served" / "wine.git", bare=True)
    repository.git("config", "http.receivepack", "true")
    work.git("push", "--quiet", str(repository.path), "main")
    return repository


@pytest.fixture
def server(bare: GitRepository) -> Iterator[GitServer]:
    with serve(bare.path.parent) as running:
        yield running


@pytest.fixture(params=["over http", "on this machine"])
def fetched(request: pytest.FixtureRequest, bare: GitRepository, tmp_path: Path) -> Iterator[Mirror]:
    """A mirror of `bare`, fetched."""
    with serve(bare.path.parent) as running:
        address = f"{running.address}/wine.git" if request.param == "over http" else str(bare.path)
        mirror = Mirror(tmp_path / "mirror.git", address)
        mirror.fetch()
        yield mirror


def new(work: GitRepository, message: str = "Promote it") -> NewTag:
    return NewTag(NAME, work.head(), message, WHEN)


def test_git_reads_what_was_pushed_as_an_annotated_tag(
    fetched: Mirror, bare: GitRepository, work: GitRepository
) -> None:
    tag = new(work, "Promote it\n\nAsked for by github:1, \u00fcber")
    assert tagging.push(fetched, tag) is None
    assert bare.git("rev-parse", f"refs/tags/{NAME}") == tag.id
    assert bare.git("cat-file", "-t", tag.id) == "tag"
    shown = bare.git(
        "for-each-ref", f"refs/tags/{NAME}", "--format=%(*objectname) %(taggername) %(taggerdate:unix)"
    )
    assert shown == f"{work.head()} Luotsi {int(WHEN.timestamp())}"
    assert bare.raw("tag", "--list", "--format=%(contents)").decode().strip() == tag.message
    bare.git("fsck", "--strict")
    assert f"refs/tags/{NAME}" not in fetched.refs()


def test_the_same_tag_again_is_there_already_and_another_of_its_name_is_not_touched(
    fetched: Mirror, bare: GitRepository, work: GitRepository
) -> None:
    tag = new(work)
    assert tagging.push(fetched, tag) is None
    assert tagging.push(fetched, tag) is None
    assert tagging.push(fetched, new(work, "Something else")) == ""
    assert bare.head(f"refs/tags/{NAME}") == tag.id


def test_who_was_faster_keeps_the_name(
    server: GitServer, bare: GitRepository, work: GitRepository, tmp_path: Path
) -> None:
    mirror = Mirror(tmp_path / "mirror.git", f"{server.address}/wine.git")
    mirror.fetch()
    theirs = ["-c", "user.name=Eve", "-c", "user.email=e@example.org", "tag", "-a", "-m", "Theirs", NAME]
    server.before_push = [[*theirs, work.head()]]
    assert tagging.push(mirror, new(work)) == ""
    assert bare.raw("tag", "--list", "--format=%(contents)").decode().strip() == "Theirs"


def test_a_server_that_refuses_is_quoted(
    server: GitServer, bare: GitRepository, work: GitRepository, tmp_path: Path
) -> None:
    mirror = Mirror(tmp_path / "mirror.git", f"{server.address}/wine.git")
    mirror.fetch()
    hook = bare.path / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert tagging.push(mirror, new(work)) == "hook declined"
    assert bare.git("tag") == ""


def test_a_repository_that_cannot_be_reached_or_does_not_let_us_is_said(
    server: GitServer, work: GitRepository, tmp_path: Path
) -> None:
    mirror = Mirror(tmp_path / "mirror.git", f"{server.address}/wine.git")
    mirror.fetch()
    server.status = 403
    with pytest.raises(Stalled):
        tagging.push(mirror, new(work))
    mirror.address = f"http://127.0.0.1:{closed_port()}/wine.git"
    with pytest.raises(Waiting):
        tagging.push(mirror, new(work))


def test_the_object_is_a_function_of_what_it_says(bare: GitRepository, work: GitRepository) -> None:
    first = new(work)
    same = NewTag(NAME, work.head(), "Promote it", WHEN.astimezone(timezone(timedelta(hours=2))))
    assert first.id == same.id
    others = {
        NewTag("b", first.target, first.message, WHEN).id,
        NewTag(NAME, Sha("1" * 40), first.message, WHEN).id,
        NewTag(NAME, first.target, "b", WHEN).id,
        NewTag(NAME, first.target, first.message, WHEN + timedelta(seconds=1)).id,
    }
    assert len({first.id, *others}) == 5
