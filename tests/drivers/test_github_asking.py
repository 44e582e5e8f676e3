"""What GitHub is asked: pull requests, files, people, comments, hooks, rights. Against a scripted server."""

from collections.abc import Iterator
from typing import Any

import pytest

from forges.github.api import GitHubApi
from forges.port import Account, HookState, MissedDelivery, Permission
from schemas.errors import Gone, Stalled, Waiting
from schemas.values import Secret
from tests.builders.forge_bench import HERE, NOW, SHA, installed, minted, moment, with_app, with_token
from tests.builders.scripted_github import Say, Scripted, scripted

HOOK = "https://luotsi.test/hooks/models"
EVENTS = ["check_run", "check_suite", "issue_comment", "merge_group", "pull_request", "push", "repository"]
REPOSITORY = {"id": 7, "full_name": HERE}


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted() as script:
        yield script


@pytest.fixture
def api(server: Scripted) -> GitHubApi:
    return with_token(server)


@pytest.fixture
def app(server: Scripted) -> GitHubApi:
    return with_app(server)


def pull(number: int, repository: int | None = 7) -> dict[str, Any]:
    return {
        "number": number, "state": "open", "title": "t", "draft": True, "user": {"id": 5, "login": "ann"},
        "head": {"sha": SHA, "ref": "x", "repo": repository and {"id": repository}},
        "base": {"sha": "b" * 40, "ref": "main", "repo": {"id": 7}},
    }  # fmt: skip


def test_open_pull_requests_say_where_they_come_from(server: Scripted, api: GitHubApi) -> None:
    server.say(Say([pull(2, 8), pull(1), pull(3, None), pull(1)]))
    found = api.pulls(HERE)
    assert [(one.number, one.fork, one.head_repository_id) for one in found] == [
        (1, False, "7"), (2, True, "8"), (3, True, ""),
    ]  # fmt: skip
    assert (found[0].head, found[0].base, found[0].base_ref, found[0].draft) == (SHA, "b" * 40, "main", True)
    assert "state=open" in server.paths[0]
    server.say(Say(pull(4) | {"state": "closed"}))
    assert not api.pull(HERE, 4).open


def test_a_broken_list_is_unknown_never_shorter(server: Scripted, api: GitHubApi) -> None:
    server.say(Say([pull(1), {**pull(2), "head": None}]))
    with pytest.raises(Waiting):
        api.pulls(HERE)


def test_more_files_than_github_lists_are_not_known(server: Scripted, api: GitHubApi) -> None:
    server.say(
        Say([{"filename": str(number)} for number in range(2999)]),
        Say([{"filename": str(number)} for number in range(3000)]),
    )
    assert len(api.files(HERE, 1) or ()) == 2999
    assert api.files(HERE, 1) is None


def grant(id: int, permission: str, role: str = "") -> Say:
    return Say({"permission": permission, "role_name": role or permission, "user": {"id": id, "login": "x"}})


@pytest.mark.parametrize(
    ("base", "may"), [("admin", True), ("write", True), ("read", False), ("none", False)]
)
def test_who_may_write(server: Scripted, api: GitHubApi, base: str, may: bool) -> None:
    server.say(grant(5, base, "of-our-own"))
    assert api.permission(HERE, Account("5", "ann")) == Permission(may, "of-our-own")
    assert server.paths == ["GET /repos/acme/models/collaborators/ann/permission"]


def test_threat_01_a_login_that_changed_hands_gives_nothing(server: Scripted, api: GitHubApi) -> None:
    """The comment was 5's, who was called ann then. Today ann is 6, who may write, and 5 is bob, who may not."""
    server.say(grant(6, "admin"), Say({"id": 5, "login": "bob"}), grant(5, "read"))
    assert not api.permission(HERE, Account("5", "ann")).may_write
    assert server.paths[1:] == ["GET /user/5", "GET /repos/acme/models/collaborators/bob/permission"]


@pytest.mark.parametrize(
    "last",
    [Say(status=404), grant(6, "admin"), Say({"permission": "admin", "role_name": "admin", "user": None})],
)
def test_threat_06_nobody_may_do_anything(server: Scripted, api: GitHubApi, last: Say) -> None:
    for nobody in (Account("", "ann"), Account("x", "ann"), Account("5/..", "ann"), Account("-1", "")):
        assert not api.permission(HERE, nobody).may_write
    assert server.asked == []
    server.say(Say(status=404))
    assert not api.permission(HERE, Account("5")).may_write
    server.say(Say({"id": 5, "login": "ann"}), last, *[Say(REPOSITORY)] * (last.status == 404))
    assert not api.permission(HERE, Account("5")).may_write


