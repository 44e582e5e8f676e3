"""Pipelines on pages: what stands for a node, its tries, why it waits, and the command that lets it go on."""

import json
from typing import Any

import pytest

from dashboard import nodes
from dashboard.nodes import NodeRow, Parts
from ledger.pages.work import PipelineLine
from schemas.states import Word
from tests.builders.dashboard_house import FilledHouse, House
from tests.builders.ledger_rows import NOW
from tests.builders.page_facts import read
from tests.builders.sample_pipelines import graph

LAB = "/r/lab/penguins"
COMMAND = 'waits for approval: luotsi approve "=3/audit"'


def said(page: str) -> str:
    return " ".join(read(page).text.split())


def rows_of(
    entries: dict[str, dict[str, Any]], edges: list[list[str]], over: bool = False
) -> tuple[NodeRow, ...]:
    line = PipelineLine("p", 1, 1, "x", "started", graph(entries, edges), NOW, NOW if over else None)
    return nodes.rows(line, Parts(), {})


@pytest.mark.parametrize(
    ("entry", "word", "reason", "note"),
    [
        ({}, Word.CREATED, "waits for a and b", ""),
        ({"waits": True, "reason": COMMAND}, Word.CREATED, COMMAND, "waits for approval"),
        ({"state": "skipped", "reason": "a failed"}, Word.NEUTRAL, "skipped: a failed", "skipped"),
        ({"state": "skipped"}, Word.NEUTRAL, "skipped", "skipped"),
        ({"state": "error", "reason": "step x has no command"}, Word.FAILURE, "step x has no command", ""),
        ({"state": "from another time"}, Word.NEUTRAL, "", ""),
    ],
)
def test_a_node_without_an_execution_says_why(
    entry: dict[str, Any], word: Word, reason: str, note: str
) -> None:
    row = rows_of({"a": {}, "b": {}, "c": entry}, [["a", "c"], ["b", "c"]])[2]
    assert (row.word, row.reason, row.note) == (word, reason, note)


def test_a_node_waits_only_for_what_has_not_ended() -> None:
    edges = [[name, "z"] for name in "abcdef"]
    many = rows_of({**{name: {} for name in "abcdef"}, "z": {}}, edges)[-1]
    assert many.reason == "waits for a, b, c, d and 2 more"
    ahead = {"a": {"state": "complete"}, "b": {"state": "skipped"}, "c": {"state": "started"}}
    assert rows_of({**ahead, "z": {}}, edges)[-1].reason == "waits for c"
    assert rows_of({**ahead, "z": {}}, edges, over=True)[-1].reason == ""


def test_a_run_shows_what_stands_for_each_node(filled: FilledHouse) -> None:
    page = filled.get(f"{LAB}/run/{filled.sample.releases.going}")
    words = said(page)
    assert "success train #9 last said: validated on 68 penguins · try 2, after #8" in words
    assert "running tune !1 1 of 3 complete, 1 running" in words
    assert f"created audit {COMMAND}" in words
    assert "created compare waits for tune" in words
    assert "created serve waits for compare and audit" in words
    assert {f"{LAB}/executions/8", f"{LAB}/executions/9", f"{LAB}/tasks/1"} <= set(read(page).links)
    assert "Other executions" not in words
    assert 'id="pipeline-3"' in page


def test_a_failed_pipeline_shows_every_try_and_what_was_skipped(filled: FilledHouse) -> None:
    words = said(filled.get(f"{LAB}/run/{filled.sample.releases.broken}"))
    assert "failure evaluate #6 exit code 1 after 8 s · try 3, after #4, #5" in words
    assert "neutral report skipped: evaluate failed" in words
    assert "failure serve penguin-api 20300314.1 the endpoint predict does not serve" in words
    assert "canary" not in words, "no alias leads to a version that failed"


def test_a_deployment_node_leads_to_its_version_and_its_address(filled: FilledHouse) -> None:
    page = filled.get(f"{LAB}/run/{filled.sample.releases.shipped}")
    version = filled.sample.releases.serving
    assert "success serve penguin-api 20300314.0 as prod, stable" in said(page)
    assert f"{LAB}/deployments#v-{version}" in read(page).links
    assert "http://127.0.0.1:8081/lab/penguins/penguin-api/20300314.0/predict/" in read(page).links
    assert f'id="v-{version}"' in filled.get(f"{LAB}/deployments")
    assert "Other executions State Execution Environment Took success penguin-api #2 build" in said(page)


