"""The stand-in refuses what the description does not have, counts calls, pages lists, leads on, and fails when it is told to."""

from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.builders.github_client import Client
from tests.builders.github_house import House, house
from tests.parts.github_description import GitHubDescription
from tests.standins.github.server import ENTERPRISE

NOTE = {"path": "a", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"}
OUTPUT = {"title": "t", "summary": "s"}


@pytest.fixture
def there(github_description: GitHubDescription, tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, github_description.address) as made:
        yield made


@pytest.mark.parametrize("base", ["", ENTERPRISE])
@pytest.mark.parametrize(
    ("method", "rest", "body", "status"),
    [
        ("POST", "/check-runs", {"name": "x"}, 422),
        ("POST", "/check-runs", {"name": "x", "head_sha": "{sha}", "colour": "red"}, 422),
        ("POST", "/check-runs", {"name": "x", "head_sha": "{sha}", "output": {**OUTPUT, "annotations": [NOTE] * 51}}, 422),
        ("POST", "/statuses/{sha}", {"state": "done"}, 422),
        ("POST", "/statuses/{sha}", {"state": "success", "target_url": 7}, 422),
        ("POST", "/deployments", {}, 422),
        ("POST", "/issues/1/comments", {"text": "x"}, 422),
        ("GET", "/pulls?state=merged", None, 422),
        ("GET", "/pulls?author=eve", None, 422),
        ("GET", "/issues/comments?since=now", None, 422),
        ("GET", "/pulls?per_page=many", None, 422),
        ("GET", "/pulls?per_page=200", None, 200),
        ("GET", "/pulls/first", None, 404),
        ("GET", "/pull/1", None, 404),
        ("PUT", "/pulls", {}, 404),
        ("GET", "/readme", None, 501),
        ("POST", "/check-runs", b"{", 400),
        ("POST", "/check-runs", b"7", 400),
        ("POST", "/check-runs", [], 422),
        ("DELETE", "/git/refs/heads/main", {"sha": "x"}, 422),
    ],
)  # fmt: skip
def test_what_is_not_described_is_refused_and_kept(
    base: str, method: str, rest: str, body: Any, status: int, there: House
) -> None:
    client, sha = there.installed(), there.head()
    client.base = there.github.address + base
    if isinstance(body, dict):
        body = {key: value.format(sha=sha) if isinstance(value, str) else value for key, value in body.items()}  # fmt: skip
    reply = client(method, there.place(rest.format(sha=sha)), body)
    assert reply.status == status
    assert there.github.violations
    assert all(said.startswith(f"{method} {base}{there.place()}/") for said in there.github.violations)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"User_Agent": ""}, 403),
        ({"X_GitHub_Api_Version": "2019-01-01"}, 400),
        ({"Accept": "text/html"}, 415),
    ],
)
def test_headers_are_checked_as_well(headers: dict[str, str], status: int, there: House) -> None:
    assert there.installed()("GET", "/meta", **headers).status == status
    assert len(there.github.violations) == 1


def test_right_headers_are_no_violation(there: House) -> None:
    told = {"X_GitHub_Api_Version": "2022-11-28", "Accept": "application/vnd.github+json"}
    assert there.installed()("GET", there.place(), **told).status == 200
    assert there.github.violations == []


@pytest.mark.parametrize(
    "body",
    [
        {"status": "completed"},
        {"completed_at": "2026-01-01T00:00:00Z"},
        {"conclusion": "stale"},
        {"output": {**OUTPUT, "summary": "ä" * 40_000}},
        {"output": {**OUTPUT, "annotations": [{**NOTE, "message": "x" * 65_537}]}},
        {"output": {**OUTPUT, "annotations": [{**NOTE, "title": "x" * 256}]}},
        {"output": {**OUTPUT, "annotations": [{**NOTE, "end_line": 0}]}},
        {"output": {**OUTPUT, "annotations": [{**NOTE, "end_line": 2, "start_column": 1}]}},
        {"head_sha": "1" * 40},
    ],
)
def test_a_check_has_the_limits_of_the_documentation(body: dict[str, Any], there: House) -> None:
    told = {"name": "x", "head_sha": there.head(), **body}
    assert there.installed()("POST", there.place("/check-runs"), told).status == 422


