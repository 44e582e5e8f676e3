"""Deliveries of the stand-in are held back, mixed, doubled and lost as a test likes, and redelivered as GitHub does."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.github_house import House, house
from tests.parts.github_description import GitHubDescription


@pytest.fixture
def there(github_description: GitHubDescription, tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, github_description.address) as made:
        made.settled().received.clear()
        yield made


def test_deliveries_are_held_back_and_come_in_another_order(there: House) -> None:
    there.github.post.hold()
    shas = [there.bob.push(there.repo, "main", {"a": f"{number}"}) for number in range(4)]
    assert there.settled().received == []
    kept = [one for one in there.github.post.held() if one.delivery.event == "push"]
    assert [one.delivery.body["after"] for one in kept] == shas
    chance = random.Random(4)
    order = chance.sample(kept, len(kept))
    assert there.github.post.release(lambda _: [*order, order[0]]) == 5
    found = [one.body["after"] for one in there.settled().received]
    assert found == [one.delivery.body["after"] for one in [*order, order[0]]]


def test_deliveries_are_lost_with_a_trace_and_redelivered(there: House) -> None:
    there.github.post.lose(event="push")
    there.bob.push(there.repo, "main", {"a": "1"})
    assert ("push", None) not in there.settled().events()
    app = there.as_app()
    (lost,) = app("GET", "/app/hook/deliveries?status=failure").body
    assert (lost["event"], lost["status_code"], lost["redelivery"]) == ("push", 502, False)
    assert app("POST", f"/app/hook/deliveries/{lost['id']}/attempts").status == 202
    (came,) = [one for one in there.settled().received if one.event == "push"]
    assert came.headers["x-github-delivery"] == lost["guid"]
    again = app("GET", "/app/hook/deliveries").body[0]
    assert (again["guid"], again["redelivery"], again["status"]) == (lost["guid"], True, "OK")
    assert again["id"] != lost["id"]


def test_deliveries_vanish_or_come_twice(there: House) -> None:
    there.github.post.lose(event="push", trace=False)
    there.github.post.double(event="push")
    there.bob.push(there.repo, "main", {"a": "1"})
    sha = there.bob.push(there.repo, "main", {"a": "2"})
    came = [one for one in there.settled().received if one.event == "push"]
    assert [one.body["after"] for one in came] == [sha, sha]
    assert len({one.headers["x-github-delivery"] for one in came}) == 1
    assert sum(one.event == "push" for one in there.github.deliveries(there.app)) == 1


def test_a_receiver_that_refuses_or_is_gone_is_seen_in_the_list(there: House) -> None:
    there.hook.status = 503
    there.bob.push(there.repo, "main", {"a": "1"})
    there.settled()
    assert there.github.deliveries(there.app)[-1].status == "Invalid HTTP Response: 503"
    config = {"url": "http://127.0.0.1:1/", "content_type": "json"}
    assert there.as_app()("PATCH", "/app/hook/config", config).status == 200
    there.bob.push(there.repo, "main", {"a": "2"})
    there.settled()
    assert there.github.deliveries(there.app)[-1].status == "failed to connect to host"
