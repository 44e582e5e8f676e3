"""Every page, over the sample and over nothing: it answers, it is light, it is ours alone, and it has a JSON twin."""

import json
import re

import pytest

from dashboard.app import PAGES, STREAMS
from tests.builders.dashboard_house import TOP, FilledHouse, House, deep
from tests.builders.page_facts import read

DEEP = (
    "repository", "repository_commits", "commit", "commit broken", "repository_runs", "run", "repository_executions",
    "execution", "execution running", "execution failed", "execution waiting", "log", "run task", "task",
    "execution task", "repository two", "repository_executions two", "run going", "run broken", "run shipped",
    "run replaced", "execution retried", "execution talking", "execution below", "deployments", "deployments none",
    "data", "data none",
)  # fmt: skip
OUR_LINK = re.compile(r"/(?!/).*|\?.*|#.*|\d+/log\?line=.*|http://127\.0\.0\.1:8081/.*|")
UNKNOWN = "00000000-0000-4000-8000-00000000dead"


def address(filled: FilledHouse, name: str) -> str:
    return {**TOP, **deep(filled.sample)}[name]


def twin(place: str) -> str:
    path, _, query = place.partition("?")
    return ("/home.json" if path == "/" else path + ".json") + (f"?{query}" if query else "")


def test_every_page_is_tried() -> None:
    assert {name.split()[0] for name in (*TOP, *DEEP)} == set(PAGES)


@pytest.mark.parametrize("name", [*TOP, *DEEP])
def test_a_page_is_light_and_holds_nothing_that_could_run(filled: FilledHouse, name: str) -> None:
    page = filled.get(address(filled, name))
    facts = read(page)
    assert len(re.sub(r'<svg class="plot".*?</svg>', "", page).encode()) < 100_000
    assert facts.inline_scripts == []
    assert facts.dangerous_attributes == []
    assert len(facts.ids) == len(set(facts.ids))
    assert facts.tags.count("h1") == 1
    assert not [link for link in facts.links if not OUR_LINK.fullmatch(link)]
    assert "None" not in facts.text
    assert "Undefined" not in page


@pytest.mark.parametrize("name", TOP)
def test_an_empty_page_says_what_will_be_here(bare: House, name: str) -> None:
    page = bare.get(TOP[name])
    assert 'class="empty"' in page
    assert "<tbody>" not in page
    if name != "search":
        assert re.search(r"<pre>(luotsi|git) ", page), "the command that brings it"


@pytest.mark.parametrize("name", [*TOP, *DEEP])
def test_json_is_the_same_by_suffix_query_and_accept(filled: FilledHouse, name: str) -> None:
    place = address(filled, name)
    by_suffix = filled.client.get(twin(place))
    assert by_suffix.content_type == "application/json"
    body = json.loads(by_suffix.text)
    assert body["now"] == "2030-03-14T09:26:53.000000+00:00"
    joined = "&" if "?" in place else "?"
    assert filled.client.get(f"{place}{joined}format=json").get_json() == body
    assert filled.client.get(place, headers={"Accept": "application/json"}).get_json() == body
    for text in ("token_digest", "s3cr3t"):
        assert text not in by_suffix.text


