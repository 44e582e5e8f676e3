"""A bug of ours at one item leaves the others alone, and cannot block a turn for ever."""

from dataclasses import replace
from pathlib import Path

from sqlalchemy import update

from controller.git.mirror import Credentials
from controller.ports import Ports
from controller.triggering import concurrency, decide
from controller.watching import judge, observe
from ledger import observations, repositories
from ledger.tables import runs
from tests.builders.mind import Mind

CONFIG = """
- step: { name: train, image: python:3.12, command: python train.py }
- trigger:
    name: train
    when: { push: {} }
    run: { step: train }
    concurrency: { group: "{ref}", replace: none }
"""


def broken(ports: Ports) -> Ports:
    """The same parts, where reaching for a repository's credentials is a bug."""

    def credentials(name: str) -> Credentials | None:
        raise ZeroDivisionError(name)

    return replace(ports, credentials=credentials)


def test_a_look_that_hits_a_bug_is_the_repositorys_trouble(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    assert observe.look(broken(mind.ports), {"shop"}) == 0
    with mind.ports.ledger.read() as connection:
        [row] = repositories.watched(connection)
    assert row.trouble == "internal: shop"
    mind.turn()
    with mind.ports.ledger.read() as connection:
        assert repositories.watched(connection)[0].trouble is None


def test_an_observation_that_hits_a_bug_is_passed_over(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.person.commit({"valohai.yaml": CONFIG})
    mind.person.push()
    observe.look(mind.ports, {"shop"})
    judge.judge(mind.ports)
    assert decide.decide(broken(mind.ports)) == 0
    with mind.ports.ledger.read() as connection:
        assert observations.repositories_with_unhandled(connection) == []
    sha = mind.push(CONFIG, a="1")
    assert [run.sha for run in mind.runs()] == [sha]


def test_a_group_that_cannot_be_arranged_holds_nobody_back(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(CONFIG)
    second = mind.push(CONFIG, a="1")
    assert concurrency.hold(mind.ports).runs == {mind.run().id}
    with mind.ports.ledger.write() as connection:
        connection.execute(update(runs).where(runs.c.sha == second).values(rule={"concurrency": 7}))
    assert concurrency.hold(mind.ports).runs == frozenset()
    mind.turns()
    assert {row.sha for row in mind.waiting()} == {run.sha for run in mind.runs()}
