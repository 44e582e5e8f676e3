"""The client of GitHub's API against a scripted server: limits, redirects, pages, caches, and all that goes wrong."""

import logging
from collections.abc import Iterator

import pytest

from forges.github.api import GitHubApi, api_address, speak
from forges.github.client import OVERHEAD, Kept
from forges.github.faults import fault, message
from forges.github.pace import Pace
from forges.github.wire import LARGEST, Answer
from forges.port import Budget, ForgeApi
from schemas.errors import Gone, LuotsiError, Refused, Stalled, Waiting
from tests.builders.scripted_github import Say, Scripted, bomb, scripted

TOKEN = "ghp_very-secret"
HERE = "acme/models"
REPOSITORY = {"id": 7, "full_name": HERE, "clone_url": "https://example.test/acme/models.git"}
NOW = 1_900_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted() as script:
        yield script


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(server: Scripted, clock: Clock) -> GitHubApi:
    return speak({"api": server.address, "token": TOKEN, "timeout": 1}, clock)


def limits(remaining: int, reset: float, **more: str) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": "5000",
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(int(reset)),
    } | {name.replace("_", "-"): value for name, value in more.items()}


def test_asks_as_github_documents(server: Scripted, api: ForgeApi) -> None:
    server.say(Say(REPOSITORY))
    seen = api.repository(HERE)
    assert (seen.id, seen.name, seen.address) == ("7", HERE, REPOSITORY["clone_url"])
    [asked] = server.asked
    assert (asked.method, asked.path) == ("GET", "/repos/acme/models")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["x-github-api-version"] == "2022-11-28"
    assert asked.headers["accept"] == "application/vnd.github+json"
    assert asked.headers["user-agent"]


def test_an_answer_that_did_not_change_is_not_sent_again(server: Scripted, api: ForgeApi) -> None:
    server.say(Say(REPOSITORY, headers={"ETag": '"one"'}), Say(status=304, headers={"ETag": '"one"'}))
    assert api.repository(HERE) == api.repository(HERE)
    assert [asked.headers.get("if-none-match") for asked in server.asked] == [None, '"one"']
    server.say(Say({**REPOSITORY, "archived": True}, headers={"ETag": '"two"'}), Say(status=304))
    assert api.repository(HERE).archived
    assert api.repository(HERE).archived


