"""The local cluster between two looks: what a start that ends at a bad moment, or a controller that left, may do to it."""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from controller.inference.clusters.local import LocalCluster, Times
from controller.inference.instances import Instance
from controller.inference.port import Applied, Serving, ServingState
from controller.inference.rollout import Rules
from tests.parts.process import until

WANTED = Serving("r", "p", "m", "s", "v1", "bundle", "ref", "sha256:one", 8000, "/r/m/s/e", replicas=2)


def nothing() -> None:
    """What happens after a look, usually."""


@dataclass
class Runner:
    """Replicas that are facts alone, on one `port` that takes connections. `after_look` happens before a look is told."""

    port: int
    found: dict[str, Instance] = field(default_factory=dict)
    allowed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    after_look: Callable[[], None] = nothing
    begun: int = 0
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def start(self, wanted: Serving) -> None:
        self.begun += 1
        self.allowed.acquire()
        identity = f"i{next(self._numbers)}"
        self.found[identity] = Instance(
            identity, "bundle", wanted.name, wanted.digest, "m", "s", wanted.version, "127.0.0.1", self.port, 0.0, alive=True
        )  # fmt: skip

    def find(self) -> tuple[Instance, ...]:
        found = tuple(self.found.values())
        self.after_look()
        return found

    def end(self, instance: Instance, *, now: bool) -> None:
        if now:
            self.found.pop(instance.id)
        else:
            self.found[instance.id] = replace(instance, alive=False, ending="it is gone")

    def log(self, instance: Instance, lines: int) -> str:
        return ""


@pytest.fixture
def runner() -> Iterator[Runner]:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield Runner(listener.getsockname()[1])


def cluster(folder: Path, runner: Runner) -> LocalCluster:
    times = Times(Rules(start=60, drain=0), smoke=1, grace=60)
    return LocalCluster("local", {"bundle": runner}, folder / "routes.json", "", times)


def starts_ended() -> bool:
    return not any(thread.name.startswith("start ") for thread in threading.enumerate())


def test_a_start_that_ends_just_after_the_look_is_not_made_again(tmp_path: Path, runner: Runner) -> None:
    local = cluster(tmp_path, runner)
    local.apply(WANTED)
    until(lambda: runner.begun == 2)

    def both_end() -> None:
        runner.allowed.release(2)
        until(starts_ended)

    runner.after_look = both_end
    local.apply(WANTED)
    runner.after_look = nothing
    local.apply(WANTED)
    assert (runner.begun, len(runner.found)) == (2, 2)


def test_a_new_controller_is_not_misled_by_a_surplus_that_the_one_before_asked_to_leave(
    tmp_path: Path, runner: Runner
) -> None:
    runner.allowed.release(10)
    three = replace(WANTED, replicas=3)
    local = cluster(tmp_path, runner)
    serve(local, three)
    serve(local, WANTED)
    assert sorted(instance.alive for instance in runner.found.values()) == [False, True, True]
    answer = cluster(tmp_path, runner).apply(WANTED)
    assert (answer.state, len(runner.found)) == (ServingState.SERVING, 2), answer


def serve(local: LocalCluster, wanted: Serving) -> None:
    """Apply until it serves."""

    def serves() -> bool:
        answer: Applied = local.apply(wanted)
        return answer.state is ServingState.SERVING

    until(serves)
