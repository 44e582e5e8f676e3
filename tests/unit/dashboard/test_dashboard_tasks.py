"""Tasks on pages: the best first, the metric over the trials, and every way from one page to the next."""

import json
from typing import Any

import pytest

from dashboard import plots
from dashboard.metrics import Gate
from dashboard.sweeps import plot, table
from ledger.pages.tasks import ChildLine, TaskLine
from tests.builders.dashboard_house import FilledHouse, House
from tests.builders.page_facts import read
from tests.builders.row_writer import NOW


def line(**plan: Any) -> TaskLine:
    sets = [{"lr": place / 10} for place in range(6)]
    made = {"names": ["lr"], "sets": sets, "rank": None, "ending": None, **plan}
    return TaskLine(
        "t", "wine", "", "p", 1, "sweep", "r", 1, "a" * 40, "tune", None, None, None, "train", "complete", "", made, NOW, NOW
    )  # fmt: skip


def child(place: int, state: str = "complete", **metadata: Any) -> ChildLine:
    return ChildLine(f"e{place}", place + 20, place, state, "", metadata, NOW, NOW, NOW)


RANK = {"metric": "accuracy", "goal": "max", "value": None}
CHILDREN = (
    child(0, accuracy=0.5, loss=2.0),
    child(1, "error", accuracy=0.99),
    child(2, accuracy="0.9", loss=1.0),
    child(3, accuracy=float("nan")),
    child(4, "started", accuracy=0.95),
    child(5, accuracy=0.7),
)


@pytest.mark.parametrize(
    ("plan", "order", "best"),
    [
        ({"rank": RANK}, [2, 5, 0, 1, 3, 4], 2),
        ({"rank": {**RANK, "goal": "min"}}, [0, 5, 2, 1, 3, 4], 0),
        ({"rank": {"metric": "accuracy", "goal": "near", "value": 0.72}}, [5, 2, 0, 1, 3, 4], 5),
        ({}, [0, 1, 2, 3, 4, 5], None),
    ],
)
def test_the_best_comes_first_and_what_has_no_number_last(
    plan: dict[str, Any], order: list[int], best: int | None
) -> None:
    found = table(line(**plan), CHILDREN, [])
    assert [row.place for row in found.rows] == order
    assert (found.best.place if found.best else None) == best


def test_columns_are_what_varies_and_what_is_asked_for() -> None:
    asked = [Gate("loss", "loss < 1", 1.0), Gate("accuracy", "accuracy > 0", 0.0)]
    found = table(line(rank=RANK), CHILDREN, asked)
    assert (found.parameters, found.metrics) == (("lr",), ("accuracy", "loss"))
    assert found.rows[0].parameters == {"lr": 0.2}
    assert table(line(), (child(0, epoch=3, accuracy=0.5, note="x", loss=1),), []).metrics == (
        "accuracy",
        "loss",
    )


def test_the_plot_has_the_trials_and_the_best_so_far() -> None:
    drawn = plot(table(line(rank=RANK), CHILDREN, []), [Gate("accuracy", "accuracy >= 0.9", 0.9)])
    assert drawn is not None
    assert (drawn.values.x, drawn.values.y) == ([1, 3, 6], [0.5, 0.9, 0.7])
    assert drawn.base is not None
    assert (drawn.base.x, drawn.base.y) == ([1, 3, 3, 6, 6], [0.5, 0.5, 0.9, 0.9, 0.9]), "in steps"
    shown = str(plots.draw(drawn))
    assert shown.count('class="dot"') == 3, "trials are independent: no line leads from one to the next"
    assert 'class="value"' not in shown
    assert drawn.gate == (0.9, "accuracy >= 0.9")
    near = plot(table(line(rank={**RANK, "goal": "near", "value": 0.6}), CHILDREN, []), [])
    assert near is not None
    assert near.gate == (0.6, "target 0.6")
    assert plot(table(line(), CHILDREN, []), []) is None
    assert plot(table(line(rank=RANK), CHILDREN[:1], []), []) is None


