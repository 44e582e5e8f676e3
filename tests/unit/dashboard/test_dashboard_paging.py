"""Keyset pages: complete, in order, unmoved by what arrives meanwhile, and found by an index."""

import json
from typing import Any

import pytest
from sqlalchemy import event, text

from ledger import pages
from ledger.pages import data as pages_data
from ledger.pages import deployments as pages_deployments
from ledger.pages import git as pages_git
from ledger.pages import names as pages_names
from ledger.pages import pipelines as pages_pipelines
from ledger.pages import registry as pages_registry
from ledger.pages import work as pages_work
from schemas.errors import Refused
from tests.builders.dashboard_house import House

COUNT = 2 * pages.SIZE + 7


def walk(house: House, place: str, rows: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    before = ""
    for _ in range(10):
        page = json.loads(house.get(f"{place}.json?before={before}" if before else f"{place}.json"))
        found += page[rows]
        if not page["older"]:
            return found
        before = page["older"]
    raise AssertionError("the pages do not end")


def test_commits_seen_at_one_moment_are_each_on_one_page(house: House) -> None:
    of = house.rows.repository()
    made = {house.rows.commit(of, f"commit {n}", seconds=600 if n % 3 else 601) for n in range(COUNT)}
    for place in ("/commits", "/r/wine/commits"):
        found = walk(house, place, "commits")
        assert len(found) == COUNT
        assert {row["commit"]["sha"] for row in found} == made
        seen = [row["commit"]["seen_at"] for row in found]
        assert seen == sorted(seen, reverse=True)
        assert all(row["verdicts"] for row in found)


def test_runs_and_executions_too(house: House) -> None:
    of = house.rows.repository()
    sha = house.rows.commit(of)
    for n in range(COUNT):
        run = house.rows.run(of, sha, trigger=f"t{n}", seconds=500)
        house.rows.execution(of, sha, run_id=run, seconds=400)
    for place in ("/runs", "/r/wine/runs"):
        assert len({row["id"] for row in walk(house, place, "runs")}) == COUNT
    assert len({row["id"] for row in walk(house, "/executions", "executions")}) == COUNT
    numbers = [row["number"] for row in walk(house, "/r/wine/executions", "executions")]
    assert numbers == list(range(COUNT, 0, -1))


def test_promotions_too(house: House) -> None:
    of = house.rows.repository()
    sha = house.rows.commit(of)
    done = house.rows.execution(of, sha)
    version = house.rows.version(done, sha, house.rows.output(done, "m", b"m"))
    for _ in range(COUNT):
        house.rows.promotion(of, version, "superseded")
    assert len({row["id"] for row in walk(house, "/promotions", "history")}) == COUNT


def test_what_arrives_meanwhile_moves_nothing(house: House) -> None:
    of = house.rows.repository()
    sha = house.rows.commit(of)
    for _ in range(COUNT):
        house.rows.execution(of, sha)
    first = json.loads(house.get("/r/wine/executions.json"))
    for _ in range(5):
        house.rows.execution(of, sha)
    second = json.loads(house.get(f"/r/wine/executions.json?before={first['older']}"))
    assert second["executions"][0]["number"] == first["executions"][-1]["number"] - 1


def test_the_page_links_to_the_older_one(house: House) -> None:
    of = house.rows.repository()
    for n in range(pages.SIZE + 1):
        house.rows.commit(of, f"commit {n}")
    page = house.get("/commits")
    assert 'rel="next">Older</a>' in page
    older = page.split('href="?before=')[1].split('"')[0]
    last = house.get(f"/commits?before={older}")
    assert last.count("<tr>") == 2  # the head and the last commit
    assert 'rel="next"' not in last
    assert 'rel="first">Newest</a>' in last


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "e30", "W10", "WzEsMiwzXQ", "WyJ4IiwieCIsIngiLCJ4Il0", "W251bGwsbnVsbF0", "ä", "A" * 5000],
)
def test_a_cursor_that_is_not_ours_is_refused(house: House, cursor: str) -> None:
    with house.parts.ledger.read() as connection, pytest.raises(Refused):
        pages_git.latest_commits(connection, before=cursor)


def test_no_page_counts_skips_or_scans(house: House) -> None:
    of = house.rows.repository()
    sha = house.rows.commit(of)
    for _ in range(pages.SIZE + 1):
        house.rows.execution(of, sha, run_id=house.rows.run(of, sha, trigger=house.rows.next_id()))
    asked: list[tuple[str, Any]] = []
    with house.parts.ledger.read() as connection:
        event.listen(
            connection,
            "before_cursor_execute",
            lambda c, cu, statement, p, ctx, many: asked.append((statement, p)),
        )
        for project in (None, of.project):
            first = pages_work.latest_executions(connection, project)
            pages_work.latest_executions(connection, project, first.older)
        first_runs = pages_work.latest_runs(connection)
        pages_work.latest_runs(connection, None, first_runs.older)
        statements = [each for each in asked if each[0].startswith("SELECT")]
        for statement, parameters in statements:
            assert "OFFSET" not in statement.replace("LIMIT ? OFFSET ?", "")
            assert "count(" not in statement.lower()
            plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters).all()
            steps = [row[3] for row in plan]
            assert not [step for step in steps if step.startswith("SCAN") and "USING INDEX" not in step], (
                steps
            )
            assert "USE TEMP B-TREE FOR ORDER BY" not in steps
    assert len(statements) == 6
    with house.parts.ledger.read() as connection:
        assert connection.execute(text("PRAGMA query_only")).scalar() == 1


def test_names_numbers_and_approvals_are_looked_up_in_indexes(house: House) -> None:
    """What home asks every few seconds, and what search asks, does not read whole tables that grow for ever."""
    house.rows.commit(house.rows.repository())
    asked: list[tuple[str, Any]] = []
    with house.parts.ledger.read() as connection:
        event.listen(
            connection,
            "before_cursor_execute",
            lambda c, cu, statement, p, ctx, many: asked.append((statement, p)),
        )
        pages_pipelines.approvals(connection)
        pages_pipelines.numbered(connection, 3)
        pages_data.datasets_named(connection, "cats")
        pages_data.candidates_named(connection, "cat")
        pages_data.aliases_named(connection, "best")
        pages_deployments.named(connection, "cat-api")
        pages_names.steps_named(connection, "train")
        pages_names.pipelines_named(connection, "train")
        pages_names.tasks_named(connection, "train")
        pages_names.triggers_named(connection, "train")
        pages_names.branches_named(connection, "main")
        pages_names.tags_named(connection, "v1")
        pages_names.wrote(connection, "Aino")
        pages_git.refused_configs(connection)
        pages_registry.current(connection)
        pages_work.latest_executions(connection, "p", step="train")
        pages_git.latest_commits(connection, author="Aino")
        grow = (
            "pipelines",
            "runs",
            "executions",
            "tasks",
            "commits",
            "verdicts",
            "promotions",
            "ref_observations",
            "tag_observations",
            "dataset_versions",
            "model_versions",
            "deployment_versions",
        )
        for statement, parameters in [each for each in asked if each[0].startswith("SELECT")]:
            plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters).all()
            assert not [row[3] for row in plan if row[3].startswith("SCAN") and row[3].split()[1] in grow], (
                plan
            )
