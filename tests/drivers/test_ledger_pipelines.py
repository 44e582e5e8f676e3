"""Pipelines in the ledger, the same on SQLite and on PostgreSQL: approvals, what was left, manifests, where deployments are."""

from typing import Any

import pytest
from sqlalchemy import update

from ledger import approvals, deployments, manifests, pipelines, tables
from ledger.database import Ledger
from ledger.deployments import NewVersion
from schemas.states import DeploymentState
from tests.builders.ledger_rows import NOW, Repository, Rows


def waits(ledger: Ledger, pipeline: str, nodes: dict[str, dict[str, Any]]) -> None:
    graph = {"nodes": [{"name": name, **values} for name, values in nodes.items()], "edges": []}
    with ledger.write() as connection:
        connection.execute(
            update(tables.pipelines).where(tables.pipelines.c.id == pipeline).values(graph=graph)
        )


def begun(rows: Rows, state: str = "running") -> tuple[Repository, str, str, str]:
    """A repository, a commit, a run and its pipeline."""
    of = rows.repository("shop")
    sha = rows.commit(of)
    run = rows.run(of, sha, state)
    return of, sha, run, rows.pipeline(of, run, {"a": "complete", "b": "created"})


def test_what_waits_is_open_created_and_not_approved(ledger: Ledger) -> None:
    rows = Rows(ledger)
    of, sha, _, pipeline = begun(rows)
    waits(
        ledger,
        pipeline,
        {
            "a": {"state": "complete", "waits": True},
            "b": {"state": "created", "waits": True},
            "c": {"state": "created"},
            "d": {"state": "created", "waits": True},
        },
    )
    with ledger.write() as connection:
        assert approvals.approve(connection, pipeline, "d", "ada", NOW)
        assert approvals.approve(connection, pipeline, "d", "eve", NOW) is None
        assert approvals.of_pipeline(connection, pipeline) == {"d": "ada"}
        [found] = approvals.waiting(connection)
    assert (found.node, found.number, found.repository, found.sha) == ("b", 1, of.name, sha)


@pytest.mark.parametrize("ending", ["run", "pipeline"])
def test_nothing_waits_in_what_has_ended(ledger: Ledger, ending: str) -> None:
    rows = Rows(ledger)
    _, _, run, pipeline = begun(rows)
    waits(ledger, pipeline, {"b": {"state": "created", "waits": True}})
    table, identity = (tables.runs, run) if ending == "run" else (tables.pipelines, pipeline)
    with ledger.write() as connection:
        connection.execute(update(table).where(table.c.id == identity).values(finished_at=NOW))
        assert approvals.waiting(connection) == []


def test_a_pipeline_is_left_when_its_run_has_ended_or_begun_anew(ledger: Ledger) -> None:
    rows = Rows(ledger)
    of, _, run, pipeline = begun(rows)
    with ledger.write() as connection:
        assert pipelines.left(connection) == []
        connection.execute(update(tables.runs).where(tables.runs.c.id == run).values(round=2))
        assert [row.id for row in pipelines.left(connection)] == [pipeline]
        connection.execute(
            update(tables.runs).where(tables.runs.c.id == run).values(round=1, finished_at=NOW)
        )
        [row] = pipelines.left(connection)
        assert row == pipelines.by_id(connection, pipeline)
        assert (row.project_id, row.name, row.number) == (of.project, "train-and-evaluate", 1)
        connection.execute(
            update(tables.pipelines).where(tables.pipelines.c.id == pipeline).values(finished_at=NOW)
        )
        assert pipelines.left(connection) == []


def test_a_manifest_is_the_last_attempts_and_of_a_reused_one_the_maker_s(ledger: Ledger) -> None:
    rows = Rows(ledger)
    of = rows.repository("shop")
    sha = rows.commit(of)
    made = rows.execution(of, sha, attempt=None)
    assert made.attempt is None
    for number, uri in ((1, "s3://b/1"), (2, "s3://b/2")):
        said = {"inputs": [{"input": "raw", "name": "x", "uri": uri, "size": 1, "sha256": None}]}
        rows.attempt(made, "complete" if number == 2 else "lost", number, manifest=said)
    rows.attempt(made, "waiting", 3)
    reused = rows.execution(of, sha, attempt=None, reused_id=made.id)
    bare = rows.execution(of, sha, attempt=None)
    with ledger.read() as connection:
        for execution in (made, reused):
            assert [each["uri"] for each in manifests.inputs_of(connection, execution.id)] == ["s3://b/2"]
        assert manifests.inputs_of(connection, bare.id) == []
        befores = [manifests.before(connection, made.id, number) for number in (1, 2, 3, 4)]
        assert [each and each["inputs"][0]["uri"] for each in befores] == [
            None,
            "s3://b/1",
            "s3://b/2",
            "s3://b/2",
        ]


def test_a_deployment_is_where_its_newest_version_was_made(ledger: Ledger) -> None:
    rows = Rows(ledger)
    of, sha, _, pipeline = begun(rows)
    with ledger.write() as connection:
        assert deployments.cluster_of(connection, of.project, "shop-api") is None
        for place, cluster in enumerate(("near", "far")):
            new = NewVersion(of.project, "shop-api", pipeline, f"d{place}", sha, cluster, {})
            deployments.create(connection, new, NOW.replace(minute=place))
        assert deployments.cluster_of(connection, of.project, "shop-api") == "far"
        assert deployments.cluster_of(connection, of.project, "other") is None


def test_a_version_that_failed_moves_until_it_has_left(ledger: Ledger) -> None:
    rows = Rows(ledger)
    of, sha, _, pipeline = begun(rows)
    with ledger.write() as connection:
        new = NewVersion(of.project, "shop-api", pipeline, "d", sha, "near", {})
        row = deployments.create(connection, new, NOW)
        assert not deployments.any_moving(connection)
        deployments.update_version(connection, row, DeploymentState.FAILED, "it did not", {}, NOW)
        [leaving] = deployments.leaving(connection)
        assert (leaving.id, deployments.live(connection)) == (row.id, [])
        assert deployments.any_moving(connection)
        deployments.has_left(connection, leaving, NOW)
        assert not deployments.leaving(connection)
        assert not deployments.any_moving(connection)
