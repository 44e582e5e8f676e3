"""Deployments, names for data, what asked for runs, what a job says of itself, and projects that count alike."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from ledger import tables
from ledger.pages import SIZE
from ledger.pages import pipelines as pages_pipelines
from tests.builders.dashboard_house import FilledHouse, House
from tests.builders.page_facts import read

LAB = "/r/lab/penguins"
ADDRESS = "http://127.0.0.1:8081/lab/penguins/penguin-api"


def said(page: str) -> str:
    return " ".join(read(page).text.split())


def test_deployments_say_what_serves_where_and_by_which_names(filled: FilledHouse) -> None:
    page = filled.get(f"{LAB}/deployments")
    words = said(page)
    assert "penguin-api success 20300314.0 as prod, stable predict" in words
    links = set(read(page).links)
    assert {f"{ADDRESS}/{name}/predict/" for name in ("20300314.0", "prod", "stable")} <= links
    assert f"{LAB}/executions/2" in links
    assert "Retired and failed versions State Version Made by When failure penguin-api 20300314.1" in words
    body = json.loads(filled.get(f"{LAB}/deployments.json"))
    assert [line["aliases"] for line in body["deployments"]] == [["prod", "stable"]]
    assert body["deployments"][0]["endpoints"][0]["build"] == 2
    assert [line["name"] for line in body["over"]] == ["20300314.1"]


def test_versions_that_are_over_come_in_pages(house: House) -> None:
    rows = house.rows
    of = rows.repository("wine")
    sha = rows.commit(of)
    for n in range(SIZE + 3):
        pipeline = rows.pipeline(of, rows.run(of, sha, trigger=f"t{n}"), {"serve": "complete"})
        rows.deployment(of, pipeline, sha, "retired", f"20300314.{n}", created_at=rows.ago(5000 - n))
    body = json.loads(house.get("/r/wine/deployments.json"))
    second = json.loads(house.get(f"/r/wine/deployments.json?before={body['older']}"))
    found = [line["name"] for line in [*body["over"], *second["over"]]]
    assert found == [f"20300314.{n}" for n in reversed(range(SIZE + 3))]
    page = house.get(f"/r/wine/deployments?before={body['older']}")
    assert '<details id="over" open>' in page
    assert 'class="empty"' not in page


def test_data_says_what_was_named_and_by_whom(filled: FilledHouse) -> None:
    page = filled.get(f"{LAB}/data")
    words = said(page)
    assert "dataset://penguins/2 as checked, newest islands 2 files made by #1 train" in words
    assert "dataset://penguins/v1 1 file made by #1 train" in words
    assert "model://penguin/1 registered as v1.0.0 The first with flipper length. · small" in words
    assert "datum://penguin-best penguin.json 640 bytes" in words
    body = json.loads(filled.get(f"{LAB}/data.json"))
    assert [line["aliases"] for line in body["datasets"]] == [["checked", "newest"], []]
    assert body["candidates"][0]["registered"] == ["v1.0.0"]


@pytest.mark.parametrize("place", ["/r/wine/deployments", "/r/wine/data"])
def test_what_is_not_there_yet_says_how_it_comes(filled: FilledHouse, place: str) -> None:
    page = filled.get(place)
    assert 'class="empty"' in page
    assert "<pre>git push</pre>" in page


def test_the_repository_leads_to_both(filled: FilledHouse) -> None:
    assert {f"{LAB}/deployments", f"{LAB}/data"} <= set(read(filled.get(LAB)).links)


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("=3", ["pipeline"]),
        ("=3/audit", ["pipeline"]),
        ("=1", ["pipeline", "pipeline", "pipeline"]),
        ("=77", []),
        ("penguins", ["repository", "dataset", "dataset"]),
        ("dataset://penguins", ["dataset", "dataset"]),
        ("dataset://penguins/v1", ["dataset"]),
        ("dataset://penguins/newest", ["dataset"]),
        ("dataset://penguins/nothing", []),
        ("model://penguin/1", ["model"]),
        ("model://penguin/v1.0.0", ["version"]),
        ("penguin-best", ["file"]),
        ("datum://penguin-best", ["file"]),
        ("penguin-api", ["deployment"]),
    ],
)
def test_search_finds_what_people_call_things(filled: FilledHouse, query: str, kinds: list[str]) -> None:
    hits = json.loads(filled.get(f"/search?q={quote(query, safe='')}&format=json"))["hits"]
    assert [hit["kind"] for hit in hits] == kinds
    for hit in hits:
        path, _, anchor = hit["address"].partition("#")
        page = filled.get(path)
        assert not anchor or f'id="{anchor}"' in page


def test_search_tells_equal_numbers_of_two_projects_apart(filled: FilledHouse) -> None:
    hits = json.loads(filled.get("/search?q=%231&format=json"))["hits"]
    below = [hit for hit in hits if hit["words"] == "lab/penguins/models/eu"]
    assert [hit["address"] for hit in below] == [f"{LAB}/executions/1?root=models/eu"]
    assert f"{LAB}/executions/1" in [hit["address"] for hit in hits]


def test_lists_name_the_folder_of_a_project(filled: FilledHouse) -> None:
    runs = said(filled.get("/runs"))
    assert "models/eu:train #1 train complete lab/penguins · push to main" in runs
    executions = said(filled.get("/executions"))
    assert "train-eu #1 lab/penguins/models/eu" in executions
    listing = filled.get(f"{LAB}/executions?root=models/eu")
    assert "the top models/eu" in said(listing)
    assert "train-eu #1" in said(listing)
    assert f"{LAB}/executions?root=" in read(listing).links, "back to the one at the top"
    assert "train-eu" not in said(filled.get(f"{LAB}/executions"))
    assert "lab/penguins models/eu executions" in said(filled.get(f"{LAB}/executions/1?root=models/eu"))


@pytest.mark.parametrize(
    "words",
    [
        "check #9 test complete lab/penguins · pull request 7",
        "ask lab/penguins · comment on pull request 7",
        "nightly lab/penguins · schedule of 2030-03-14 02:30 UTC on main",
        "release lab/penguins · tag v1.0",
    ],
)
def test_runs_say_what_asked_for_them(filled: FilledHouse, words: str) -> None:
    assert words in said(filled.get("/runs"))


def test_a_replaced_run_says_by_what_and_in_which_group(filled: FilledHouse) -> None:
    words = said(filled.get(f"{LAB}/run/{filled.sample.releases.replaced}"))
    assert "cancelled release replaced by" in words
    assert "group release-main" in words
    assert "one run at a time in release-main; a new one replaces those that wait" in words


def test_what_a_job_says_of_itself_stands_beside_its_state(filled: FilledHouse) -> None:
    talking = filled.sample.releases.talking.number
    assert "It says: epoch 18 of 40, 3 min left" in said(filled.get(f"{LAB}/executions/{talking}"))
    assert f"running train #{talking} epoch 18 of 40, 3 min left" in said(filled.get("/executions"))
    body = json.loads(filled.get(f"{LAB}/executions/{talking}.json"))
    assert body["execution"]["status_detail"] == "epoch 18 of 40, 3 min left"
    listed = json.loads(filled.get("/executions.json"))["executions"]
    assert {each["status_detail"] for each in listed} >= {"epoch 18 of 40, 3 min left"}
    retried = filled.sample.releases.retried.number
    assert "It last said: validated on 68 penguins" in said(filled.get(f"{LAB}/executions/{retried}"))


@pytest.mark.parametrize(
    "words",
    [
        "Variable groups tracking, warehouse their secrets are not shown",
        "Mounts /data/penguins at /mnt/penguins read only",
        "Resources 2 to 4 CPUs, at most 8192 MB of memory, 1 nvidia.com/gpu",
        "Time limit 2 h 0 min",
        "Without output ended after 10 min 0 s",
        "Stops when loss < 0.01",
        "Outputs in store frankfurt",
        "Image digest sha256:",
        "Notes `icon` of the step is ignored",
    ],
)
def test_an_execution_says_what_it_was_given(filled: FilledHouse, words: str) -> None:
    assert words in said(filled.get(f"{LAB}/executions/{filled.sample.releases.retried.number}"))


def test_a_note_of_the_plan_that_the_attempt_repeats_is_said_once(house: House) -> None:
    rows = house.rows
    of = rows.repository("wine")
    spec: dict[str, Any] = {"notes": ["`icon` is ignored"], "mounts": ["odd"], "resources": "odd"}
    done = rows.execution(of, rows.commit(of), attempt=None, spec=spec)
    rows.attempt(done, events=["`icon` is ignored", "big.bin was left out: it is too large"])
    page = house.get(f"/r/wine/executions/{done.number}")
    assert said(page).count("`icon` is ignored") == 1
    assert "big.bin was left out" in said(page)
    assert json.loads(house.get(f"/r/wine/executions/{done.number}.json"))["notes"] == [
        "`icon` is ignored",
        "big.bin was left out: it is too large",
    ]


def test_names_of_another_repository_are_not_shown(filled: FilledHouse) -> None:
    body = json.loads(filled.get("/r/wine/data.json"))
    assert (body["datasets"], body["candidates"], body["aliases"]) == ([], [], [])
    other = json.loads(filled.get("/r/wine/deployments.json"))
    assert (other["deployments"], other["over"]) == ([], [])


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("complete after 84 s", "success train #1 1 min 24 s"),
        (
            "complete after 84 s: the stop condition loss < 1 held",
            "success train #1 the stop condition loss < 1 held",
        ),
    ],
)
def test_how_long_it_took_is_said_once(house: House, reason: str, words: str) -> None:
    of = house.rows.repository("wine")
    done = house.rows.execution(of, house.rows.commit(of), reason=reason)
    page = said(house.get(f"/r/wine/executions/{done.number}"))
    assert words in page
    assert "complete after" not in page
    assert "complete after" not in said(house.get("/executions"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "evaluate",
            [("step", f"{LAB}/executions?step=evaluate"), ("step", "/r/wine/executions?step=evaluate")],
        ),
        ("sweep", [("task", "/r/wine/tasks/1")]),
        ("tune", [("task", None), ("trigger", None)]),
        ("wine@v0.1.0", [("tag", None)]),
        ("Eero Niemi", [("author", "/commits?author=Eero+Niemi")]),
        ("no-such-name", []),
    ],
)
def test_search_finds_work_and_git_by_their_names(
    filled: FilledHouse, query: str, expected: list[tuple[str, str | None]]
) -> None:
    hits = json.loads(filled.get(f"/search.json?q={quote(query)}"))["hits"]
    assert [hit["kind"] for hit in hits] == [kind for kind, _ in expected]
    for hit, (_, address) in zip(hits, expected, strict=True):
        assert address in (None, hit["address"])
        assert filled.client.get(hit["address"]).status_code in (200, 302)


def test_search_finds_steps_in_their_folders_and_pipelines_at_their_runs(filled: FilledHouse) -> None:
    hits = json.loads(filled.get("/search.json?q=train"))["hits"]
    steps = {hit["address"] for hit in hits if hit["kind"] == "step"}
    assert steps == {"/r/wine/executions?step=train", f"{LAB}/executions?step=train"}
    (below,) = json.loads(filled.get("/search.json?q=train-eu"))["hits"]
    assert below["address"] == f"{LAB}/executions?root=models/eu&step=train-eu"
    with filled.parts.ledger.read() as connection:
        (name,) = {each.pipeline for each in pages_pipelines.numbered(connection, 3)}
    hits = json.loads(filled.get(f"/search.json?q={quote(name)}"))["hits"]
    pipelines = [hit["address"] for hit in hits if hit["kind"] == "pipeline"]
    assert pipelines
    assert all("#pipeline-" in filled.client.get(address).location for address in pipelines)


def test_a_list_of_one_step_or_author_keeps_to_it_on_every_page(house: House) -> None:
    rows = house.rows
    of = rows.repository("wine")
    sha = rows.commit(of, author="Aino & co")
    for _ in range(SIZE + 2):
        rows.execution(of, sha, step="train & test")
        rows.execution(of, sha, step="other")
        rows.commit(of, author="Aino & co")
    for place, key in (
        ("/r/wine/executions?step=train+%26+test", "executions"),
        ("/commits?author=Aino+%26+co", "commits"),
    ):
        page = house.get(place)
        assert "train &amp; test</h1>" in page or "Aino &amp; co</h1>" in page
        (older,) = [link for link in read(page).links if "before=" in link]
        second = house.get(place.partition("?")[0] + older)
        rest = json.loads(house.get(place.partition("?")[0] + ".json" + older))
        assert len(rest[key]) == (2 if key == "executions" else 3)
        assert place.partition("?")[2] in str(read(second).links)
    assert "No step of this name" in said(house.get("/r/wine/executions?step=none"))
    assert "No commit of this author" in said(house.get("/commits?author=none"))


def test_search_finds_a_branch_where_it_is_now(house: House) -> None:
    of = house.rows.repository("wine")
    old, new = house.rows.commit(of), house.rows.commit(of)
    for sequence, sha in enumerate((old, new, None), 1):
        house.rows.put(
            tables.ref_observations, repository_id=of.id, ref="refs/heads/faster", sequence=sequence, sha=sha,
            observed_at=house.rows.ago(9),
        )  # fmt: skip
        hits = json.loads(house.get("/search.json?q=faster"))["hits"]
        found = [(hit["kind"], hit["address"]) for hit in hits]
        assert found == ([("branch", f"/r/wine/commit/{sha}")] if sha else [])