def test_a_task_page_answers_first_and_compares_then(filled: FilledHouse) -> None:
    page = filled.get(f"/r/wine/tasks/{filled.sample.task}")
    text = read(page).text
    best = f"#{filled.sample.trial.number}"
    assert f"accuracy 0.97 by {best} with learning_rate 0.01, batch 32" in " ".join(text.split())
    assert page.index('class="plot"') < page.index("<table")
    assert text.index(f"{best} best") < text.index("failure")
    assert "grid: every combination" in text


def test_the_json_of_a_task_has_all_that_the_page_compares_and_no_variables(filled: FilledHouse) -> None:
    answer = filled.client.get(f"/r/wine/tasks/{filled.sample.task}?format=json")
    body = answer.get_json()
    assert [row["metrics"].get("accuracy") for row in body["table"]["rows"]] == [
        0.97,
        0.95,
        0.93,
        0.91,
        0.88,
        None,
    ]
    assert body["table"]["rows"][0]["parameters"] == {"learning_rate": 0.01, "batch": 32}
    assert body["task"]["plan"]["type"] == "grid_search"
    assert "API_TOKEN" not in answer.text


def test_run_task_and_execution_lead_to_each_other(filled: FilledHouse) -> None:
    task = f"/r/wine/tasks/{filled.sample.task}"
    trial = f"/r/wine/executions/{filled.sample.trial.number}"
    run = f"/r/wine/run/{filled.sample.tuning}"
    assert task in read(filled.get(run)).links
    assert trial in read(filled.get(run)).links
    assert {trial, run} <= set(read(filled.get(task)).links)
    assert task in read(filled.get(trial)).links
    assert "trial 4" in read(filled.get(trial)).text
    assert task in read(filled.get("/r/wine/executions")).links


def test_a_task_is_found_by_its_number(filled: FilledHouse) -> None:
    hits = json.loads(filled.get("/search?q=!1&format=json"))["hits"]
    assert [hit["address"] for hit in hits] == ["/r/wine/tasks/1", "/r/lab/penguins/tasks/1"]
    assert filled.client.get("/search?q=!2").status_code == 200


def test_a_node_that_is_a_task_leads_to_it_with_its_own_state(house: House) -> None:
    rows = house.rows
    of = rows.repository("wine")
    sha = rows.commit(of, "Tune", 100)
    run = rows.run(of, sha)
    pipeline = rows.pipeline(of, run, {"prepare": "complete", "tune": "error"})
    task, number = rows.task(
        of, run, [{"lr": 1}, {"lr": 2}], pipeline_id=pipeline, node="tune", state="error"
    )
    for place in range(2):
        rows.execution(of, sha, run_id=run, pipeline_id=pipeline, node="tune", task_id=task, child=place)
    page = house.get(f"/r/wine/run/{run}")
    assert page.count(f'href="/r/wine/tasks/{number}"') >= 2
    assert "pipeline =1, node tune" in " ".join(read(house.get(f"/r/wine/tasks/{number}")).text.split())


def test_a_task_without_executions_says_what_comes(house: House) -> None:
    rows = house.rows
    of = rows.repository("wine")
    run = rows.run(of, rows.commit(of, "Tune", 100), "running")
    _, number = rows.task(of, run, [{"lr": 1}], state="created")
    assert "It has no execution yet" in house.get(f"/r/wine/tasks/{number}")
    assert "It has no execution yet" in house.get(f"/r/wine/run/{run}")


def test_what_others_wrote_stays_text(house: House) -> None:
    rows = house.rows
    of = rows.repository("wine")
    sha = rows.commit(of, "Tune", 100)
    run = rows.run(of, sha)
    hostile = "<script>alert(1)</script>"
    task, number = rows.task(
        of, run, [{hostile: hostile}, {hostile: 2}], name=hostile, reason=hostile,
        plan={"rank": {"metric": hostile, "goal": "max", "value": None}, "stop_condition": hostile, "notes": [hostile]},
    )  # fmt: skip
    for place in range(2):
        made = rows.execution(of, sha, run_id=run, task_id=task, child=place)
        rows.set_metadata(made, {hostile: place})
    for address in (f"/r/wine/tasks/{number}", f"/r/wine/run/{run}"):
        facts = read(house.get(address))
        assert facts.inline_scripts == []
        assert "<script>alert" in facts.text
