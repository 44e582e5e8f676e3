"""A repository gets another name: what happened stays with it, and what serves moves without a moment of nothing."""

from dataclasses import replace
from pathlib import Path

from controller import loop
from ledger import registry, repositories
from schemas.states import DeploymentState, PromotionState
from tests.builders.mind import Mind
from tests.builders.served import served
from tests.unit.controller.test_deploying import Deployer

CONFIG = served("wine", "model.json")


def rename(mind: Mind, name: str) -> None:
    """The settings change, and the controller takes them up; no turn is taken yet."""
    [watched] = mind.ports.settings.repositories
    settings = replace(mind.ports.settings, repositories=(replace(watched, name=name),))
    mind.ports = replace(mind.ports, settings=settings)
    loop.prepare(mind.ports)


def test_what_serves_moves_when_the_new_name_answers(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    mind.push(CONFIG)
    mind.finish(mind.waiting()[0], outputs={"model.json": b"{}"})
    mind.person.tag("wine@v1.0.0")
    mind.person.tag("wine#prod#1")
    mind.turns()
    mind.finish(mind.waiting()[0])
    assert list(mind.cluster.served) == ["shop/wine/prod"]
    before, repository = len(mind.runs()), mind.repository_id()
    rename(mind, "market")
    mind.turn()
    assert list(mind.cluster.served) == ["shop/wine/prod"], "the new one is on its way"
    mind.turns()
    assert list(mind.cluster.served) == ["market/wine/prod"]
    with mind.ports.ledger.read() as connection:
        row = repositories.by_name(connection, "market")
        [promotion] = registry.promotions_of(connection, repository)
    assert row is not None
    assert row.id == repository
    assert promotion.state is PromotionState.SERVING
    assert "/market/wine/prod/predict" in (promotion.address or "")
    assert (len(mind.runs()), mind.waiting()) == (before, []), "a new name starts nothing"


def test_a_deployment_moves_too(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    deployer = Deployer(mind)
    version = deployer.deploy("deploy", "live")
    deployer.build()
    [old] = mind.cluster.served
    rename(mind, "market")
    mind.turns()
    [new] = mind.cluster.served
    assert (old.partition("/")[0], new.partition("/")[0]) == ("shop", "market")
    assert deployer.now(version).state is DeploymentState.SERVING
    assert "/market/" in deployer.now(version).endpoints["predict"]["address"]


def test_a_name_that_another_repository_has_taken_is_left_alone(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    deployer = Deployer(mind)
    deployer.deploy("deploy")
    deployer.build()
    [old] = mind.cluster.served
    rename(mind, "market")
    with mind.ports.ledger.write() as connection:
        repositories.ensure(connection, "shop", "/srv/another.git", "main", mind.now)
    mind.turns()
    assert old in mind.cluster.served
