"""Every page of the dashboard over PostgreSQL and over SQLite, with the migrated tables: the same answers."""

from collections.abc import Iterator

import pytest

from dashboard.parts import DashboardParts
from ledger import migrations
from ledger.database import open_ledger
from tests.builders.dashboard_house import TOP, FilledHouse, close, deep
from tests.builders.ledger_rows import NOW, Rows
from tests.builders.sample_ledger import fill
from tests.fakes.memory_store import MemoryStore
from tests.parts.postgres import Postgres


def filled_house(address: str) -> FilledHouse:
    ledger = open_ledger(address)
    migrations.upgrade(ledger)
    system, artifacts = MemoryStore("system"), MemoryStore("artifacts")
    rows = Rows(ledger)
    sample = fill(rows, system, artifacts)
    reading = open_ledger(address, read_only=True)
    parts = DashboardParts(reading, {"system": system, "artifacts": artifacts}, now=lambda: NOW)
    return FilledHouse(rows, parts, system, artifacts, sample=sample)


@pytest.fixture
def two(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres
) -> Iterator[tuple[FilledHouse, FilledHouse]]:
    lite = filled_house(f"sqlite:///{tmp_path_factory.mktemp('pages')}/ledger.sqlite")
    big = filled_house(postgres.fresh())
    yield lite, big
    close(lite)
    close(big)


def test_both_databases_give_the_same_pages(two: tuple[FilledHouse, FilledHouse]) -> None:
    lite, big = two
    places = [
        *TOP.values(),
        *deep(lite.sample).values(),
        *(
            f"/search?q={name}&format=json"
            for name in ("wine", "train", "tune", "wine%23prod%232", "Eero+Niemi")
        ),
        "/r/wine/executions?step=train",
        "/commits?author=Eero+Niemi",
        f"/search?q={lite.sample.sha[:6]}&format=json",
    ]
    for place in places:
        twin = place + ("&" if "?" in place else "?") + "format=json"
        assert big.client.get(twin).get_json() == lite.client.get(twin).get_json(), place
        assert big.get(place) == lite.get(place), place


def test_both_databases_turn_the_same_pages(two: tuple[FilledHouse, FilledHouse]) -> None:
    for house in two:
        for n in range(60):
            house.rows.commit(house.sample.repository, f"commit {n}", 5000)
    for place, before in (("/commits.json", 14), ("/r/wine/commits.json", 9)):
        answers = []
        for house in two:
            first = house.client.get(place).get_json()
            second = house.client.get(f"{place}?before={first['older']}").get_json()
            answers.append([row["commit"]["sha"] for row in first["commits"] + second["commits"]])
        assert answers[0] == answers[1]
        assert len(set(answers[0])) == 60 + before