@pytest.mark.parametrize("name", [*TOP, *DEEP])
def test_a_page_has_strict_headers_and_is_not_sent_twice(filled: FilledHouse, name: str) -> None:
    answer = filled.client.get(address(filled, name))
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-cache"
    again = filled.client.get(address(filled, name), headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_no_route_takes_anything_but_get(filled: FilledHouse) -> None:
    rules = [rule for rule in filled.app().url_map.iter_rules() if rule.endpoint.startswith("dashboard.")]
    assert len(rules) == 2 * len(PAGES) + len(STREAMS) + 1
    assert {method for rule in rules for method in rule.methods or ()} == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("name", ["home", "execution"])
def test_other_methods_are_refused_in_a_sentence(filled: FilledHouse, method: str, name: str) -> None:
    answer = filled.client.open(address(filled, name), method=method)
    assert answer.status_code == 405
    assert "only reads" in answer.text
    assert answer.headers["Allow"] == "GET, HEAD"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("/nothing", "No page has this address."),
        ("/r/nobody", "no repository named nobody"),
        ("/r/nobody/commits", "no repository named nobody"),
        ("/r/nobody/runs", "no repository named nobody"),
        ("/r/nobody/executions", "no repository named nobody"),
        ("/r/nobody/executions/1", "no repository named nobody"),
        (f"/r/wine/commit/{'0' * 40}", "has not been seen in wine"),
        ("/r/wine/commit/short", "wine has no commit short. A commit is named by its whole id."),
        ("/r/wine/run/train", "wine has no run train. A run is named by its whole id."),
        ("/r/wine/executions/first", "wine has no execution first. An execution is named by its number."),
        ("/r/lab/penguins/pipelines/x", "lab/penguins has no pipeline x."),
        ("/r/wine/models", "The repository wine has no page models."),
        (f"/r/wine/run/{UNKNOWN}", f"no run {UNKNOWN}"),
        ("/r/wine/executions/999", "no execution #999"),
        ("/r/wine/executions/99999999999999999999", "no execution #"),
        ("/r/wine/executions/2?root=elsewhere", "no project in elsewhere"),
        ("/r/wine/tasks/999", "no task !999"),
        ("/r/wine/tasks/99999999999999999999", "no task !"),
        ("/r/wine/executions/999/log", "no execution #999"),
        ("/r/wine/executions/999/log.txt", "no execution #999"),
        ("/r/wine/executions/999/log/events", "no execution #999"),
        ("/r/wine/executions/999/metrics.csv", "no execution #999"),
        ("/r/wine/executions/2/metric.svg?key=nothing", "no plot of nothing"),
        ("/r/wine/executions/2/log?attempt=9", "no attempt 9"),
        (f"/r/wine/executions/2/outputs/{UNKNOWN}", f"no output {UNKNOWN}"),
        (f"/r/wine/executions/2/outputs/{UNKNOWN}/picture", f"no output {UNKNOWN}"),
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(filled: FilledHouse, place: str, words: str) -> None:
    page = filled.get(place, 404)
    assert words in read(page).text
    assert read(page).tags.count("h1") == 1
    joined = "&" if "?" in place else "?"
    answer = json.loads(filled.get(f"{place}{joined}format=json", 404))
    assert (answer["status"], answer["looked_for"]) == (404, place.partition("?")[0])
    for way in answer["ways"]:
        assert f'href="{way["address"]}"' in page.replace("&amp;", "&")
        assert filled.client.get(way["address"]).status_code in (200, 302)


def test_what_is_missing_names_the_pages_nearby(filled: FilledHouse) -> None:
    def ways(place: str) -> list[str]:
        return [way["address"] for way in json.loads(filled.get(place, 404))["ways"]]

    sha = filled.sample.sha
    assert ways(f"/r/wine/commit/{sha[:7]}.json") == [f"/r/wine/commit/{sha}", "/r/wine/commits"]
    assert ways(f"/r/wine/run/{UNKNOWN}.json") == ["/r/wine/runs"]
    assert ways("/r/wine/run/nonsense.json") == ["/r/wine/runs", "/r/wine"]
    assert ways("/r/lab/penguins/executions/999.json?root=models/eu") == [
        "/r/lab/penguins/executions?root=models/eu"
    ]
    assert ways("/r/nobody.json") == ["/repositories", "/search?q=nobody"]


@pytest.mark.parametrize(
    "place",
    [
        "/commits?before=%00",
        "/runs?before=WzFd",
        "/executions?before=bm8",
        "/r/wine/executions?before=WyJ4Il0",
        "/r/wine/executions/2/log?line=-1",
        "/r/wine/executions/2/log?line=%C2%B2",
        "/r/wine/executions/2/log/events?after=nonsense",
    ],
)
def test_an_address_that_is_not_ours_is_refused(filled: FilledHouse, place: str) -> None:
    filled.get(place, 400)


def test_ids_of_another_repository_lead_nowhere(house: House) -> None:
    """Threats row 8: nothing of one repository can be had through another's address."""
    one, other = house.rows.repository("one"), house.rows.repository("other")
    sha = house.rows.commit(one)
    run = house.rows.run(one, sha)
    mine = house.rows.execution(one, sha, run_id=run)
    theirs = house.rows.execution(other, house.rows.commit(other))
    output = house.rows.output(mine, "model.pkl", b"mine", house.artifacts)
    house.get(f"/r/one/executions/{mine.number}/outputs/{output}")
    house.get(f"/r/other/executions/{theirs.number}/outputs/{output}", 404)
    house.get(f"/r/one/commit/{sha}")
    house.get(f"/r/other/commit/{sha}", 404)
    house.get(f"/r/one/run/{run}")
    house.get(f"/r/other/run/{run}", 404)


def test_addresses_of_other_rooms_are_left_to_them(filled: FilledHouse) -> None:
    answer = filled.client.post("/agent/v1/renew")
    assert answer.status_code == 404
    assert "Luotsi" not in answer.text


def test_a_repository_below_an_owner_has_its_pages(filled: FilledHouse) -> None:
    assert "https://git.example.org/forecast/energy.git" in filled.get("/r/forecast/energy")
    filled.get("/r/forecast/energy/commits")


def test_a_project_in_a_folder_has_numbers_of_its_own(house: House) -> None:
    from ledger import tables
    from tests.builders.ledger_rows import Repository

    top = house.rows.repository("two")
    below = Repository(top.id, top.name, house.rows.next_id())
    house.rows.put(tables.projects, id=below.project, repository_id=top.id, root="models/eu", name="eu")
    sha = house.rows.commit(top)
    house.rows.execution(top, sha, step="train")
    house.rows.execution(below, sha, step="train-eu")
    assert "train-eu #1" not in read(house.get("/r/two/executions/1")).text
    page = house.get("/r/two/executions/1?root=models/eu")
    assert "train-eu #1" in read(page).text
    assert "/r/two/executions/1?root=models/eu" in house.get("/executions")


def test_pages_are_packed_for_browsers_that_ask(filled: FilledHouse) -> None:
    plain = filled.client.get("/r/wine/executions/2")
    packed = filled.client.get("/r/wine/executions/2", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data) / 4
    tag = packed.headers["ETag"]
    again = filled.client.get(
        "/r/wine/executions/2", headers={"Accept-Encoding": "gzip", "If-None-Match": tag}
    )
    assert again.status_code == 304


def test_our_own_files_may_be_kept_until_they_change(filled: FilledHouse) -> None:
    page = filled.get("/")
    for place in re.findall(r'(?:href|src)="(/assets/[^"]+)"', page):
        answer = filled.client.get(place)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert len(answer.data) < 20_000
        answer.close()