def test_a_repository_that_we_no_longer_see_is_no_answer(server: Scripted, api: GitHubApi) -> None:
    server.say(Say(status=404), Say(status=404))
    with pytest.raises(Stalled, match="knows nothing"):
        api.permission(HERE, Account("5", "ann"))


def test_a_login_cannot_lead_elsewhere(server: Scripted, api: GitHubApi) -> None:
    server.say(grant(5, "write"))
    api.permission(HERE, Account("5", "../../x?y#z"))
    assert server.paths == ["GET /repos/acme/models/collaborators/..%2F..%2Fx%3Fy%23z/permission"]


def comment(id: int, where: str = "pull", edited: bool = False, ago: float = 0) -> dict[str, Any]:
    return {
        "id": id, "body": "/retest", "user": {"id": 5, "login": "ann", "type": "User"},
        "created_at": moment(NOW - ago), "updated_at": moment(NOW - ago + edited),
        "html_url": f"https://github.test/acme/models/{where}/3#issuecomment-{id}",
    }  # fmt: skip


def test_comments_below_pull_requests_since_a_moment(server: Scripted, api: GitHubApi) -> None:
    server.say(Say([comment(1), comment(2, "issues"), comment(3, edited=True)]))
    found = api.comments_since(HERE, "2030-01-02T05:04:05.600000+02:00")
    assert [(one.id, one.number, one.action, one.author_id, one.text) for one in found] == [
        ("1", 3, "created", "5", "/retest"), ("3", 3, "edited", "5", "/retest"),
    ]  # fmt: skip
    assert "since=2030-01-02T03%3A00%3A00Z" in server.paths[0]


def test_comments_are_asked_for_by_the_same_question_for_a_while(server: Scripted, api: GitHubApi) -> None:
    begin = NOW // 600 * 600
    old, new = comment(1, ago=NOW - begin - 10), comment(2, ago=NOW - begin - 70)
    server.say(Say([old], headers={"ETag": '"a"'}), Say(status=304), Say([old, new], headers={"ETag": '"b"'}))
    found = [
        [one.id for one in api.comments_since(HERE, moment(begin + seconds))] for seconds in (10, 11, 12)
    ]
    assert found == [["1"], [], ["2"]]
    assert len({one.path for one in server.asked}) == 1
    assert [one.headers.get("if-none-match") for one in server.asked] == [None, '"a"', '"a"']


def test_a_comment_is_written_once_and_then_replaced(server: Scripted, api: GitHubApi) -> None:
    server.say(Say({"id": 5}, 201), Say({"id": 5}))
    id = api.comment(HERE, 3, "hello")
    assert api.comment(HERE, 3, "x" * 70_000, id) == "5"
    assert server.paths == [
        "POST /repos/acme/models/issues/3/comments",
        "PATCH /repos/acme/models/issues/comments/5",
    ]
    assert len(server.asked[1].body["body"]) == 65_536


def hook(**change: Any) -> dict[str, Any]:
    config = {"url": HOOK, "content_type": "json", "insecure_ssl": "0", "secret": "********"}
    return {"id": 4, "active": True, "events": EVENTS, "config": config | change.pop("config", {})} | change


def test_a_hook_is_made_where_there_is_none(server: Scripted, api: GitHubApi) -> None:
    other = hook(id=3, config={"url": "https://elsewhere.test"})
    server.say(Say([other]), Say({"id": 4}, 201))
    made = api.ensure_hook(HERE, HOOK, Secret("s"))
    assert (made.id, made.did) == ("4", "created")
    body = server.asked[1].body
    assert body["config"] == {"url": HOOK, "content_type": "json", "insecure_ssl": "0", "secret": "s"}
    assert (body["name"], body["active"], body["events"]) == ("web", True, EVENTS)


@pytest.mark.parametrize("there", [hook(), hook(events=["*"]), hook(events=[*EVENTS, "star"])])
def test_a_good_hook_is_left_alone_unless_its_secret_is_new(
    server: Scripted, api: GitHubApi, there: Any
) -> None:
    server.say(Say([there]))
    assert api.ensure_hook(HERE, HOOK, Secret("s")).did == "kept"
    server.say(Say([there]), Say(there))
    assert api.ensure_hook(HERE, HOOK, Secret("t"), renew=True).did == "repaired"
    assert server.asked[-1].body["config"]["secret"] == "t"


