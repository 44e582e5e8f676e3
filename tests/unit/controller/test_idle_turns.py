"""A turn in which nothing happened asks the ledger as little about many repositories as about few."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller import loop
from controller.ports import Watched
from controller.unchanged import Unchanged
from ledger import registry, repositories
from tests.builders import many_repositories
from tests.builders.mind import Mind
from tests.builders.statements import asked

MOST = 35
"""Questions to the ledger in a turn that has nothing to do, whatever is watched."""
BOTH = """
- step: { name: train, image: python:3.12, command: python train.py }
- trigger: { name: nightly, when: { schedule: { cron: "0 4 * * *" } }, run: { step: train } }
- trigger: { name: train, when: { push: {} }, run: { step: train } }
- model: { name: churn, from: { step: train, output: model.pkl }, endpoint: predict, file: model }
- endpoint: { name: predict, image: python:3.12, server-command: serve, files: [{ name: model, path: model.pkl }] }
"""


def idle(mind: Mind) -> list[str]:
    """What a turn asks when it has nothing to do, not even to look."""
    mind.turns()
    mind.ports = replace(mind.ports, settings=replace(mind.ports.settings, poll_interval=3600.0))
    with asked() as said:
        assert loop.act(mind.ports, set()).changed == 0
    return said


def test_an_idle_turn_costs_the_same_for_many_repositories(tmp_path: Path) -> None:
    found = []
    for count in (2, 12):
        folder = tmp_path / str(count)
        folder.mkdir()
        places = many_repositories.make(folder, count)
        watched = tuple(Watched(f"r{number}", str(place)) for number, place in enumerate(places))
        mind = Mind(folder / "mind", repositories=watched)
        mind.turns()
        many_repositories.change(places, 1)
        mind.turns()
        for row in mind.waiting():
            mind.finish(row)
        mind.turns()
        found.append(idle(mind))
    assert len(found[0]) == len(found[1]), "\n".join(found[1])
    questions = [statement for statement in found[1] if not statement.startswith("BEGIN")]
    assert len(questions) <= MOST, "\n".join(questions)


def test_a_turn_looks_only_at_repositories_that_are_due_or_hinted_at(tmp_path: Path) -> None:
    places = many_repositories.make(tmp_path, 8)
    watched = tuple(Watched(f"r{number}", str(place)) for number, place in enumerate(places))
    mind = Mind(tmp_path / "mind", repositories=watched)
    mind.turns()
    mind.ports = replace(mind.ports, settings=replace(mind.ports.settings, poll_interval=3600.0))
    loop.act(mind.ports, set())
    many_repositories.change(places, 1)
    assert loop.act(mind.ports, {"r3"}).changed > 0
    assert loop.act(mind.ports, set()).changed > 0
    with mind.ports.ledger.read() as connection:
        names = {row.id: row.name for row in repositories.watched(connection)}
    assert {names[run.repository_id] for run in mind.runs()} == {"r3"}


def test_a_schedule_that_is_not_due_and_an_accepted_tag_cost_nothing_more(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    before = len(idle(mind))
    sha = mind.push(BOTH)
    mind.finish(mind.waiting()[0], outputs={"model.pkl": b"weights"})
    mind.person.tag("churn@v1.0.0")
    with_both = idle(mind)
    with mind.ports.ledger.read() as connection:
        assert registry.bound(connection, mind.repository_id())["churn", "v1.0.0"].sha == sha
    mind.ports = replace(mind.ports, unchanged=Unchanged())
    with asked() as said:
        loop.act(mind.ports, set())
    assert len(with_both) == before < len(said)


def test_what_rests_is_looked_at_when_its_basis_or_the_time_has_come() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    known, name = Unchanged(), ("schedules", "p1")
    hour = timedelta(hours=1)
    assert not known.still(name, "a", now)
    known.rest(name, "a", now, now + hour)
    assert known.still(name, "a", now)
    assert known.still(name, "a", now + hour / 2)
    assert not known.still(name, "b", now)
    assert not known.still(name, "a", now + hour)
    assert not known.still(name, "a", now - hour)
    known.rest(name, "b", now)
    assert known.still(name, "b", now + 1000 * hour)
    assert known.still(name, "b", now - hour)
    assert not known.still(("promotions", "p1"), "b", now)