def test_the_json_of_a_run_has_its_nodes(filled: FilledHouse) -> None:
    body = json.loads(filled.get(f"{LAB}/run/{filled.sample.releases.going}.json"))
    (pipeline,) = body["pipelines"]
    found = {node["name"]: node for node in pipeline["nodes"]}
    assert (found["train"]["execution"], found["train"]["earlier"]) == (9, [{"number": 8, "state": "error"}])
    assert found["audit"]["waits"] is True
    assert found["tune"]["task"] == 1
    assert body["run"]["concurrency_group"] == "release-main"


def test_home_says_who_has_to_let_what_go_on(filled: FilledHouse) -> None:
    page = filled.get("/")
    words = said(page)
    assert f"queued audit of =3 release {COMMAND} lab/penguins" in words
    assert f"{LAB}/run/{filled.sample.releases.going}#pipeline-3" in read(page).links


def test_an_approved_node_says_by_whom_and_is_waited_for_no_more(house: House) -> None:
    from ledger import approvals

    of = house.rows.repository("wine")
    run = house.rows.run(of, house.rows.commit(of), "running")
    entries = {"a": {"waits": True, "reason": 'waits for approval: luotsi approve "=1/a"'}, "b": {}}
    pipeline = house.rows.pipeline(of, run, {}, graph=graph(entries, [["a", "b"]]))
    assert "1 node to approve" in said(house.get("/"))
    with house.rows.ledger.write() as connection:
        approvals.approve(connection, pipeline, "a", "Aino", NOW)
    assert "to approve" not in said(house.get("/"))
    assert "· approved by Aino" in said(house.get(f"/r/wine/run/{run}"))


def test_an_execution_leads_to_its_tries_and_its_pipeline(filled: FilledHouse) -> None:
    releases = filled.sample.releases
    page = filled.get(f"{LAB}/executions/{releases.retried.number}")
    assert "tries #8 #9" in said(page)
    assert {f"{LAB}/run/{releases.going}#pipeline-3", f"{LAB}/executions/8"} <= set(read(page).links)
    body = json.loads(filled.get(f"{LAB}/executions/{releases.retried.number}.json"))
    assert body["tries"] == [{"number": 8, "state": "error"}, {"number": 9, "state": "complete"}]
    assert "tries" not in said(filled.get(f"{LAB}/executions/7"))


@pytest.mark.parametrize(
    ("place", "wanted"),
    [("/r/lab/penguins/pipelines/3", "going"), ("/r/lab/penguins/pipelines/2", "broken")],
)
def test_a_pipeline_has_an_address_by_its_number(filled: FilledHouse, place: str, wanted: str) -> None:
    answer = filled.client.get(place)
    run = getattr(filled.sample.releases, wanted)
    assert (answer.status_code, answer.location) == (302, f"{LAB}/run/{run}#pipeline-{place[-1]}")


@pytest.mark.parametrize("number", ["9", "99999999999999999999"])
def test_a_pipeline_that_is_not_there_is_said_so(filled: FilledHouse, number: str) -> None:
    assert f"There is no pipeline ={number} in lab/penguins." in said(
        filled.get(f"{LAB}/pipelines/{number}", 404)
    )


def test_the_earlier_tries_of_a_task_are_tasks(house: House) -> None:
    rows = house.rows
    of = rows.repository("wine")
    run = rows.run(of, rows.commit(of), "running")
    pipeline = rows.pipeline(
        of, run, {}, graph=graph({"tune": {"type": "task", "state": "started"}, "z": {}}, [])
    )
    for state in ("error", "started"):
        rows.task(of, run, [{"lr": 1}], name="tune", node="tune", pipeline_id=pipeline, state=state)
    page = house.get(f"/r/wine/run/{run}")
    assert "running tune !2 · try 2, after !1" in said(page)
    body = json.loads(house.get(f"/r/wine/run/{run}.json"))
    assert body["pipelines"][0]["nodes"][0]["earlier"] == [{"number": 1, "state": "error"}]