@pytest.mark.parametrize("there", [
    hook(active=False), hook(events=["push"]), hook(config={"content_type": "form"}), hook(config={"insecure_ssl": "1"}),
    hook(config={"secret": None}),
])  # fmt: skip
def test_a_hook_that_is_wrong_is_repaired(server: Scripted, api: GitHubApi, there: Any) -> None:
    server.say(Say([there]), Say(there))
    state = api.ensure_hook(HERE, HOOK, Secret("s"))
    assert (state.id, state.did) == ("4", "repaired")
    asked = server.asked[1]
    assert (asked.method, asked.path) == ("PATCH", "/repos/acme/models/hooks/4")
    assert asked.body["active"] is True
    assert asked.body["add_events"] == EVENTS
    assert asked.body["config"]["secret"] == "s"


def test_an_app_has_one_hook_of_its_own(server: Scripted, app: GitHubApi) -> None:
    server.say(Say(hook()["config"]))
    assert app.ensure_hook(HERE, HOOK, Secret("s")).did == "kept"
    server.say(Say({"url": "https://old.test", "content_type": "json", "secret": "***"}), Say({}))
    assert app.ensure_hook(HERE, HOOK, Secret("s")) == HookState("app", "repaired")
    assert server.paths[1:] == ["GET /app/hook/config", "PATCH /app/hook/config"]
    assert server.asked[-1].body == {"url": HOOK, "content_type": "json", "insecure_ssl": "0", "secret": "s"}
    server.say(Say({"content_type": "form"}), Say({}))
    assert app.ensure_hook(HERE, HOOK, Secret("s")) == HookState("app", "created"), "none was ever set"


def test_every_hook_with_our_address_is_deleted_and_no_other(server: Scripted, api: GitHubApi) -> None:
    other = hook(id=3, config={"url": f"{HOOK}/more"})
    server.say(Say([hook(), other, hook(id=5, active=False)]), Say(status=204), Say(status=204))
    assert api.drop_hook(HERE, HOOK) == HookState("4", "deleted")
    assert server.paths[1:] == ["DELETE /repos/acme/models/hooks/4", "DELETE /repos/acme/models/hooks/5"]


@pytest.mark.parametrize(("left", "found"), [([], "absent"), ([hook()], None)])
def test_a_hook_that_may_not_be_deleted_is_not_called_gone(
    server: Scripted, api: GitHubApi, left: Any, found: str | None
) -> None:
    server.say(Say([hook()]), Say({"message": "Not Found"}, 404), Say(left))
    if found is not None:
        assert api.drop_hook(HERE, HOOK).did == found
        return
    with pytest.raises(Stalled, match="DELETE /repos/acme/models/hooks/4"):
        api.drop_hook(HERE, HOOK)


def test_an_apps_hook_stays_for_its_other_repositories(server: Scripted, app: GitHubApi) -> None:
    assert app.drop_hook(HERE, HOOK).did == "shared"
    assert server.asked == []


def test_a_hook_that_was_deleted_at_github_missed_nothing(server: Scripted, api: GitHubApi) -> None:
    server.say(Say({"message": "Not Found"}, 404), Say([hook(id=3)]))
    with pytest.raises(Gone, match="no hook 4 any more"):
        api.missed_deliveries(HERE, "4", "2030-01-01T00:00:00.000000+00:00")
    server.say(Say({"message": "Not Found"}, 404), Say({"message": "Not Found"}, 404))
    with pytest.raises(Stalled, match="does not show it to us"):
        api.missed_deliveries(HERE, "4", "2030-01-01T00:00:00.000000+00:00")


def test_a_server_that_keeps_no_list_of_moves_has_none(server: Scripted, api: GitHubApi) -> None:
    since = "2030-01-01T00:00:00.000000+00:00"
    server.say(Say({"message": "Not Found"}, 404), Say({"id": 1, "full_name": HERE}))
    assert api.moves_since(HERE, since) == ()
    server.say(Say({"message": "Not Found"}, 404), Say({"message": "Not Found"}, 404))
    with pytest.raises(Stalled, match="does not show it to us"):
        api.moves_since(HERE, since)


def delivery(id: int, guid: str, code: int, ago: float = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "guid": guid,
        "status_code": code,
        "event": "push",
        "delivered_at": moment(NOW - ago),
    } | more


