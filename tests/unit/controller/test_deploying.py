"""Deployment versions: built, rolled out, named by aliases, and retired when nothing leads to them."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from controller.serving import deployments as of_pipelines
from ledger import deployments, executions
from ledger.deployments import DeploymentRow, NewVersion
from ledger.executions import ExecutionRow
from schemas import codec
from schemas.errors import ConfigError
from schemas.states import DeploymentState, ExecutionState
from tests.builders.mind import Mind, built_digest

CONFIG = """
- step:
    name: train
    image: python:3.12
    command: python train.py
- endpoint:
    name: predict
    image: python:3.12
    server-command: python serve.py
    port: 8100
    files:
      - { name: model, path: model.pkl }
- endpoint:
    name: explain
    image: python:3.12
    server-command: python serve.py
    port: 8200
    files:
      - { name: model, path: model.pkl }
- pipeline:
    name: all
    nodes:
      - { name: train, type: execution, step: train }
    edges: []
- trigger:
    name: all
    when:
      push: {}
    run: { pipeline: all }
"""


class Deployer:
    """Makes versions of the deployment `shop-api` from the outputs of the pipeline that a push started."""

    def __init__(self, mind: Mind) -> None:
        self.mind = mind
        self.sha = mind.push(CONFIG)
        mind.finish(mind.waiting()[0], outputs={"model.pkl": b"weights"})

    def deploy(self, node: str, *aliases: str, endpoints: tuple[str, ...] = ("predict",)) -> DeploymentRow:
        ports = self.mind.ports
        [train] = self.mind.executions()[:1]
        assert train.pipeline_id is not None
        with ports.ledger.write() as connection:
            [model] = executions.data_of(connection, train.id)
            files = {"files": {"model": codec.to_json(model)}}
            new = NewVersion(
                train.project_id,
                "shop-api",
                train.pipeline_id,
                node,
                self.sha,
                "local",
                dict.fromkeys(endpoints, files),
                aliases,
            )
            row = deployments.create(connection, new, self.mind.now)
        self.mind.turns()
        return row

    def build(self) -> None:
        [build] = self.mind.waiting()
        assert build.kind == "build"
        self.mind.finish(build)

    def build_turn_by_turn(self) -> ExecutionRow:
        """The builds end; no turn is taken. The last one."""
        builds = self.mind.waiting()
        for build in builds:
            self.mind.finish(build, rest=False)
        return builds[-1]

    def until(self, row: DeploymentRow, state: DeploymentState) -> None:
        for _ in range(20):
            if self.now(row).state is state:
                return
            self.mind.turn()
        raise AssertionError(self.now(row).reason)

    def is_moving(self) -> bool:
        """Whether the controller takes turns without being woken."""
        with self.mind.ports.ledger.read() as connection:
            return deployments.any_moving(connection)

    def now(self, row: DeploymentRow) -> DeploymentRow:
        with self.mind.ports.ledger.read() as connection:
            return deployments.by_id(connection, row.id)


@pytest.fixture
def deployer(tmp_path: Path) -> Deployer:
    return Deployer(Mind(tmp_path))


def test_a_version_is_built_rolled_out_and_named(deployer: Deployer) -> None:
    row = deployer.deploy("deploy", "live")
    assert (row.name, deployer.now(row).state) == ("20300102.0", DeploymentState.BUILDING)
    deployer.build()
    assert deployer.now(row).state is DeploymentState.SERVING
    [served] = deployer.mind.cluster.served.values()
    assert served.prefix == "/shop/shop-api/20300102.0/predict"
    assert (served.aliases, served.port) == (("/shop/shop-api/live/predict",), 8100)


def test_an_alias_moves_when_the_new_version_answers_and_the_old_one_is_retired(deployer: Deployer) -> None:
    first = deployer.deploy("one", "live")
    deployer.build()
    second = deployer.deploy("two", "live")
    [served] = deployer.mind.cluster.served.values()
    assert served.version == first.name, "until the new one answers the alias leads to the old one"
    deployer.build()
    assert second.name == "20300102.1"
    assert deployer.now(first).state is DeploymentState.RETIRED
    [served] = deployer.mind.cluster.served.values()
    assert (served.version, served.aliases) == (second.name, ("/shop/shop-api/live/predict",))


def test_a_version_that_an_alias_still_names_goes_on_beside_a_newer_one(deployer: Deployer) -> None:
    first = deployer.deploy("one", "live")
    deployer.build()
    second = deployer.deploy("two", "next")
    deployer.build()
    assert {deployer.now(first).state, deployer.now(second).state} == {DeploymentState.SERVING}
    assert len(deployer.mind.cluster.served) == 2


def test_a_build_that_fails_fails_the_version_and_leaves_the_alias(deployer: Deployer) -> None:
    first = deployer.deploy("one", "live")
    deployer.build()
    second = deployer.deploy("two", "live")
    [build] = deployer.mind.waiting()
    deployer.mind.finish(build, "error", reason="no space left")
    failed = deployer.now(second)
    assert failed.state is DeploymentState.FAILED
    assert f"#{build.number} did not build the endpoint predict: no space left" in failed.reason
    assert deployer.now(first).state is DeploymentState.SERVING
    [served] = deployer.mind.cluster.served.values()
    assert served.aliases == ("/shop/shop-api/live/predict",)


def test_an_endpoint_that_does_not_come_up_fails_the_version(deployer: Deployer) -> None:
    row = deployer.deploy("deploy", "live")
    [build] = deployer.mind.waiting()
    deployer.mind.cluster.failing[built_digest(build.id)] = "port 8100 never opened"
    deployer.build()
    failed = deployer.now(row)
    assert failed.state is DeploymentState.FAILED
    assert failed.reason == "the endpoint predict does not serve: port 8100 never opened"


def names(row: DeploymentRow) -> list[str]:
    return [f"shop/shop-api/{row.name}/{endpoint}" for endpoint in row.endpoints]


def test_of_a_version_that_fails_nothing_goes_on(deployer: Deployer) -> None:
    """One endpoint serves already and another one never does: both leave, at their own pace, and the old version stays."""
    first = deployer.deploy("one", "live")
    deployer.build()
    row = deployer.deploy("two", "live", endpoints=("predict", "explain"))
    cluster = deployer.mind.cluster
    good, bad = names(row)
    last = deployer.build_turn_by_turn()
    cluster.failing[built_digest(last.id)] = "port 8100 never opened"
    cluster.grace = 2
    deployer.until(row, DeploymentState.DEPLOYING)
    deployer.mind.turn()
    assert cluster.runs(good)
    deployer.until(row, DeploymentState.FAILED)
    assert cluster.runs(good), "it is ended in the turns that follow"
    for _ in range(cluster.grace):
        deployer.mind.turn()
        assert not cluster.runs(good)
        assert deployer.is_moving(), "until nothing is left"
    assert deployer.mind.turn() == 1
    assert not deployer.is_moving()
    assert [each.version for each in cluster.served.values()] == [first.name]
    calls = len(cluster.calls)
    deployer.mind.turns()
    assert names(deployer.now(row)) == [good, bad]
    assert all(call.name == names(first)[0] for call in cluster.calls[calls:])


def test_of_a_version_that_is_given_up_nothing_goes_on(deployer: Deployer) -> None:
    row = deployer.deploy("one", "live")
    deployer.build_turn_by_turn()
    deployer.until(row, DeploymentState.DEPLOYING)
    deployer.mind.cluster.steps = 100
    deployer.mind.turn()
    assert deployer.mind.cluster.runs(*names(row))
    with deployer.mind.ports.ledger.write() as connection:
        of_pipelines.stop(connection, deployer.now(row), deployer.mind.now)
    deployer.mind.turns()
    assert not deployer.mind.cluster.runs(*names(row))
    assert deployer.now(row).reason == "its pipeline ended"
    assert not deployer.is_moving()


def test_the_builds_of_a_version_that_failed_are_asked_to_end(deployer: Deployer) -> None:
    row = deployer.deploy("one", endpoints=("predict", "explain"))
    bad, other = deployer.mind.waiting()
    deployer.mind.claim(other)
    deployer.mind.finish(bad, "error", reason="no space left")
    assert deployer.now(row).state is DeploymentState.FAILED
    [asked] = deployer.mind.waiting()
    assert (asked.id, asked.state) == (other.id, ExecutionState.STOPPING)


def test_a_version_that_serves_is_not_ended_by_trouble_of_ours(
    deployer: Deployer, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = deployer.deploy("one", "live")
    deployer.build()
    cluster = deployer.mind.cluster
    for trouble in (TypeError("a bug"), ConfigError("no such thing")):
        with monkeypatch.context() as patch:
            patch.setattr(cluster, "apply", Mock(side_effect=trouble))
            deployer.mind.turns()
        assert deployer.now(row).state is DeploymentState.SERVING
        assert str(trouble) in deployer.now(row).reason
        assert cluster.runs(*names(row))
    deployer.mind.turns()
    assert deployer.now(row).reason == "shop-api 20300102.0 serves predict"


def test_an_unknown_endpoint_or_cluster_is_said(deployer: Deployer) -> None:
    row = deployer.deploy("deploy", endpoints=("forecast",))
    assert "there is no endpoint named forecast" in deployer.now(row).reason
    assert deployer.now(row).state is DeploymentState.FAILED


def test_what_dies_is_started_again(deployer: Deployer) -> None:
    row = deployer.deploy("deploy", "live")
    deployer.build()
    [name] = deployer.mind.cluster.served
    deployer.mind.cluster.kill(name)
    deployer.mind.turns()
    assert name not in deployer.mind.cluster.dead
    assert deployer.now(row).state is DeploymentState.SERVING
    assert all(row.state is ExecutionState.COMPLETE for row in deployer.mind.executions())


def test_versions_of_one_day_count_up_and_another_day_begins_anew(deployer: Deployer) -> None:
    row = deployer.deploy("one")
    with deployer.mind.ports.ledger.write() as connection:
        new = NewVersion(row.project_id, "shop-api", row.pipeline_id, "x", row.sha, "local", {})
        later = deployments.create(connection, new, deployer.mind.now.replace(day=9))
        same = deployments.create(connection, replace(new, node="y"), deployer.mind.now)
    assert (later.name, same.name) == ("20300109.0", "20300102.1")


def test_maintenance_starts_no_build_and_no_rollout(tmp_path: Path) -> None:
    mind = Mind(tmp_path)
    deployer = Deployer(mind)
    going, resting = (
        mind.ports,
        replace(mind.ports, settings=replace(mind.ports.settings, maintenance="we move")),
    )
    mind.ports = resting
    row = deployer.deploy("first")
    mind.turns()
    assert mind.waiting() == []
    assert deployer.now(row).reason == "waiting: maintenance: we move"
    mind.ports = going
    mind.turns()
    [build] = mind.waiting()
    mind.ports = resting
    mind.finish(build)
    assert (deployer.now(row).state, mind.cluster.calls) == (DeploymentState.BUILDING, [])
    mind.ports = going
    mind.turns()
    assert deployer.now(row).state is DeploymentState.SERVING