def test_what_is_kept_is_bounded() -> None:
    kept = Kept(most=3 * OVERHEAD)
    for name in "abc":
        kept.keep(("r", name), Answer(200, {"etag": name}, b"12345"))
    assert [kept.find(("r", name)) is not None for name in "abc"] == [False, True, True]
    kept.keep(("r", "b"), Answer(200, {}, b"1"))
    assert kept.find(("r", "b")) is None
    kept.keep(("r", "d"), Answer(200, {"etag": "d"}, b"x" * (OVERHEAD // 2)))
    assert kept.find(("r", "c")) is not None, "what went makes room"


def test_all_pages_are_read(server: Scripted, api: ForgeApi) -> None:
    following = f'<{server.address}/repositories/7/pulls/3/files?page=2>; rel="next", <{server.address}/x>; rel="last"'
    server.say(
        Say([{"filename": "a"}], headers={"Link": following}),
        Say(
            [{"filename": "b", "previous_filename": "c"}],
            headers={"Link": f'<{server.address}/x>; rel="first"'},
        ),
    )
    assert api.files(HERE, 3) == frozenset("abc")
    assert server.paths == [
        "GET /repos/acme/models/pulls/3/files?per_page=100",
        "GET /repositories/7/pulls/3/files?page=2",
    ]


@pytest.mark.parametrize(
    "there",
    ["http://127.0.0.1:1", "https://127.0.0.1", "http://user@127.0.0.1", "http://api.github.com.evil.test"],
)
def test_threat_07_the_token_goes_to_one_site_only(server: Scripted, api: ForgeApi, there: str) -> None:
    server.say(Say([], headers={"Link": f'<{there}/pulls>; rel="next"'}))
    with pytest.raises(Stalled, match="another site"):
        api.pulls(HERE)
    server.say(Say(status=302, headers={"Location": f"{there}/repos/acme/models"}))
    with pytest.raises(Stalled, match="another site"):
        api.repository(HERE)
    assert len(server.asked) == 2


def test_a_renamed_repository_is_followed_and_its_new_name_told(server: Scripted, api: ForgeApi) -> None:
    assert api.new_name(HERE) is None
    server.say(
        Say(status=301, headers={"Location": f"{server.address}/repositories/7/pulls?x=1"}), Say([]), Say([])
    )
    assert api.pulls(HERE) == api.pulls(HERE) == ()
    server.say(Say({**REPOSITORY, "full_name": "acme/better"}))
    assert api.new_name(HERE) == "acme/better"
    assert [path.partition("?")[0] for path in server.paths] == [
        "GET /repos/acme/models/pulls",
        "GET /repositories/7/pulls",
        "GET /repositories/7/pulls",
        "GET /repositories/7",
    ]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_what_is_said_goes_along_a_redirect(server: Scripted, api: ForgeApi, status: int) -> None:
    server.say(
        Say(status=status, headers={"Location": "/repositories/7/issues/3/comments"}), Say({"id": 5}, 201)
    )
    assert api.comment(HERE, 3, "hello") == "5"
    assert [(asked.method, asked.body) for asked in server.asked] == [("POST", {"body": "hello"})] * 2


def test_a_way_that_is_for_now_somewhere_is_not_learnt(server: Scripted, api: ForgeApi) -> None:
    server.say(
        Say(status=302, headers={"Location": "/repositories/6/pulls"}),
        Say(status=301, headers={"Location": "/repositories/7/pulls"}),
        Say([]),
    )
    assert api.pulls(HERE) == ()
    assert api.new_name(HERE) is None
    assert len(server.asked) == 3


def test_of_two_limits_that_are_told_at_once_the_longer_one_holds() -> None:
    pace = Pace()
    for after in ("300", "5"):
        with pytest.raises(Waiting) as told:
            pace.heard(429, {"retry-after": after}, b"", NOW)
        assert told.value.after == 300
    with pytest.raises(Waiting):
        pace.check(NOW + 100)
    pace.check(NOW + 301)


def test_a_circle_of_redirects_ends(server: Scripted, api: ForgeApi) -> None:
    server.say(*[Say(status=302, headers={"Location": "/repos/acme/models"})] * 9)
    with pytest.raises(Stalled, match="circle"):
        api.repository(HERE)
    assert len(server.asked) == 4


def test_the_primary_limit_is_waited_for_without_asking(
    server: Scripted, api: ForgeApi, clock: Clock
) -> None:
    assert api.budget(HERE) is None
    server.say(Say(REPOSITORY, headers=limits(1, NOW + 600, Date="Sun, 17 Mar 2030 17:46:40 GMT")))
    api.repository(HERE)
    assert api.budget(HERE) == Budget(5000, 1, NOW + 600)
    server.say(Say({"message": "API rate limit exceeded"}, 403, limits(0, NOW + 600)))
    for _ in range(2):
        with pytest.raises(Waiting, match="rate limit") as caught:
            api.repository(HERE)
        assert caught.value.after == pytest.approx(600, abs=1)
    assert len(server.asked) == 2
    clock.now += 601
    server.say(Say(REPOSITORY, headers=limits(4999, NOW + 4200)))
    api.repository(HERE)


def test_the_last_call_is_known_to_be_the_last(server: Scripted, api: ForgeApi) -> None:
    server.say(Say(REPOSITORY, headers=limits(0, NOW + 60)))
    api.repository(HERE)
    with pytest.raises(Waiting):
        api.repository(HERE)
    assert len(server.asked) == 1


def test_the_end_of_a_limit_is_by_githubs_clock(server: Scripted, api: ForgeApi) -> None:
    """Ours is five minutes behind: the limit ends in one minute, not in six."""
    server.say(Say({}, 403, limits(0, NOW + 360, Date="Sun, 17 Mar 2030 17:51:40 GMT")))
    with pytest.raises(Waiting) as caught:
        api.repository(HERE)
    assert caught.value.after == pytest.approx(60, abs=1)


def test_secondary_limits_are_waited_for_and_longer_each_time(
    server: Scripted, api: ForgeApi, clock: Clock
) -> None:
    for status, headers, words, after in (
        (403, {"Retry-After": "90"}, "You have exceeded a secondary rate limit", 90),
        (429, {"Retry-After": "30"}, "", 30),
        (403, {}, "You have exceeded a secondary rate limit", 60),
        (429, {}, "", 120),
        (403, {}, "secondary rate limit", 240),
    ):
        server.say(Say({"message": words}, status, headers))
        asked = len(server.asked)
        for _ in range(2):
            with pytest.raises(Waiting) as caught:
                api.repository(HERE)
            assert caught.value.after == after
        assert len(server.asked) == asked + 1
        clock.now += after + 1


@pytest.mark.parametrize(
    ("status", "headers", "said", "kind", "words"),
    [
        (401, {}, "Bad credentials", Stalled, "valid"),
        (403, {}, "Resource not accessible by integration", Stalled, "Resource not accessible"),
        (403, {"x-accepted-github-permissions": "checks=write"}, "", Stalled, "checks=write"),
        (403, {"x-accepted-oauth-scopes": "repo"}, "", Stalled, "scopes: repo"),
        (403, {"x-github-sso": "required; url=https://github.com/orgs/acme/sso?x=1"}, "", Stalled, "single sign-on"),
        (404, {}, "Not Found", Stalled, "installed"),
        (451, {}, "", Stalled, "does not show"),
        (410, {}, "", Gone, "no more"),
        (422, {}, "No commit found for SHA: 1234", Gone, "no more"),
        (422, {}, "Validation Failed", Refused, "Validation Failed"),
        (400, {}, "Problems parsing JSON", Refused, "Problems parsing JSON"),
        (409, {}, "", Refused, "409"),
        (500, {}, "", Waiting, "trouble"),
        (502, {}, "", Waiting, "trouble"),
        (503, {}, "", Waiting, "trouble"),
        (408, {}, "", Waiting, "trouble"),
    ],
)  # fmt: skip
def test_what_an_answer_means(
    status: int, headers: dict[str, str], said: str, kind: type[LuotsiError], words: str
) -> None:
    error = fault("GET /repos/acme/models", status, headers, said)
    assert isinstance(error, kind)
    assert words in str(error)


@pytest.mark.parametrize(("body", "words"), [
    (b'{"message": "a\\nb\\u0000", "errors": [{"message": "c"}, "d", 7]}', "a b; c; d"),
    (b"<html>", ""), (b"[1]", ""), (b'{"message": 1}', ""), (b"[" * 100_000, ""), (b"\xff", ""),
])  # fmt: skip
def test_githubs_words_are_one_bounded_line(body: bytes, words: str) -> None:
    assert message(body) == words
    assert len(message(b'{"message": "' + b"x" * 5000 + b'"}')) == 200


@pytest.mark.parametrize("say", [
    Say(raw=b"<html>a proxy</html>"), Say([]), Say({"id": "7", "full_name": HERE}), Say({"id": 7, "full_name": ".."}),
    Say(status=304), Say(REPOSITORY, cut=True), Say(silent=True), Say(status=500), Say(status=502, raw=b"<html>"),
])  # fmt: skip
def test_a_forge_that_is_not_itself_is_unknown_never_empty(server: Scripted, api: ForgeApi, say: Say) -> None:
    server.say(say)
    with pytest.raises(Waiting):
        api.repository(HERE)


def test_a_bomb_is_not_unpacked_whole(server: Scripted, api: ForgeApi) -> None:
    server.say(bomb(LARGEST * 4))
    with pytest.raises(Waiting, match="larger"):
        api.repository(HERE)


def test_a_server_that_is_not_there_is_waited_for() -> None:
    api = speak({"api": "http://127.0.0.1:1", "token": TOKEN})
    with pytest.raises(Waiting, match="does not answer"):
        api.repository(HERE)


def test_no_word_holds_the_token(server: Scripted, api: GitHubApi, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for status in (400, 401, 403, 404, 410, 422, 500):
        server.say(Say({"message": f"no {TOKEN} and no Bearer {TOKEN}"}, status))
        with pytest.raises(LuotsiError) as caught:
            api.repository(HERE)
        assert TOKEN not in repr(caught.value) + str(caught.value) + repr(caught.value.__cause__)
    assert TOKEN not in caplog.text + repr(api) + repr(api.git_login(HERE))
    for bad in (f"{TOKEN}\n", f"{TOKEN} x\x00"):
        with pytest.raises(Stalled) as stalled:
            speak({"token": f"x{bad}y"})
        assert TOKEN not in str(stalled.value)


@pytest.mark.parametrize(
    "name", ["", "acme", "acme/models/x", "acme/..", "../x", "acme/a?b", "acme/a b", "acme/a#b"]
)
def test_a_name_that_is_none_is_not_asked_for(server: Scripted, api: ForgeApi, name: str) -> None:
    with pytest.raises(Stalled, match="owner/name"):
        api.repository(name)
    assert server.asked == []


@pytest.mark.parametrize(("url", "address"), [
    ("https://github.com", "https://api.github.com"),
    ("https://api.github.com/", "https://api.github.com"),
    ("https://ghe.acme.test", "https://ghe.acme.test/api/v3"),
    ("https://ghe.acme.test:8443/", "https://ghe.acme.test:8443/api/v3"),
    ("https://ghe.acme.test/api/v3", "https://ghe.acme.test/api/v3"),
    ("https://acme.ghe.com", "https://api.acme.ghe.com"),
    ("http://127.0.0.1:81", "http://127.0.0.1:81/api/v3"),
    ("https://github.com.evil.test", "https://github.com.evil.test/api/v3"),
])  # fmt: skip
def test_the_address_of_a_site_is_enough(url: str, address: str) -> None:
    assert api_address(url) == address


@pytest.mark.parametrize("url", [
    "", "github.com", "http://github.com", "http://127.0.0.1.evil.test", "https://user@github.com",
    "https://github.com.", "ftp://github.com", "https://gïthub.com", "https://x:99999", "https://[", "https://a?b",
])  # fmt: skip
def test_threat_07_a_token_is_not_sent_just_anywhere(url: str) -> None:
    with pytest.raises(Stalled):
        api_address(url)


@pytest.mark.parametrize("settings", [
    {}, {"token": TOKEN, "app": "Iv1.x"}, {"app": "Iv1.x"}, {"app": "Iv1.x", "private_key": "nonsense"},
    {"app": "a b", "private_key": "x"}, {"app": "1", "private_key_file": "/nowhere"}, {"token": TOKEN, "timeout": 0},
    {"token": TOKEN, "timeout": "x"}, {"token": TOKEN, "ca": "/nowhere"}, {"token": TOKEN, "url": "http://github.com"},
])  # fmt: skip
def test_settings_that_cannot_work_are_said_at_once(settings: dict[str, object]) -> None:
    with pytest.raises(Stalled):
        speak(settings)
