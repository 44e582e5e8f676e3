"""What every cluster does, whatever it runs. A driver's test gives the fixtures and inherits the rest."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.inference.port import Applied, Cluster, Observed, Serving, ServingState
from tests.parts.process import PATIENCE

Make = Callable[..., Serving]
Kill = Callable[[str], None]
RESTING = {ServingState.SERVING, ServingState.FAILED}


def settle(cluster: Cluster, wanted: Serving, seconds: float = PATIENCE) -> list[Applied]:
    """Call `apply` as a controller does, until it rests; all answers."""
    answers: list[Applied] = []
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not answers or answers[-1].state not in RESTING:
        assert time.monotonic() < deadline, f"no rest after {seconds} s: {answers[-3:]}"
        answers.append(cluster.apply(wanted))
        pause.wait(0.01)
    return answers


def gone(cluster: Cluster, name: str, seconds: float = PATIENCE) -> None:
    """Call `end` until nothing is left."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not cluster.end(name):
        assert time.monotonic() < deadline, f"{name} does not end"
        pause.wait(0.02)


def only(cluster: Cluster) -> Observed:
    [observed] = cluster.observe()
    return observed


class ClusterContract:
    """Fixtures to give: `cluster`; `make(model=, version=, broken=)` for something to serve; `kill(name)` what serves."""

    @pytest.fixture
    def cluster(self) -> Cluster:
        raise NotImplementedError

    @pytest.fixture
    def make(self) -> Make:
        raise NotImplementedError

    @pytest.fixture
    def kill(self) -> Kill:
        raise NotImplementedError

    def test_nothing_serves_at_first(self, cluster: Cluster) -> None:
        assert cluster.observe() == ()
        assert cluster.end("shop/churn/prod")

    def test_serves_what_is_wanted(self, cluster: Cluster, make: Make) -> None:
        wanted = make(model="one")
        answers = settle(cluster, wanted)
        assert answers[0].state is ServingState.STARTING
        assert answers[0].address == ""
        assert answers[-1].state is ServingState.SERVING
        assert answers[-1].digest == wanted.digest
        assert answers[-1].address.endswith(wanted.prefix)
        observed = only(cluster)
        assert (observed.name, observed.digest, observed.healthy) == (wanted.name, wanted.digest, True)
        assert (observed.model, observed.stage, observed.version) == ("churn", "prod", wanted.version)

    def test_applying_again_changes_nothing(self, cluster: Cluster, make: Make) -> None:
        wanted = make(model="one")
        settle(cluster, wanted)
        before = only(cluster)
        answers = settle(cluster, wanted)
        assert [answer.state for answer in answers] == [ServingState.SERVING], answers
        assert only(cluster) == before

    def test_an_alias_moves_without_a_start(self, cluster: Cluster, make: Make) -> None:
        wanted = make(model="one")
        settle(cluster, wanted)
        named = replace(wanted, aliases=("/shop/churn/live/predict",))
        assert [answer.state for answer in settle(cluster, named)] == [ServingState.SERVING]
        assert only(cluster).aliases == named.aliases
        assert [answer.state for answer in settle(cluster, wanted)] == [ServingState.SERVING]
        assert only(cluster).aliases == ()

    def test_the_old_one_serves_until_the_new_one_does(self, cluster: Cluster, make: Make) -> None:
        old, new = make(model="one"), make(model="two", version="v2.0.0")
        settle(cluster, old)
        digests = [answer.digest for answer in settle(cluster, new)]
        assert digests[0] == old.digest
        assert digests[-1] == new.digest
        assert digests == sorted(digests, key=[old.digest, new.digest].index), (
            "there is one switch, and no gap"
        )
        assert only(cluster).version == "v2.0.0"

    def test_one_that_fails_leaves_the_old_one(self, cluster: Cluster, make: Make) -> None:
        old, bad = make(model="one"), make(model="bad", version="v2.0.0", broken=True)
        settle(cluster, old)
        last = settle(cluster, bad)[-1]
        assert last.state is ServingState.FAILED
        assert last.reason
        assert last.digest == old.digest
        observed = only(cluster)
        assert (observed.digest, observed.healthy) == (old.digest, True)

    def test_rolls_back(self, cluster: Cluster, make: Make) -> None:
        old, new = make(model="one"), make(model="two", version="v2.0.0")
        for wanted in (old, new, old):
            assert settle(cluster, wanted)[-1].digest == wanted.digest
        assert only(cluster).digest == old.digest

    def test_what_died_is_seen_and_started_again(self, cluster: Cluster, make: Make, kill: Kill) -> None:
        wanted = make(model="one")
        settle(cluster, wanted)
        kill(wanted.name)
        assert not only(cluster).healthy
        assert settle(cluster, wanted)[-1].state is ServingState.SERVING
        assert only(cluster).healthy

    def test_ends(self, cluster: Cluster, make: Make) -> None:
        wanted = make(model="one")
        settle(cluster, wanted)
        gone(cluster, wanted.name)
        assert cluster.observe() == ()
        assert settle(cluster, wanted)[-1].state is ServingState.SERVING
