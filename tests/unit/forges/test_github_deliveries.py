"""GitHub's deliveries: those it recorded itself are understood, each for what it says."""

import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import pytest

import forges
from forges.github import connect
from forges.github.deliveries import GitHub
from forges.port import Delivery
from schemas.errors import Refused, Stalled
from tests.builders.github_examples import (
    EVENTS,
    FORGE,
    body,
    harmless,
    instead,
    on_pull,
    paths,
    recorded,
    told,
)
from tests.parts.github_description import GitHubDescription


@pytest.fixture(scope="module")
def examples(github_description: GitHubDescription) -> dict[str, list[Any]]:
    return recorded(github_description.address)


def example(examples: dict[str, list[Any]], event: str, action: str) -> Any:
    return next(value for value in examples[event] if value.get("action") == action)


def test_every_recorded_delivery_is_understood(examples: dict[str, list[Any]]) -> None:
    for event, values in examples.items():
        for value in values:
            delivery = harmless(event, body(value))
            assert delivery is not None, event
            if "repository" in value and event in EVENTS:
                assert delivery.repository_id == str(value["repository"]["id"])
            if event not in EVENTS:
                assert delivery.event == "other"


def test_a_push_says_ref_and_commits(examples: dict[str, list[Any]]) -> None:
    for value in examples["push"]:
        delivery = told("push", value)
        assert (delivery.event, delivery.ref) == ("push", value["ref"])
        assert (delivery.before, delivery.after) == (value["before"], value["after"])


def test_a_pull_request_says_both_sides_and_its_author(examples: dict[str, list[Any]]) -> None:
    for value in examples["pull_request"]:
        pull, there = told("pull_request", value).pull, value["pull_request"]
        assert pull is not None
        assert (pull.number, pull.action, pull.open) == (2, value["action"], value["action"] != "closed")
        assert (pull.head, pull.head_ref) == (there["head"]["sha"], "changes")
        assert (pull.base, pull.base_ref) == (there["base"]["sha"], "master")
        assert (pull.author_id, pull.author_login) == ("21031067", "Codertocat")
        assert (pull.fork, pull.head_repository_id) == (False, "186853002")
        assert pull.title == "Update the README with new information."


@pytest.mark.parametrize(("source", "fork"), [({"id": 186853002}, False), ({"id": 4}, True), (None, True)])
def test_a_fork_is_another_repository_or_one_that_is_gone(
    examples: dict[str, list[Any]], source: Any, fork: bool
) -> None:
    value = example(examples, "pull_request", "opened")
    pull = told("pull_request", instead(value, ("pull_request", "head", "repo"), source)).pull
    assert pull is not None
    assert pull.fork is fork


def test_that_the_repository_is_itself_a_fork_does_not_matter(examples: dict[str, list[Any]]) -> None:
    value = example(examples, "pull_request", "opened")
    for side in ("head", "base"):
        value = instead(value, ("pull_request", side, "repo", "fork"), True)
    pull = told("pull_request", value).pull
    assert pull is not None
    assert not pull.fork


def test_a_pull_request_of_another_repository_is_refused(examples: dict[str, list[Any]]) -> None:
    value = example(examples, "pull_request", "opened")
    with pytest.raises(Refused, match="another repository"):
        told("pull_request", instead(value, ("repository", "id"), 5))


def test_threat_01_the_author_is_an_account_never_what_a_commit_says(examples: dict[str, list[Any]]) -> None:
    """CVE-2026-58370: names in commits are their writer's. No text of the body but the account's own part counts."""
    spoof = {"name": "admin", "login": "admin", "id": 1, "email": "admin@example.test", "username": "admin"}
    value = example(examples, "pull_request", "synchronize")
    before = told("pull_request", value)
    for path in [*paths(value)]:
        if path[-1] in ("author", "committer", "merged_by", "assignee", "owner", "organization", "sender"):
            changed = instead(value, path, spoof)
            assert told("pull_request", changed).pull == before.pull
    value = instead(value, ("commits",), [{"author": spoof, "committer": spoof}])
    assert told("pull_request", value).pull == before.pull


def test_a_comment_is_its_writers_whoever_edits_it(examples: dict[str, list[Any]]) -> None:
    value = on_pull(example(examples, "issue_comment", "edited"))
    delivery = told("issue_comment", instead(value, ("sender", "id"), 5))
    comment = delivery.comment
    assert delivery.event == "comment"
    assert comment is not None
    assert (comment.id, comment.number, comment.action) == ("492700400", 1, "edited")
    assert comment.text == "You are totally right! I'll get this fixed today."
    assert (comment.author_id, comment.author_login, comment.bot) == ("21031067", "Codertocat", False)
    assert comment.at == "2019-05-15T15:20:21.000000+00:00"


def test_a_comment_on_an_issue_means_nothing(examples: dict[str, list[Any]]) -> None:
    for value in examples["issue_comment"]:
        assert told("issue_comment", value) == Delivery(
            "7", "other", repository_id=str(value["repository"]["id"])
        )


