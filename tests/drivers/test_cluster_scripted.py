"""The fake cluster keeps the promises of the port, as the real ones do."""

import pytest

from controller.inference.port import Cluster, Serving
from tests.builders import endpoints
from tests.drivers.cluster_contract import ClusterContract, Kill, Make
from tests.fakes.scripted_cluster import ScriptedCluster


class TestScriptedCluster(ClusterContract):
    @pytest.fixture
    def fake(self) -> ScriptedCluster:
        return ScriptedCluster()

    @pytest.fixture
    def cluster(self, fake: ScriptedCluster) -> Cluster:
        return fake

    @pytest.fixture
    def make(self, fake: ScriptedCluster) -> Make:
        def make(model: str = "one", version: str = "v1.0.0", *, broken: bool = False) -> Serving:
            digest = f"sha256:{model.encode().hex():0>64}"
            if broken:
                fake.failing[digest] = "it ended before it took requests (exit code 1)"
            return Serving(
                "shop",
                "shop",
                "churn",
                "prod",
                version,
                "bundle",
                "key",
                digest,
                8000,
                endpoints.PREFIX,
                "serve",
            )

        return make

    @pytest.fixture
    def kill(self, fake: ScriptedCluster) -> Kill:
        return fake.kill
