"""What people do reaches the receiver as GitHub sends it: signed, with ids, once, or as a test disturbs it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.github_house import SECRET, House, house
from tests.parts.github_description import GitHubDescription
from tests.standins.github.merge_queue import NotGood
from tests.standins.github.sending import digest


@pytest.fixture
def there(github_description: GitHubDescription, tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, github_description.address) as made:
        made.settled().received.clear()
        yield made


def _hook(there: House, events: list[str], **config: str) -> int:
    told = {"url": there.hook.url, "content_type": "json", "secret": "other", **config}
    made = there.installed()("POST", there.place("/hooks"), {"config": told, "events": events})
    assert made.status == 201, made.body
    there.settled().received.clear()
    id: int = made.body["id"]
    return id


def test_a_delivery_is_signed_and_has_its_headers(there: House) -> None:
    there.bob.push(there.repo, "main", {"a": "1"})
    push = next(one for one in there.settled().received if one.event == "push")
    assert push.headers["x-hub-signature-256"] == digest(SECRET, push.content)
    assert push.headers["x-github-hook-installation-target-type"] == "integration"
    assert push.headers["x-github-hook-installation-target-id"] == str(there.app.id)
    assert push.headers["user-agent"].startswith("GitHub-Hookshot/")
    assert push.body["installation"]["id"] == there.installation.id
    assert push.body["organization"]["login"] == "acme"
    (kept,) = [one for one in there.github.deliveries(there.app) if one.event == "push"]
    assert (kept.guid, kept.code, kept.body) == (push.headers["x-github-delivery"], 202, push.body)


def test_a_repositorys_hook_gets_its_events_alone_and_its_own_signature(there: House) -> None:
    id = _hook(there, ["push"], content_type="form")
    there.bob.push(there.repo, "new", {"a": "1"})
    (push,) = [one for one in there.settled().received if one.headers["x-github-hook-id"] == str(id)]
    assert (push.event, push.headers["x-github-hook-installation-target-id"]) == ("push", str(there.repo.id))
    assert push.headers["content-type"] == "application/x-www-form-urlencoded"
    assert push.content.startswith(b"payload=%7B")
    assert push.headers["x-hub-signature-256"] == digest("other", push.content)
    assert b"installation" not in push.content


def test_every_kind_of_push_is_told(there: House) -> None:
    first = there.head()
    sha = there.bob.push(there.repo, "main", {"train.py": "1", "README.md": None}, message="Train")
    push = there.settled().last("push")
    assert (push["before"], push["after"], push["forced"], push["created"]) == (first, sha, False, False)
    (commit,) = push["commits"]
    assert (commit["added"], commit["removed"], commit["message"]) == (["train.py"], ["README.md"], "Train")
    assert commit["distinct"] is True
    forced = there.bob.push(there.repo, "main", {"b": "1"}, onto=first)
    push = there.settled().last("push")
    assert (push["before"], push["after"], push["forced"]) == (sha, forced, True)
    there.bob.push(there.repo, "new", {"c": "1"})
    push = there.settled().last("push")
    assert (push["before"], push["created"], push["ref"]) == ("0" * 40, True, "refs/heads/new")
    there.bob.push_ref(there.repo, "refs/heads/new", None)
    push = there.settled().last("push")
    assert (push["after"], push["deleted"], push["head_commit"]) == ("0" * 40, True, None)
    tag = there.bob.tag(there.repo, "v1", forced)
    push = there.settled().last("push")
    assert (push["ref"], push["after"], push["commits"]) == ("refs/tags/v1", tag, [])
    assert (push["head_commit"]["id"], push["base_ref"]) == (forced, "refs/heads/main")
    assert ("create", None) in there.hook.events()
    assert ("delete", None) in there.hook.events()


def test_a_second_parent_brings_its_commits(there: House) -> None:
    side = there.bob.push(there.repo, "side", {"s": "1"})
    there.bob.push_ref(there.repo, "refs/heads/side", None)
    merge = there.bob.push(there.repo, "main", {"m": "1"}, merging=side)
    assert {one["id"] for one in there.settled().last("push")["commits"]} == {side, merge}


def test_more_than_three_tags_at_once_are_told_to_nobody(there: House) -> None:
    sha = there.head()
    there.bob.push_refs(there.repo, {f"refs/tags/v{number}": sha for number in range(4)})
    assert there.settled().received == []
    there.bob.push_refs(there.repo, {f"refs/tags/w{number}": sha for number in range(3)})
    assert there.settled().events().count(("push", None)) == 3


def test_the_life_of_a_pull_request_is_told(there: House) -> None:
    fork = there.eve.fork(there.repo)
    first = there.eve.push(fork, "fix", {"a": "1"})
    assert there.settled().received == []
    pull = there.eve.open_pull_request(there.repo, "fix", source=fork, title="Fix")
    opened = there.settled().last("pull_request", "opened")["pull_request"]
    assert opened["head"]["repo"]["full_name"] == "eve/models"
    assert opened["head"]["repo"]["fork"] is True
    assert (opened["head"]["sha"], opened["base"]["ref"], opened["mergeable"]) == (first, "main", True)
    assert opened["author_association"] == "NONE"
    second = there.eve.push(fork, "fix", {"a": "2"})
    moved = there.settled().last("pull_request", "synchronize")
    assert (moved["before"], moved["after"]) == (first, second)
    there.eve.edit_pull_request(pull, title="Fix it")
    assert there.settled().last("pull_request", "edited")["changes"] == {"title": {"from": "Fix"}}
    there.eve.close(pull)
    assert there.settled().last("pull_request", "closed")["pull_request"]["merged"] is False
    third = there.eve.push(fork, "fix", {"a": "3"})
    there.eve.reopen(pull)
    assert there.settled().last("pull_request", "reopened")["pull_request"]["head"]["sha"] == third
    made = there.bob.merge(pull)
    closed = there.settled().last("pull_request", "closed")["pull_request"]
    assert (closed["merged"], closed["merge_commit_sha"], closed["merged_by"]["id"]) == (True, made, there.bob.id)  # fmt: skip
    assert there.head() == made
    there.eve.delete(fork)
    assert pull.head_repository is None


def test_a_push_of_the_head_to_the_base_merges_and_a_lost_branch_closes(there: House) -> None:
    sha = there.bob.push(there.repo, "one", {"a": "1"})
    one = there.bob.open_pull_request(there.repo, "one")
    there.bob.push(there.repo, "two", {"b": "1"})
    two = there.bob.open_pull_request(there.repo, "two")
    there.bob.push_ref(there.repo, "refs/heads/main", sha)
    assert there.settled().last("pull_request", "closed")["pull_request"]["merged"] is True
    there.bob.push_ref(there.repo, "refs/heads/two", None)
    assert there.settled().last("pull_request", "closed")["number"] == two.number
    assert (one.state, two.state, two.merged_at) == ("closed", "closed", None)


def test_comments_are_told_with_what_they_said_before(there: House) -> None:
    there.bob.push(there.repo, "own", {"a": "1"})
    pull = there.bob.open_pull_request(there.repo, "own")
    issue = there.eve.open_issue(there.repo, "Broken")
    comment = there.eve.comment(pull, "/approve")
    told = there.settled().last("issue_comment", "created")
    assert told["issue"]["pull_request"]["html_url"].endswith(f"/pull/{pull.number}")
    assert (told["comment"]["user"]["id"], told["sender"]["id"]) == (there.eve.id, there.eve.id)
    there.bob.edit_comment(comment, "/retest")
    edited = there.settled().last("issue_comment", "edited")
    assert edited["changes"]["body"]["from"] == "/approve"
    assert (edited["comment"]["user"]["id"], edited["sender"]["id"]) == (there.eve.id, there.bob.id)
    there.eve.delete_comment(comment)
    assert there.settled().last("issue_comment", "deleted")["comment"]["body"] == "/retest"
    there.eve.comment(issue, "Hello")
    assert "pull_request" not in there.settled().last("issue_comment", "created")["issue"]
    there.installed()("POST", there.place(f"/issues/{pull.number}/comments"), {"body": "Done"})
    assert there.settled().last("issue_comment", "created")["sender"]["type"] == "Bot"


def test_checks_are_asked_for_by_a_push_and_by_buttons(there: House) -> None:
    sha = there.bob.push(there.repo, "own", {"a": "1"})
    there.bob.open_pull_request(there.repo, "own")
    suite = there.settled().last("check_suite", "requested")["check_suite"]
    assert (suite["head_sha"], suite["head_branch"]) == (sha, "own")
    client, button = there.installed(), {"label": "Go", "description": "Goes", "identifier": "go"}
    told = {"name": "train", "head_sha": sha, "conclusion": "failure", "actions": [button]}
    made = client("POST", there.place("/check-runs"), told).body
    assert made["check_suite"]["id"] == suite["id"]
    assert [one["number"] for one in made["pull_requests"]] == [1]
    run = there.repo.runs()[made["id"]]
    there.bob.press(there.repo, run, "go")
    pressed = there.settled().last("check_run", "requested_action")
    assert pressed["requested_action"] == {"identifier": "go"}
    there.bob.rerequest(there.repo, run)
    asked = there.settled().last("check_run", "rerequested")["check_run"]
    assert (asked["name"], asked["conclusion"], asked["check_suite"]["status"]) == (
        "train",
        "failure",
        "queued",
    )
    assert client("PATCH", there.place(f"/check-runs/{run.id}"), {"status": "in_progress"}).status == 200
    assert client("GET", there.place(f"/check-suites/{suite['id']}")).body["status"] == "in_progress"
    there.bob.rerequest(there.repo, run.suite)
    assert there.settled().last("check_suite", "rerequested")["sender"]["id"] == there.bob.id
    assert ("check_run", "created") in there.hook.events()
    assert ("check_run", "completed") in there.hook.events()
    assert there.hook.last("check_suite", "completed")["check_suite"]["conclusion"] == "failure"


def test_a_merge_queue_asks_for_checks_and_merges_what_has_them(there: House) -> None:
    there.repo.required_checks = {"luotsi"}
    there.bob.push(there.repo, "own", {"a": "1"})
    pull = there.bob.open_pull_request(there.repo, "own")
    client = there.installed()
    assert client("GET", there.place("/pulls/1")).body["mergeable_state"] == "blocked"
    assert client("PUT", there.place("/pulls/1/merge")).status == 405
    group = there.bob.merge_queue(pull)
    asked = there.settled().last("merge_group", "checks_requested")["merge_group"]
    assert asked["head_ref"] == f"refs/heads/gh-readonly-queue/main/pr-1-{asked['base_sha']}"
    assert there.hook.last("push")["after"] == asked["head_sha"]
    with pytest.raises(NotGood, match="luotsi"):
        group.merge()
    told = {"name": "luotsi", "head_sha": asked["head_sha"], "conclusion": "neutral"}
    assert client("POST", there.place("/check-runs"), told).status == 201
    assert group.merge() == there.head() == asked["head_sha"]
    assert there.settled().last("merge_group", "destroyed")["reason"] == "merged"
    assert there.hook.last("pull_request", "closed")["pull_request"]["merged"] is True
    assert there.hook.last("push")["deleted"] is True


def test_a_merge_queue_is_left(there: House) -> None:
    there.bob.push(there.repo, "own", {"a": "1"})
    pull = there.bob.open_pull_request(there.repo, "own")
    there.bob.merge_queue(pull).dequeue()
    assert there.settled().last("merge_group", "destroyed")["reason"] == "dequeued"
    there.bob.merge_queue(pull).invalidate()
    assert there.settled().last("merge_group", "destroyed")["reason"] == "invalidated"
    assert pull.state == "open"


def test_repositories_and_members_come_and_go(there: House) -> None:
    there.ada.set_collaborator(there.repo, there.eve, "write")
    there.ada.set_collaborator(there.repo, there.eve, "admin")
    there.ada.set_collaborator(there.repo, there.eve, None)
    there.ada.rename(there.repo, "renamed")
    other = there.github.repository("acme/other")
    there.installation.add(there.ada.account, [other])
    there.installation.remove(there.ada.account, [other])
    renamed = there.settled().last("repository", "renamed")
    assert renamed["changes"]["repository"]["name"]["from"] == "models"
    assert renamed["repository"]["full_name"] == "acme/renamed"
    mine = there.github.install(there.app, there.ada, there.ada)
    there.ada.transfer(there.repo, there.ada.account)
    told = there.settled().last("repository", "transferred")
    assert told["changes"]["owner"]["from"]["organization"]["login"] == "acme"
    assert (told["repository"]["id"], told["installation"]["id"]) == (there.repo.id, mine.id)
    there.installation.add(there.ada.account, [other])
    there.ada.delete(other, tell_apps=True)
    assert there.settled().last("repository", "deleted")["repository"]["name"] == "other"
    words = [action for event, action in there.hook.events() if event in ("member", "installation_repositories")]  # fmt: skip
    assert words == ["added", "edited", "removed", "added", "removed", "added"]
    there.installation.uninstall(there.ada.account)
    assert there.settled().last("installation", "deleted")["installation"]["id"] == there.installation.id


def test_only_an_organizations_hook_hears_of_a_deleted_repository(there: House) -> None:
    hook = there.github.organization_hook(there.acme, there.hook.url, "org", ["repository"])
    there.ada.delete(there.repo)
    (came,) = there.settled().received
    assert (came.event, came.body["action"]) == ("repository", "deleted")
    assert came.headers["x-github-hook-installation-target-type"] == "organization"
    assert came.headers["x-github-hook-id"] == str(hook.id)


def test_an_app_gets_only_events_that_it_asked_for_and_may_read(there: House) -> None:
    there.installation.permit(there.ada.account, {"contents": "read", "pull_requests": "write"})
    there.installation.installation.events.remove("create")
    there.settled().received.clear()
    there.bob.push(there.repo, "own", {"a": "1"})
    there.bob.comment(there.bob.open_pull_request(there.repo, "own"), "/retest")
    assert {event for event, _ in there.settled().events()} == {"push", "pull_request"}


def test_a_hook_that_is_not_active_or_wrong_gets_nothing(there: House) -> None:
    id, client = _hook(there, ["push"]), there.installed()
    assert client("PATCH", there.place(f"/hooks/{id}"), {"active": False}).body["active"] is False
    there.bob.push(there.repo, "main", {"a": "1"})
    assert all(one.headers["x-github-hook-id"] != str(id) for one in there.settled().received)
    same = {"url": there.hook.url, "content_type": "json"}
    for config, events in (({}, ["push"]), ({"url": "ftp://x"}, ["push"]), (same, ["pushes"]), (same, ["push"])):  # fmt: skip
        told = client("POST", there.place("/hooks"), {"config": config, "events": events})
        assert told.status == 422, (config, events)
    assert there.github.violations == []
