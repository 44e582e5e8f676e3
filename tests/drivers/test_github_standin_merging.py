"""The stand-in merges: pull requests in three ways, and branches that a deployment finds behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.github_house import House, house
from tests.parts.github_description import GitHubDescription


@pytest.fixture
def there(github_description: GitHubDescription, tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, github_description.address) as made:
        yield made


def test_a_deployment_merges_into_a_branch_that_is_behind_unless_told_not_to(there: House) -> None:
    client = there.installed()
    sha = there.bob.push(there.repo, "own", {"a": "1"})
    there.bob.push(there.repo, "main", {"b": "1"})
    told = {"ref": "own", "required_contexts": []}
    assert client("POST", there.place("/deployments"), {**told, "auto_merge": False}).status == 201
    assert there.head("own") == sha
    merged = client("POST", there.place("/deployments"), told)
    assert (merged.status, merged.body["message"]) == (202, "Auto-merged main into own on deployment.")
    assert there.github.bare(there.repo).commit(there.head("own")).parents == (sha, there.head())
    there.bob.push(there.repo, "main", {"a": "2"})
    assert client("POST", there.place("/deployments"), told).status == 409
    assert len(there.repo.deployments) == 1


def test_a_deployment_waits_for_the_statuses_that_it_requires(there: House) -> None:
    client, told = there.installed(), {"ref": there.head()}
    status = there.place(f"/statuses/{there.head()}")
    assert client("POST", status, {"state": "pending", "context": "luotsi"}).status == 201
    assert client("POST", there.place("/deployments"), told).status == 409
    assert client("POST", there.place("/deployments"), {**told, "required_contexts": []}).status == 201
    assert client("POST", status, {"state": "success", "context": "luotsi"}).status == 201
    assert client("POST", there.place("/deployments"), told).status == 201
    other = {**told, "required_contexts": ["other"]}
    assert client("POST", there.place("/deployments"), other).status == 409


def test_whether_a_pull_request_can_be_merged_is_known_after_a_while(there: House) -> None:
    there.bob.push(there.repo, "own", {"a": "1"})
    there.bob.push(there.repo, "clash", {"README.md": "1"})
    there.bob.open_pull_request(there.repo, "own").computing = 1
    there.bob.push(there.repo, "main", {"README.md": "2"})
    there.bob.open_pull_request(there.repo, "clash")
    client = there.installed()
    found = [client("GET", there.place(f"/pulls/{number}")).body for number in (1, 1, 2)]
    assert [one["mergeable"] for one in found] == [None, True, False]
    assert [one["mergeable_state"] for one in found] == ["unknown", "clean", "dirty"]
    assert client("PUT", there.place("/pulls/2/merge")).status == 405
    assert client("PUT", there.place("/pulls/1/merge"), {"sha": "0" * 40}).status == 409


@pytest.mark.parametrize(("method", "parents"), [("merge", 2), ("squash", 1), ("rebase", 1)])
def test_pull_requests_are_merged_in_three_ways(method: str, parents: int, there: House) -> None:
    there.bob.push(there.repo, "own", {"a": "1"})
    head = there.bob.push(there.repo, "own", {"b": "1"})
    there.bob.open_pull_request(there.repo, "own")
    base = there.bob.push(there.repo, "main", {"c": "1"})
    client = there.installed()
    told = client("PUT", there.place("/pulls/1/merge"), {"merge_method": method, "sha": head})
    assert (told.status, told.body["sha"]) == (200, there.head())
    bare = there.github.bare(there.repo)
    assert len(bare.commit(there.head()).parents) == parents
    assert bare.count(f"{base}..{there.head()}") == {"merge": 3, "squash": 1, "rebase": 2}[method]
    assert [one["number"] for one in client("GET", there.place(f"/commits/{there.head()}/pulls")).body] == [1]