def test_annotations_are_added_fifty_at_a_time(there: House) -> None:
    client, notes = there.installed(), {**OUTPUT, "annotations": [NOTE] * 50}
    made = client("POST", there.place("/check-runs"), {"name": "x", "head_sha": there.head(), "output": notes}).body  # fmt: skip
    place = there.place(f"/check-runs/{made['id']}")
    assert client("PATCH", place, {"output": notes}).body["output"]["annotations_count"] == 100
    pages = [client("GET", f"{place}/annotations?per_page=40&page={page}").body for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [40, 40, 20, 0]


def test_calls_are_counted_and_limited(there: House) -> None:
    client = there.installed()
    first, second = (client("GET", there.place()) for _ in range(2))
    told = [int(one.headers["x-ratelimit-remaining"]) for one in (first, second)]
    assert told == [4999, 4998]
    assert (second.headers["x-ratelimit-used"], second.headers["x-ratelimit-resource"]) == ("2", "core")
    there.github.rates.leave(1, f"installation:{there.installation.id}", reset_in=100)
    assert client("GET", there.place()).status == 200
    refused = client("GET", there.place())
    assert (refused.status, refused.headers["x-ratelimit-remaining"]) == (403, "0")
    assert int(refused.headers["x-ratelimit-reset"]) == pytest.approx(there.github.clock.seconds() + 100, abs=20)  # fmt: skip
    assert there.github.rates.impatient == 1
    assert there.client().bearing(there.bob.token("repo"))("GET", there.place()).status == 200
    there.github.clock.advance(101)
    assert client("GET", there.place()).headers["x-ratelimit-used"] == "1"
    assert there.github.calls["repos/get"] == 6
    assert sum(record.cost for record in there.github.log if record.who.startswith("installation")) == 4


@pytest.mark.parametrize("status", [403, 429])
def test_a_secondary_limit_says_how_long_to_wait(status: int, there: House) -> None:
    client = there.installed()
    there.github.rates.secondary(retry_after=30, status=status)
    reply = client("GET", there.place())
    assert (reply.status, reply.headers["retry-after"]) == (status, "30")
    assert "secondary rate limit" in reply.body["message"]
    there.github.clock.advance(31)
    assert client("GET", there.place()).status == 200


def test_what_is_known_already_costs_nothing(there: House) -> None:
    client = there.installed()
    first = client("GET", there.place())
    again = client("GET", there.place(), If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, None)
    assert again.headers["x-ratelimit-used"] == first.headers["x-ratelimit-used"]
    there.ada.rename(there.repo, "renamed")
    assert client("GET", f"/repositories/{there.repo.id}", If_None_Match=first.headers["etag"]).status == 200
    asked = client("GET", "/rate_limit")
    assert asked.body["rate"]["remaining"] == int(asked.headers["x-ratelimit-remaining"])


def test_without_credentials_there_are_sixty_calls(there: House) -> None:
    assert there.client()("GET", there.place()).headers["x-ratelimit-limit"] == "60"


def test_an_enterprise_server_has_no_limits(github_description: GitHubDescription, tmp_path: Path) -> None:
    with house(tmp_path, github_description.address, enterprise=True) as there:
        there.github.rates.leave(0)
        reply = there.installed()("GET", there.place())
        assert reply.status == 200
        assert reply.body["url"] == f"{there.github.address}{ENTERPRISE}/repos/acme/models"
        assert "x-ratelimit-limit" not in reply.headers
        assert reply.headers["x-github-enterprise-version"]


def _all(client: Client, path: str) -> list[list[Any]]:
    pages = []
    while path:
        reply = client("GET", path)
        pages.append(reply.body)
        path = reply.links.get("next", "")
    return pages


def test_lists_come_in_pages_that_lead_to_each_other(there: House) -> None:
    issue = there.eve.open_issue(there.repo, "Broken")
    for number in range(7):
        there.eve.comment(issue, f"{number}")
    client = there.installed()
    pages = _all(client, there.place("/issues/1/comments?per_page=3"))
    assert [[one["body"] for one in page] for page in pages] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    middle = client("GET", there.place("/issues/1/comments?per_page=3&page=2")).links
    assert set(middle) == {"prev", "next", "last", "first"}
    assert f"/repositories/{there.repo.id}/issues/1/comments?per_page=3&page=3" in middle["last"]
    assert client("GET", there.place("/issues/1/comments?page=9")).body == []


def test_deliveries_come_by_cursor_newest_first_whatever_else_comes(there: House) -> None:
    for number in range(5):
        there.bob.push(there.repo, "main", {"a": f"{number}"})
    there.settled()
    app = there.as_app()
    first = app("GET", "/app/hook/deliveries?per_page=4")
    there.bob.push(there.repo, "main", {"a": "more"})
    there.settled()
    rest = [one["id"] for page in _all(app, first.links["next"]) for one in page]
    known = [one["id"] for one in first.body] + rest
    assert known == sorted(known, reverse=True)
    assert len(set(known)) == len(there.github.deliveries(there.app)) - 2
    assert app("GET", "/app/hook/deliveries?cursor=7").status == 400


@pytest.mark.parametrize("base", ["", ENTERPRISE])
def test_a_repository_that_moved_leads_to_its_id(base: str, there: House) -> None:
    client = there.installed()
    client.base = there.github.address + base
    there.ada.rename(there.repo, "renamed")
    moved = client("GET", "/repos/acme/models/pulls?state=all")
    assert moved.status == 301
    place = f"{there.github.address}{base}/repositories/{there.repo.id}"
    assert moved.headers["location"] == moved.body["url"] == f"{place}/pulls?state=all"
    assert client("GET", moved.headers["location"]).body == []
    posted = client("POST", f"/repos/acme/models/statuses/{there.head()}", {"state": "success"})
    assert posted.status == 307
    assert client("POST", posted.headers["location"], {"state": "success"}).status == 201
    there.github.repository("acme/models")
    assert client("GET", "/repos/ACME/Models/pulls").status == 200


def test_a_transferred_repository_keeps_its_id_and_loses_the_installation(there: House) -> None:
    client = there.installed()
    there.ada.transfer(there.repo, there.ada.account)
    token = there.client().bearing(there.bob.token("repo"))
    assert token("GET", "/repos/acme/models").status == 301
    assert token("GET", "/repos/ada/models").body["id"] == there.repo.id
    assert client("POST", f"/repos/ada/models/statuses/{there.head()}", {"state": "success"}).status == 403
    assert there.as_app()("GET", "/repos/ada/models/installation").status == 404


def test_faults_meet_the_calls_they_are_meant_for(there: House) -> None:
    client, place = there.installed(), there.place(f"/statuses/{there.head()}")
    there.github.faults.error(502, calls=2, operation="repos/create-commit-status")
    assert client("GET", there.place()).status == 200
    assert [client("POST", place, {"state": "success"}).status for _ in range(3)] == [502, 502, 201]
    there.github.faults.down()
    with pytest.raises((OSError, HTTPException)):
        client("POST", place, {"state": "success"})
    assert len(there.repo.statuses) == 1
    assert there.github.calls["repos/create-commit-status"] == 4


def test_an_answer_can_be_lost_after_the_call_took_effect(there: House) -> None:
    client, place = there.installed(), there.place(f"/statuses/{there.head()}")
    there.github.faults.cut(operation="repos/create-commit-status")
    with pytest.raises((OSError, HTTPException)):
        client("POST", place, {"state": "success"})
    assert len(there.repo.statuses) == 1
    there.github.faults.error(500, after=True)
    assert client("POST", place, {"state": "success"}).status == 500
    assert len(there.repo.statuses) == 2


def test_a_slow_answer_comes_in_the_end(there: House) -> None:
    there.github.faults.slow(0.05)
    assert there.installed()("GET", there.place()).status == 200


def test_moves_of_branches_come_newest_first_and_lead_on_by_the_links_words(there: House) -> None:
    main = there.head()
    first = there.bob.push(there.repo, "side", {"a": "1"})
    second = there.bob.push(there.repo, "side", {"a": "2"}, onto=main)
    there.bob.push_ref(there.repo, "refs/heads/side", None)
    ask = there.client()
    answer = ask("GET", there.place("/activity?per_page=2&ref=side"))
    assert [(one["activity_type"], one["before"]) for one in answer.body] == [
        ("branch_deletion", second),
        ("force_push", first),
    ]
    (made,) = ask("GET", answer.links["next"]).body
    assert (made["activity_type"], made["before"], made["after"]) == ("branch_creation", "0" * 40, first)
