"""The stand-in's repositories over git itself: cloned, fetched and pushed to by who may, and told of like any push."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.github_house import House, house
from tests.parts.git import Git
from tests.parts.github_description import GitHubDescription


@pytest.fixture
def there(github_description: GitHubDescription, git: Git, tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, github_description.address, private=True) as made:
        yield made


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout.strip()


def _token(house: House, **asked: object) -> str:
    return house.installed(**asked).authorization.removeprefix("Bearer ")


def _clone(there: House, folder: Path, token: str) -> Path:
    _git(folder, "clone", "--quiet", there.github.clone_url(there.repo, token), "clone")
    return folder / "clone"


def test_an_installation_clones_and_fetches_pull_requests(there: House, tmp_path: Path) -> None:
    fork = there.eve.fork(there.repo)
    sha = there.eve.push(fork, "fix", {"a": "1"})
    pull = there.eve.open_pull_request(there.repo, "fix", source=fork)
    clone = _clone(there, tmp_path, _token(there, permissions={"contents": "read"}))
    assert _git(clone, "rev-parse", "HEAD") == there.head()
    listed = _git(clone, "ls-remote", "origin")
    assert f"{sha}\trefs/pull/1/head" in listed
    assert f"{pull.merge_sha}\trefs/pull/1/merge" in listed
    assert "refs/standin" not in listed
    _git(clone, "fetch", "--quiet", "origin", "refs/pull/1/head", sha)
    assert _git(clone, "log", "-1", "--format=%an", sha) == "Eve"


def test_a_person_pushes_with_git_and_it_is_told(there: House, tmp_path: Path) -> None:
    clone = _clone(there, tmp_path, there.bob.token("repo"))
    there.settled().received.clear()
    (clone / "train.py").write_text("1\n")
    _git(clone, "add", "--all")
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    _git(clone, *author, "commit", "--quiet", "-m", "Train")
    _git(clone, "tag", "light")
    _git(clone, "push", "--quiet", "origin", "HEAD:refs/heads/new", "light")
    pushes = [one.body for one in there.settled().received if one.event == "push"]
    assert {one["ref"] for one in pushes} == {"refs/heads/new", "refs/tags/light"}
    assert {one["sender"]["id"] for one in pushes} == {there.bob.id}
    assert pushes[0]["head_commit"]["author"]["username"] == "ada"
    assert there.installed()("GET", there.place("/branches/new")).body["commit"]["sha"] == _git(clone, "rev-parse", "HEAD")  # fmt: skip


def test_pull_requests_are_not_to_be_pushed_to(there: House, tmp_path: Path) -> None:
    clone = _clone(there, tmp_path, there.bob.token("repo"))
    with pytest.raises(RuntimeError, match="hidden ref"):
        _git(clone, "push", "origin", "HEAD:refs/pull/9/head")


def _token_of(who: str, there: House) -> str:
    match who:
        case "nobody":
            return ""
        case "stranger":
            return there.github.person("mallory").token("repo")
        case "reader":
            return there.eve.token("repo")
        case "installation":
            return _token(there, permissions={"contents": "read"})
        case "app":
            return there.as_app().authorization.removeprefix("Bearer ")
    return "ghp_unknown"


@pytest.mark.parametrize("who", ["nobody", "stranger", "unknown", "reader", "installation", "app"])
def test_who_may_not_is_refused(who: str, there: House, tmp_path: Path) -> None:
    address = there.github.clone_url(there.repo, _token_of(who, there))
    reads = who in ("reader", "installation")
    if reads:
        assert there.head() in _git(tmp_path, "ls-remote", address)
    else:
        with pytest.raises(RuntimeError, match=r"not found|Authentication failed|could not read"):
            _git(tmp_path, "ls-remote", address)
    local = _clone(there, tmp_path, there.bob.token("repo"))
    with pytest.raises(RuntimeError):
        _git(local, "push", address, "HEAD:refs/heads/mine")
    assert "refs/heads/mine" not in there.github.bare(there.repo).refs()


def test_an_old_name_leads_to_the_new_one(there: House, tmp_path: Path) -> None:
    old = there.github.clone_url(there.repo, there.bob.token("repo"))
    there.ada.rename(there.repo, "renamed")
    assert there.head() in _git(tmp_path, "ls-remote", old)


def test_git_meets_faults_too(there: House, tmp_path: Path) -> None:
    address = there.github.clone_url(there.repo, there.bob.token("repo"))
    there.github.faults.error(503, operation="git-http/upload-pack")
    with pytest.raises(RuntimeError, match="503"):
        _git(tmp_path, "ls-remote", address)
    assert there.head() in _git(tmp_path, "ls-remote", address)
    assert there.github.calls["git-http/upload-pack"] >= 2
    assert there.github.api_calls == 0
