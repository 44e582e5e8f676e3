"""Commits as files name them: ids, beginnings of ids, branches, tags."""

import hashlib
from pathlib import Path

import pytest

from controller.git.mirror import Mirror
from controller.git.revisions import SHORTEST, commit_named
from schemas.errors import ConfigError
from tests.builders.person import Person


@pytest.fixture
def person(tmp_path: Path) -> Person:
    person = Person(tmp_path / "shop.git", tmp_path / "clone")
    person.commit({"a": "1"}, "First")
    person.push()
    return person


def mirror(person: Person, tmp_path: Path) -> Mirror:
    made = Mirror(tmp_path / "mirror.git", str(person.bare))
    made.fetch()
    return made


def test_every_way_to_name_a_commit(person: Person, tmp_path: Path) -> None:
    first = person.git("rev-parse", "HEAD")
    person.tag("v1", first)
    second = person.commit({"a": "2"}, "Second")
    person.push()
    person.push("HEAD:refs/heads/release/1.x")
    found = mirror(person, tmp_path)
    for name in (first, first.upper(), first[:7], first[:12], "v1", "refs/tags/v1"):
        assert commit_named(found, name) == first, name
    for name in ("main", "refs/heads/main", "release/1.x", second[:10]):
        assert commit_named(found, name) == second, name


def test_a_branch_wins_over_a_tag_and_over_the_beginning_of_an_id(person: Person, tmp_path: Path) -> None:
    first = person.git("rev-parse", "HEAD")
    second = person.commit({"a": "2"}, "Second")
    person.push(f"{second}:refs/heads/{first[:8]}", f"{second}:refs/heads/same", f"{first}:refs/tags/same")
    found = mirror(person, tmp_path)
    assert commit_named(found, first[:8]) == second
    assert commit_named(found, "same") == second


@pytest.mark.parametrize(
    "name", ["", "nowhere", "HEAD~1", "0" * 40, "abc", "main^{tree}", "a" * 9, "../x", "f" * 64]
)
def test_what_names_no_commit_is_told(person: Person, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="there is no commit"):
        commit_named(mirror(person, tmp_path), name)


def test_a_file_or_a_folder_is_no_commit(person: Person, tmp_path: Path) -> None:
    found = mirror(person, tmp_path)
    for object_name in ("HEAD:a", "HEAD^{tree}"):
        with pytest.raises(ConfigError, match="there is no commit"):
            commit_named(found, person.git("rev-parse", object_name))


def test_an_ambiguous_beginning_is_told(person: Person, tmp_path: Path) -> None:
    tree = person.git("rev-parse", "HEAD^{tree}")
    bodies = _alike(tree)
    shas = [_write(person, body) for body in bodies]
    assert shas[0][:SHORTEST] == shas[1][:SHORTEST]
    person.push(f"{shas[0]}:refs/heads/one", f"{shas[1]}:refs/heads/two")
    found = mirror(person, tmp_path)
    with pytest.raises(ConfigError, match=f"several commits begin with {shas[0][:SHORTEST]}"):
        commit_named(found, shas[0][:SHORTEST])
    assert commit_named(found, shas[0][:20]) == shas[0]


def _alike(tree: str) -> list[bytes]:
    """Two commits whose ids begin with the same characters: some twenty thousand have to be looked at."""
    seen: dict[str, bytes] = {}
    for number in range(1_000_000):
        person = b"Ada <ada@example.org> 1900000000 +0000"
        body = b"tree %s\nauthor %s\ncommitter %s\n\n%d\n" % (tree.encode(), person, person, number)
        begins = hashlib.sha1(b"commit %d\0" % len(body) + body).hexdigest()[:SHORTEST]
        if begins in seen:
            return [seen[begins], body]
        seen[begins] = body
    raise AssertionError("no two commits begin alike")


def _write(person: Person, body: bytes) -> str:
    path = person.clone / "commit.txt"
    path.write_bytes(body)
    return person.git("hash-object", "-t", "commit", "-w", str(path))
