"""What an endpoint's container may use: what its `resources` say, and bounds where they say nothing."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from controller.inference import clusters
from controller.inference.containers import PIDS
from controller.inference.port import Cluster, Serving
from schemas.messages.job import Resources
from tests.builders import endpoints
from tests.drivers.cluster_contract import gone, settle
from tests.drivers.test_cluster_local import QUICK, make_with
from tests.parts.docker_engine import DockerEngine

MB = 1024 * 1024


@pytest.fixture
def shelf() -> endpoints.Shelf:
    return endpoints.Shelf()


@pytest.fixture
def cluster(tmp_path: Path, shelf: endpoints.Shelf, docker_engine: DockerEngine) -> Iterator[Cluster]:
    settings = {"folder": tmp_path / "cluster", "engine": docker_engine.address, **QUICK}
    cluster = clusters.load("local", "local", settings, shelf.stream)
    yield cluster
    for observed in cluster.observe():
        gone(cluster, observed.name)


@pytest.fixture
def wanted(tmp_path: Path, shelf: endpoints.Shelf, docker_engine: DockerEngine) -> Serving:
    return make_with(shelf, tmp_path, docker_engine)()


@pytest.fixture
def client(docker_engine: DockerEngine) -> Iterator[docker.DockerClient]:
    with closing(docker.DockerClient(base_url=docker_engine.address)) as client:
        yield client


def given(client: docker.DockerClient, wanted: Serving) -> dict[str, Any]:
    [container] = client.containers.list(filters={"label": f"luotsi.serving={wanted.name}"})
    config: dict[str, Any] = container.attrs["HostConfig"]
    return config


def test_one_that_says_nothing_is_bounded(
    cluster: Cluster, wanted: Serving, client: docker.DockerClient
) -> None:
    settle(cluster, wanted)
    config, whole = given(client, wanted), client.info()["MemTotal"]
    assert whole // 2 - MB <= config["Memory"] <= whole // 2
    assert (config["MemorySwap"], config["PidsLimit"]) == (config["Memory"], PIDS)


def test_one_has_what_it_asks_for(cluster: Cluster, wanted: Serving, client: docker.DockerClient) -> None:
    settle(cluster, replace(wanted, resources=Resources(1.5, 256, 0.5, 64)))
    config = given(client, wanted)
    assert (config["Memory"], config["MemoryReservation"]) == (256 * MB, 64 * MB)
    assert (config["NanoCpus"], config["CpuShares"]) == (1_500_000_000, 512)