def test_a_delivery_is_missed_when_no_try_got_through(server: Scripted, api: GitHubApi) -> None:
    following = {
        "Link": f'<{server.address}/repos/acme/models/hooks/4/deliveries?per_page=100&cursor=v1>; rel="next"'
    }
    server.say(
        Say([delivery(5, "b", 202), delivery(4, "a", 502), delivery(3, "b", 500, 10)], headers=following),
        Say([delivery(2, "c", 0, 20), delivery(1, "d", 500, 4000)], headers=following),
    )
    missed = api.missed_deliveries(HERE, "4", "2030-03-17T17:00:00.000000+00:00")
    assert [(one.id, one.delivery) for one in missed] == [("2", "c"), ("4", "a")]
    assert len(server.asked) == 2, "what is older is not asked for"
    server.say(Say(status=202))
    api.redeliver(HERE, "4", missed[0])
    assert server.paths[-1] == "POST /repos/acme/models/hooks/4/deliveries/2/attempts"


def test_an_apps_deliveries_are_those_of_the_repository(server: Scripted, app: GitHubApi) -> None:
    server.say(
        installed(), minted(), Say(REPOSITORY),
        Say([delivery(1, "a", 500, repository_id=7), delivery(2, "b", 500, repository_id=8), delivery(3, "c", 500, repository_id=None)]),
    )  # fmt: skip
    missed = app.missed_deliveries(HERE, "app", "2030-01-01T00:00:00.000000+00:00")
    assert [one.delivery for one in missed] == ["a"]
    server.say(Say(status=202))
    app.redeliver(HERE, "app", MissedDelivery("1", "a", "push", ""))
    assert server.paths[-1] == "POST /app/hook/deliveries/1/attempts"


def test_repositories_of_an_app_share_the_list_of_its_deliveries(server: Scripted, app: GitHubApi) -> None:
    since = "2030-01-01T00:00:00.000000+00:00"
    server.say(
        installed(), minted(), Say(REPOSITORY), Say([delivery(1, "a", 500, repository_id=7)]), Say(REPOSITORY),
    )  # fmt: skip
    assert len(app.missed_deliveries(HERE, "app", since)) == 1
    assert len(app.missed_deliveries(HERE, "app", "2030-02-01T00:00:00.000000+00:00")) == 1
    assert sum("/app/hook/deliveries" in path for path in server.paths) == 1
    server.say(Say(REPOSITORY), Say([]))
    assert app.missed_deliveries(HERE, "app", "2029-01-01T00:00:00.000000+00:00") == (), "further back"
    server.say(Say(status=202), Say(REPOSITORY), Say([delivery(2, "b", 500, repository_id=7)]))
    app.redeliver(HERE, "app", MissedDelivery("1", "a", "push", ""))
    assert [one.id for one in app.missed_deliveries(HERE, "app", since)] == ["2"]


def test_of_very_many_deliveries_the_newest_are_looked_at(server: Scripted, api: GitHubApi) -> None:
    link = f'<{server.address}/repos/acme/models/hooks/4/deliveries?cursor=v1>; rel="next"'
    page = Say([delivery(1, "a", 500)] * 100, headers={"Link": link})
    server.say(*[page] * 100)
    assert len(api.missed_deliveries(HERE, "4", "2030-01-01T00:00:00.000000+00:00")) == 1
    assert len(server.asked) == 100


def test_what_is_missing_is_said_in_words(server: Scripted, api: GitHubApi, app: GitHubApi) -> None:
    unknown = (Say({"message": "No commit found for SHA"}, 422), Say({"message": "No ref found"}, 422))
    server.say(Say(REPOSITORY | {"permissions": {"push": True}}), Say([]), Say([]), *unknown, Say([]))
    assert api.check_rights(HERE) == ()
    server.say(Say(REPOSITORY | {"permissions": {"push": False}}), Say([]), Say([]), Say(status=404))
    rights = api.check_rights(HERE)
    assert len(rights) == 2
    assert "collaborator" in rights[0]
    assert "admin:repo_hook" in rights[1]
    server.say(Say(status=404))
    assert "does not see" in api.check_rights(HERE)[0]
    server.say(installed())
    assert app.check_rights(HERE) == ()
    there = installed(checks="read", statuses="none").value | {
        "events": ["push"],
        "suspended_at": moment(NOW),
    }
    server.say(Say(there))
    words = " ".join(app.check_rights(HERE))
    for expected in (
        "checks: read and write",
        "statuses: read and write",
        "suspended",
        "pull_request",
        "merge_group",
    ):
        assert expected in words
    assert "contents" not in words
    server.say(Say(status=404))
    assert "not installed" in app.check_rights(HERE)[0]
