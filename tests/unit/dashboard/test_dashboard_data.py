"""What an execution's page says of names, and of a result that was taken from an earlier execution."""

import json

from ledger import tables
from tests.builders.dashboard_house import House
from tests.builders.ledger_rows import Execution, Rows
from tests.builders.page_facts import read


def said(page: str) -> str:
    return " ".join(read(page).text.split())


def made(rows: Rows, house: House) -> tuple[Execution, str]:
    """A complete execution with one output that goes by several names."""
    of = rows.repository()
    done = rows.execution(of, rows.commit(of))
    assert done.attempt is not None
    rows.set_metadata(done, rows.training(done.attempt))
    output = rows.output(done, "model.pkl", b"weights", house.artifacts)
    named = {"project_id": of.project, "moved_at": rows.ago(5)}
    rows.put(tables.datum_aliases, name="best<b>", output_id=output, **named)
    version = {"id": rows.next_id(), "project_id": of.project, "dataset": "cats", "name": "v1"}
    files = {"execution_id": done.id, "files": [output], "created_at": rows.ago(5)}
    rows.put(tables.dataset_versions, **version, **files, tags=["checked"])
    rows.put(tables.dataset_aliases, dataset="cats", name="prod", version_id=version["id"], **named)
    candidate = {"id": rows.next_id(), "project_id": of.project, "model": "cat", "number": 3}
    rows.put(tables.model_versions, **candidate, **files, tags=[], note="Faster.")
    return done, output


def reused(rows: Rows, source: Execution) -> Execution:
    reason = f"reused #{source.number}: same archive, image, inputs, parameters"
    commit = rows.commit(source.repository)
    return rows.execution(source.repository, commit, attempt=None, reused_id=source.id, reason=reason)


def test_an_execution_lists_the_names_of_its_files(house: House) -> None:
    done, _ = made(house.rows, house)
    page = house.get(f"/r/wine/executions/{done.number}")
    words = said(page)
    assert "datum://best<b>" in words
    assert "best<b>" not in page
    assert "dataset://cats/v1 1 checked also prod" in words
    assert "model://cat/3 1 Faster." in words
    facts = json.loads(house.get(f"/r/wine/executions/{done.number}.json"))
    assert [name["uri"] for name in facts["names"]] == [
        "datum://best<b>",
        "dataset://cats/v1",
        "model://cat/3",
    ]


def test_a_reused_result_is_shown_with_its_source(house: House) -> None:
    done, output = made(house.rows, house)
    taken = reused(house.rows, done)
    page = house.get(f"/r/wine/executions/{taken.number}")
    words = said(page)
    assert f"reused #{done.number}: same archive, image, inputs, parameters" in words
    assert f"result of #{done.number}" in words
    assert f'href="/r/wine/executions/{done.number}"' in page
    assert f"the log of #{done.number}" in words
    assert "model.pkl" in words
    assert "dataset://cats/v1" in words
    assert "<svg" in page, "the metrics of the one that ran"
    assert house.get(f"/r/wine/executions/{taken.number}/outputs/{output}") == "weights"


def test_the_numbers_of_a_reused_result_are_those_of_its_source(house: House) -> None:
    done, _ = made(house.rows, house)
    taken = reused(house.rows, done)
    first, second = (house.get(f"/r/wine/executions/{each.number}/metrics.csv") for each in (done, taken))
    assert first == second
    assert first.count("\n") > 100