def test_nobody_has_an_empty_id(examples: dict[str, list[Any]]) -> None:
    value = on_pull(example(examples, "issue_comment", "created"))
    comment = told("issue_comment", instead(value, ("comment", "user"), None)).comment
    assert comment is not None
    assert (comment.author_id, comment.author_login) == ("", "")


def test_a_rerun_names_the_check_and_who_asks(examples: dict[str, list[Any]]) -> None:
    value = instead(example(examples, "check_run", "rerequested"), ("check_run", "external_id"), "run-5")
    rerun = told("check_run", value).rerun
    assert rerun is not None
    assert (rerun.context, rerun.check_id, rerun.external_id) == ("randscape", "4", "run-5")
    assert (rerun.head, rerun.app_id, rerun.action) == (
        "d6fde92930d4715a2b49857d24b940956b26d2d3",
        "2",
        "rerun",
    )
    assert (rerun.author_id, rerun.author_login) == (str(value["sender"]["id"]), value["sender"]["login"])
    suite = told("check_suite", example(examples, "check_suite", "rerequested")).rerun
    assert suite is not None
    assert (suite.context, suite.head) == ("", "ec26c3e57ca3a959ca5aad62de7213c562f8c821")


def test_a_button_of_a_check_comes_back_with_its_name(examples: dict[str, list[Any]]) -> None:
    rerun = told("check_run", example(examples, "check_run", "requested_action")).rerun
    assert rerun is not None
    assert rerun.action == "lgtm|26764"


def test_what_checks_do_by_themselves_means_nothing(examples: dict[str, list[Any]]) -> None:
    for event, asked in (
        ("check_run", ("rerequested", "requested_action")),
        ("check_suite", ("rerequested",)),
    ):
        for value in examples[event]:
            assert told(event, value).event == ("rerun" if value["action"] in asked else "other")


def test_a_merge_group_says_what_would_be_merged_where(examples: dict[str, list[Any]]) -> None:
    queue = told("merge_group", example(examples, "merge_group", "checks_requested")).queue
    assert queue is not None
    assert queue.head_ref.startswith("refs/heads/gh-readonly-queue/main/")
    assert (queue.action, queue.base_ref, queue.reason) == ("requested", "refs/heads/main", "")
    value = {
        **example(examples, "merge_group", "checks_requested"),
        "action": "destroyed",
        "reason": "dequeued",
    }
    gone = told("merge_group", value).queue
    assert gone is not None
    assert (gone.action, gone.reason) == ("destroyed", "dequeued")


@pytest.mark.parametrize("action", ["renamed", "transferred"])
def test_a_repository_keeps_its_id_under_a_new_name(examples: dict[str, list[Any]], action: str) -> None:
    value = example(examples, "repository", action)
    delivery = told("repository", value)
    seen = delivery.repository
    assert seen is not None
    assert (seen.action, seen.name) == (action, "Octocoders/Hello-World")
    assert seen.id == delivery.repository_id == str(value["repository"]["id"])
    assert seen.address == value["repository"]["clone_url"]


def test_an_installation_says_which_repositories_come_and_go(examples: dict[str, list[Any]]) -> None:
    given = told("installation", example(examples, "installation", "created")).installation
    taken = told("installation", example(examples, "installation", "deleted")).installation
    added = told(
        "installation_repositories", example(examples, "installation_repositories", "added")
    ).installation
    assert given is not None
    assert taken is not None
    assert added is not None
    assert given.added
    assert not given.removed
    assert taken.removed
    assert not taken.added
    assert [seen.name for seen in added.added] == ["Codertocat/Space"]


def signed(text: bytes, secret: str) -> dict[str, str]:
    return {"x-hub-signature-256": "sha256=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}


def test_the_signature_githubs_documentation_shows() -> None:
    known = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    forge = connect({"secret": "It's a Secret to Everybody"})
    forge.verify({"x-hub-signature-256": known}, [b"Hello, ", b"World!"])
    with pytest.raises(Refused, match="does not belong"):
        forge.verify({"x-hub-signature-256": known}, [b"Hello, World?"])


def test_every_valid_secret_signs_and_no_other() -> None:
    for secret in ("old", "new"):
        FORGE.verify(signed(b"x", secret), [b"x"])
    with pytest.raises(Refused) as caught:
        FORGE.verify(signed(b"x", "other"), [b"x"])
    assert "new" not in str(caught.value)


@pytest.mark.parametrize("said", ["", "sha1=" + "0" * 40, "sha256=" + "0" * 63, "sha256=" + "A" * 64])
def test_what_the_headers_rule_out_is_not_read(said: str) -> None:
    def unread() -> Iterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    with pytest.raises(Refused, match="not signed"):
        FORGE.verify({"x-hub-signature-256": said, "x-hub-signature": "sha1=" + "0" * 40}, unread())


def test_github_is_a_kind_of_forge() -> None:
    assert isinstance(forges.load("github", {"secret": "s"}), GitHub)
    with pytest.raises(Stalled, match="without a secret"):
        forges.load("github", {})
    assert forges.speak("github", {"token": "t"}).checks is False
    for kind in ("bare", "nothing"):
        with pytest.raises(Stalled):
            forges.speak(kind, {})
