"""`GET /metrics`: what Prometheus reads of what waits, what runs, and how deliveries were answered."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from ledger.tables import commits, executions, repositories, runs
from tests.flow.test_hooks import LOOK, deliver
from tests.flow.web_side import REPOSITORY, WebSide
from webhooks import metrics
from webhooks.metrics import Metric

LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="[^"\\\n]*",?)*)\})? ([0-9.e+-]+)')


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebSide]:
    made = WebSide(tmp_path)
    yield made
    made.close()


def read(web: WebSide) -> dict[str, float]:
    """Every sample by its name and labels, and each of them announced before."""
    answer = web.client().get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found, announced = {}, set()
    for line in answer.text.splitlines():
        if line.startswith("# TYPE "):
            announced.add(line.split()[2])
        elif not line.startswith("#"):
            match = LINE.fullmatch(line)
            assert match is not None, line
            assert match[1] in announced
            found[f"{match[1]}{{{match[2]}}}" if match[2] else match[1]] = float(match[3])
    return found


def test_nothing_waits_in_the_beginning(web: WebSide) -> None:
    found = read(web)
    assert found["luotsi_coverage_ratio"] == 1
    assert found['luotsi_waiting{queue="inbox"}'] == found['luotsi_waiting_seconds{queue="inbox"}'] == 0
    assert found["luotsi_redis_up"] == 1
    assert found["luotsi_repositories"] == 1
    assert "luotsi_look_seconds" not in found, "it was never looked at"


def test_what_waits_is_counted_and_so_is_for_how_long(web: WebSide) -> None:
    deliver(web, LOOK, "1")
    web.later(30)
    deliver(web, LOOK, "2")
    web.later(12)
    found = read(web)
    assert found['luotsi_waiting{queue="inbox"}'] == 2
    assert found['luotsi_waiting_seconds{queue="inbox"}'] == 42


def test_answers_are_counted_by_route_and_status(web: WebSide) -> None:
    deliver(web, LOOK)
    deliver(web, LOOK, signed="sha256=")
    deliver(web, LOOK, repository="nobody")
    deliver(web, b"{")
    web.client().post("/forges/nobody")
    assert {name: value for name, value in read(web).items() if "deliveries" in name} == {
        'luotsi_deliveries_total{route="forges",status="401"}': 1,
        'luotsi_deliveries_total{route="hooks",status="202"}': 1,
        'luotsi_deliveries_total{route="hooks",status="400"}': 1,
        'luotsi_deliveries_total{route="hooks",status="401"}': 2,
    }


def test_counts_that_nobody_knows_are_left_out_and_it_is_told(web: WebSide) -> None:
    web.answers = None
    assert deliver(web, LOOK).status_code == 202
    found = read(web)
    assert found["luotsi_redis_up"] == 0
    assert not [name for name in found if "deliveries" in name]


def test_runs_commits_and_repositories(web: WebSide) -> None:
    web.attempt()
    with web.ledger.write() as connection:
        repository = connection.execute(repositories.select()).one().id
        for sha, judged in (("a", web.now), ("b", web.now), ("c", web.now), ("d", None)):
            connection.execute(
                insert(commits).values(
                    repository_id=repository,
                    sha=sha * 40,
                    ref="refs/heads/m",
                    seen_at=web.now,
                    judged_at=judged,
                )
            )
        common = {"repository_id": repository, "project_id": web.project, "sha": "a" * 40, "trust": "trusted"}
        for number, (state, over) in enumerate((("running", None), ("waiting", None), ("success", web.now))):
            connection.execute(
                insert(runs).values(
                    id=str(number), trigger=str(number), event="push", ref="refs/heads/m", state=state, rule={},
                    created_at=web.now, finished_at=over, **common,
                )
            )  # fmt: skip
        connection.execute(update(repositories).values(looked_at=web.now - timedelta(seconds=5), trouble="x"))
        connection.execute(update(executions).values(state="started"))
    found = read(web)
    assert found["luotsi_coverage_ratio"] == 0.75
    assert found['luotsi_waiting{queue="verdicts"}'] == 1
    assert {
        name: value for name, value in found.items() if name.startswith(("luotsi_runs", "luotsi_exec"))
    } == {
        'luotsi_runs{state="running"}': 1,
        'luotsi_runs{state="waiting"}': 1,
        'luotsi_executions{state="started"}': 1,
    }
    assert (found["luotsi_look_seconds"], found["luotsi_repositories_in_trouble"]) == (5, 1)


def test_no_name_that_anybody_chose_is_in_it(web: WebSide) -> None:
    deliver(web, LOOK)
    deliver(web, LOOK, repository="chosen-by-a-stranger")
    assert REPOSITORY not in web.client().get("/metrics").text
    assert "stranger" not in web.client().get("/metrics").text


def test_a_label_cannot_end_its_line() -> None:
    metric = Metric("x", "gauge", "X.", (({"a": 'b"c\\d\ne'}, 12345678901),))
    assert metrics.written([metric]).splitlines()[-1] == 'x{a="b\\"c\\\\d\\ne"} 12345678901'
