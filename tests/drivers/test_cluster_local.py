"""The local cluster: real processes from real bundles always, and containers where an engine is."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import docker
import pytest
import urllib3

from controller.inference import clusters, proc, routes
from controller.inference.containers import Containers
from controller.inference.port import Cluster, Serving, ServingState, Smoke
from schemas.errors import Stalled, Waiting
from tests.builders import endpoints
from tests.drivers.cluster_contract import ClusterContract, Kill, Make, gone, only, settle
from tests.parts.docker_engine import DockerEngine
from tests.parts.oci_registry import OciRegistry
from tests.parts.process import PATIENCE

NAME = "shop/churn/prod"
QUICK = {"drain_seconds": 0.2, "grace_seconds": 2.0, "start_seconds": 20.0, "smoke_seconds": 5.0}
SMOKE = Smoke(b'{"x": 1}', 200)

Connect = Callable[[], Cluster]


@pytest.fixture
def shelf() -> endpoints.Shelf:
    return endpoints.Shelf()


def make_with(shelf: endpoints.Shelf, folder: Path, engine: DockerEngine | None) -> Make:
    """Build for real: a bundle, or an image where an engine is given."""
    made = iter(range(1000))

    def make(
        model: str = "one", version: str = "v1.0.0", command: str = "python3 serve.py", replicas: int = 1,
        smoke: Smoke | None = SMOKE, *, broken: bool = False,
    ) -> Serving:  # fmt: skip
        place = folder / f"build-{next(made)}"
        endpoints.write_code(place)
        if broken:
            command = "echo 'the model cannot be read' && exit 3"
        image = engine.image if engine else "python:3.12"
        wanted = endpoints.job(model, version, command=command, image=image)
        built = shelf.build(place, wanted, engine.address if engine else None)
        return endpoints.serving(wanted, built, replicas=replicas, smoke=smoke)

    return make


def upstreams(folder: Path) -> tuple[routes.Upstream, ...]:
    [route] = routes.read(folder / "cluster" / "routes.json").routes
    return route.upstreams


def half_way(cluster: Cluster, wanted: Serving) -> None:
    """Apply until it runs."""
    pause = threading.Event()
    while cluster.apply(wanted).state is ServingState.STARTING:
        pause.wait(0.005)


def ask(upstream: routes.Upstream, path: str = endpoints.PREFIX) -> dict[str, object]:
    with urllib3.PoolManager() as pool:
        answer = pool.request("POST", f"http://{upstream.host}:{upstream.port}{path}", body=b"{}")
    said: dict[str, object] = json.loads(answer.data)
    return said


class LocalContract(ClusterContract):
    """What both ways of running have in common, beyond the port's contract."""

    @pytest.fixture
    def cluster(self, connect: Connect) -> Iterator[Cluster]:
        cluster = connect()
        yield cluster
        for observed in cluster.observe():
            gone(cluster, observed.name)

    def test_the_endpoint_finds_what_it_was_promised(
        self, cluster: Cluster, make: Make, tmp_path: Path
    ) -> None:
        settle(cluster, make(model="one", version="v1.2.3"))
        said = ask(upstreams(tmp_path)[0])
        assert (said["model"], said["metadata"]) == ("one", "v1.2.3")
        assert str(said["cwd"]).endswith("repository")

    def test_the_reason_of_a_failure_has_the_log(self, cluster: Cluster, make: Make) -> None:
        reason = settle(cluster, make(broken=True))[-1].reason
        assert "exit code 3" in reason
        assert "the model cannot be read" in reason
        assert cluster.observe() == ()

    def test_a_wrong_answer_to_the_smoke_request_is_a_failure(self, cluster: Cluster, make: Make) -> None:
        reason = settle(cluster, make(command="python3 serve.py 418"))[-1].reason
        assert "answered with 418, not 200" in reason
        assert cluster.observe() == ()

    def test_a_new_controller_finds_everything_and_doubles_nothing(
        self, cluster: Cluster, connect: Connect, make: Make, tmp_path: Path
    ) -> None:
        wanted = make(replicas=2)
        settle(cluster, wanted)
        before = upstreams(tmp_path)
        second = connect()
        assert [answer.state for answer in settle(second, wanted)] == [ServingState.SERVING]
        assert upstreams(tmp_path) == before
        assert only(second).healthy

    def test_a_new_controller_goes_on_in_the_middle(
        self, cluster: Cluster, connect: Connect, make: Make, tmp_path: Path
    ) -> None:
        old, new = make(model="one"), make(model="two", version="v2.0.0")
        settle(cluster, old)
        half_way(cluster, new)
        second = connect()
        assert settle(second, new)[-1].digest == new.digest
        assert [ask(upstream)["model"] for upstream in upstreams(tmp_path)] == ["two"]

    def test_routes_that_were_lost_are_made_again(self, cluster: Cluster, make: Make, tmp_path: Path) -> None:
        wanted = make()
        settle(cluster, wanted)
        before = upstreams(tmp_path)
        (tmp_path / "cluster" / "routes.json").write_text("{ broken")
        settle(cluster, wanted)
        assert upstreams(tmp_path) == before

    def test_replicas_follow_their_number(self, cluster: Cluster, make: Make, tmp_path: Path) -> None:
        one, three = make(replicas=1), make(replicas=3)
        assert one.digest == three.digest
        settle(cluster, one)
        [first] = upstreams(tmp_path)
        settle(cluster, three)
        assert first in upstreams(tmp_path)
        assert (
            len({ask(upstream)["pid"] if self.pids else upstream.port for upstream in upstreams(tmp_path)})
            == 3
        )
        settle(cluster, one)
        assert len(upstreams(tmp_path)) == 1
        assert only(cluster).healthy

    def test_a_command_may_be_written_for_bash(self, cluster: Cluster, make: Make) -> None:
        assert settle(cluster, make(command="[[ a == a ]] && exec python3 serve.py"))[-1].digest

    pids = True

    def test_asking_for_another_in_the_middle_abandons_the_first(
        self, cluster: Cluster, make: Make, tmp_path: Path
    ) -> None:
        one, two, three = (make(model=name, version=f"v{name}.0.0") for name in ("1", "2", "3"))
        settle(cluster, one)
        half_way(cluster, two)
        settle(cluster, three)
        assert [ask(upstream)["model"] for upstream in upstreams(tmp_path)] == ["3"]
        assert len(cluster.observe()) == 1


class TestProcesses(LocalContract):
    @pytest.fixture
    def connect(self, tmp_path: Path, shelf: endpoints.Shelf) -> Connect:
        settings = {"folder": tmp_path / "cluster", "gateway": "http://127.0.0.1:8090", **QUICK}
        return lambda: clusters.load("local", "local", settings, shelf.stream)

    @pytest.fixture
    def make(self, shelf: endpoints.Shelf, tmp_path: Path) -> Make:
        return make_with(shelf, tmp_path, None)

    @pytest.fixture
    def kill(self, tmp_path: Path) -> Kill:
        def kill(_: str) -> None:
            process = self.process(tmp_path)
            os.killpg(process.pid, signal.SIGKILL)
            while proc.alive(process):
                pass

        return kill

    def process(self, folder: Path) -> proc.Process:
        [upstream] = upstreams(folder)
        return proc.parse((folder / "cluster" / "instances" / upstream.instance / "stat").read_text())

    def test_the_endpoint_sees_nothing_of_ours(
        self, cluster: Cluster, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LUOTSI_TEST_SECRET", "hunter2")
        settle(cluster, make())
        assert ask(upstreams(tmp_path)[0])["secret"] is None

    def test_a_bundle_that_is_not_what_was_built_is_refused(
        self, cluster: Cluster, make: Make, shelf: endpoints.Shelf, tmp_path: Path
    ) -> None:
        wanted, other = make(model="one"), make(model="two")
        shelf.stored[wanted.reference] = shelf.stored[other.reference]
        last = settle(cluster, wanted)[-1]
        assert last.state is ServingState.FAILED
        assert "not what was built" in last.reason
        assert list((tmp_path / "cluster" / "instances").iterdir()) == []

    def test_a_store_that_is_away_is_waited_for(
        self, make: Make, tmp_path: Path, shelf: endpoints.Shelf
    ) -> None:
        away = [True]

        def fetch(key: str) -> list[bytes]:
            if away.pop():
                raise Waiting("the store does not answer", after=1)
            return shelf.stream(key)

        wanted = make()
        cluster = clusters.load("local", "local", {"folder": tmp_path / "cluster", **QUICK}, fetch)
        with pytest.raises(Waiting):
            settle(cluster, wanted)
        away.append(False)
        assert settle(cluster, wanted)[-1].state is ServingState.SERVING
        gone(cluster, NAME)

    def test_children_that_leave_the_session_are_ended_too(
        self, cluster: Cluster, make: Make, tmp_path: Path
    ) -> None:
        command = "setsid sleep 300 & echo $! > child && exec python3 serve.py"
        settle(cluster, make(command=command))
        home = tmp_path / "cluster" / "instances" / upstreams(tmp_path)[0].instance / "valohai" / "repository"
        child = proc.parse(Path(f"/proc/{(home / 'child').read_text().strip()}/stat").read_text())
        gone(cluster, NAME)
        assert not proc.alive(child)

    def test_one_that_does_not_heed_sigterm_is_made_to_leave(
        self, cluster: Cluster, make: Make, tmp_path: Path
    ) -> None:
        settle(cluster, make(command="trap '' TERM; python3 serve.py & wait; sleep 300"))
        process = self.process(tmp_path)
        gone(cluster, NAME)
        assert not proc.alive(process)

    def test_what_a_controller_left_half_made_is_cleared_away(self, cluster: Cluster, tmp_path: Path) -> None:
        half = tmp_path / "cluster" / "instances" / "halfmade"
        (half / "valohai" / "repository").mkdir(parents=True)
        child = subprocess.Popen(
            ["sleep", "300"], env={"PATH": os.environ["PATH"], "LUOTSI_INSTANCE": "halfmade"}
        )
        assert cluster.observe() == ()
        assert child.wait(PATIENCE) == -signal.SIGKILL
        assert not half.exists()

    def test_one_that_runs_on_but_takes_no_connections_is_replaced(
        self, cluster: Cluster, make: Make, tmp_path: Path
    ) -> None:
        command = "python3 serve.py & S=$!; while [ ! -e stop ]; do sleep 0.05; done; kill $S; sleep 300"
        wanted = make(command=command)
        settle(cluster, wanted)
        [before] = upstreams(tmp_path)
        (tmp_path / "cluster" / "instances" / before.instance / "valohai" / "repository" / "stop").touch()
        pause = threading.Event()
        while before in upstreams(tmp_path):
            cluster.apply(wanted)
            pause.wait(0.01)
        assert settle(cluster, wanted)[-1].state is ServingState.SERVING
        assert ask(upstreams(tmp_path)[0])["model"] == "one"

    def test_an_image_without_an_engine_is_a_failure_with_a_reason(self, cluster: Cluster) -> None:
        digest = f"sha256:{'0' * 64}"
        wanted = Serving(
            "shop", "shop", "churn", "prod", "v1.0.0", "image", digest, digest, 8000, endpoints.PREFIX
        )
        answer = cluster.apply(wanted)
        assert answer.state is ServingState.FAILED
        assert "no engine" in answer.reason

    def test_a_killed_process_is_never_mistaken_for_another_with_its_pid(
        self, cluster: Cluster, make: Make, tmp_path: Path
    ) -> None:
        wanted = make()
        settle(cluster, wanted)
        [upstream] = upstreams(tmp_path)
        stat = tmp_path / "cluster" / "instances" / upstream.instance / "stat"
        truth = stat.read_text()
        mine = Path(f"/proc/{os.getpid()}/stat").read_text()
        started = truth.rpartition(")")[2].split()[19]
        stat.write_text(mine.replace(mine.rpartition(")")[2].split()[19], "1"))
        assert not only(cluster).healthy
        stat.write_text(truth)
        assert only(cluster).healthy
        assert proc.parse(truth).started == int(started)


class TestContainers(LocalContract):
    pids = False  # each container counts its own

    @pytest.fixture
    def connect(self, tmp_path: Path, shelf: endpoints.Shelf, docker_engine: DockerEngine) -> Connect:
        settings = {"folder": tmp_path / "cluster", "engine": docker_engine.address, **QUICK}
        return lambda: clusters.load("local", "local", settings, shelf.stream)

    @pytest.fixture
    def make(self, shelf: endpoints.Shelf, tmp_path: Path, docker_engine: DockerEngine) -> Make:
        return make_with(shelf, tmp_path, docker_engine)

    @pytest.fixture
    def kill(self, docker_engine: DockerEngine) -> Kill:
        def kill(name: str) -> None:
            with closing(docker.DockerClient(base_url=docker_engine.address)) as client:
                for container in client.containers.list(filters={"label": f"luotsi.serving={name}"}):
                    container.kill()
                    with suppress(docker.errors.NotFound):
                        container.wait()

        return kill

    def test_another_installation_on_the_engine_is_left_alone(
        self,
        cluster: Cluster,
        make: Make,
        tmp_path: Path,
        shelf: endpoints.Shelf,
        docker_engine: DockerEngine,
    ) -> None:
        wanted = make()
        settle(cluster, wanted)
        settings = {"folder": tmp_path / "other", "engine": docker_engine.address, **QUICK}
        other = clusters.load("local", "local", settings, shelf.stream)
        assert other.observe() == ()
        assert other.end(wanted.name)
        assert only(cluster).healthy

    def test_an_image_that_is_gone_is_a_failure_with_a_reason(self, cluster: Cluster) -> None:
        digest = f"sha256:{'0' * 64}"
        wanted = Serving(
            "shop", "shop", "churn", "prod", "v1.0.0", "image", digest, digest, 8000, endpoints.PREFIX
        )
        last = settle(cluster, wanted)[-1]
        assert last.state is ServingState.FAILED
        assert "not in the engine any more" in last.reason

    def test_an_image_is_pulled_by_its_digest(
        self, cluster: Cluster, shelf: endpoints.Shelf, tmp_path: Path, docker_engine: DockerEngine,
        oci_registry: OciRegistry,
    ) -> None:  # fmt: skip
        place = tmp_path / "pushed"
        endpoints.write_code(place)
        repository = f"{oci_registry.address}/models/churn"
        job = endpoints.job("pushed", image=docker_engine.image, repository=repository)
        wanted = endpoints.serving(job, shelf.build(place, job, docker_engine.address), smoke=SMOKE)
        with closing(docker.DockerClient(base_url=docker_engine.address)) as client:
            client.images.remove(f"{repository}:v1.0.0", force=True)
        assert settle(cluster, wanted)[-1].state is ServingState.SERVING
        assert only(cluster).digest == wanted.digest
        assert wanted.reference == f"{repository}@{wanted.digest}"

    def test_what_a_controller_made_and_never_started_is_cleared_away(
        self, tmp_path: Path, docker_engine: DockerEngine
    ) -> None:
        labels = {"luotsi.serving": NAME, "luotsi.cluster": "half", "luotsi.digest": f"sha256:{'f' * 64}"}
        with closing(docker.DockerClient(base_url=docker_engine.address)) as client:
            container = client.containers.create(docker_engine.image, ["sleep", "60"], labels=labels)
            assert Containers(docker_engine.address, "half").find() == ()
            with pytest.raises(docker.errors.NotFound):
                container.reload()

    def test_a_label_is_not_believed_over_what_runs(
        self, tmp_path: Path, docker_engine: DockerEngine
    ) -> None:
        forged = {"luotsi.serving": NAME, "luotsi.cluster": "forged", "luotsi.digest": f"sha256:{'f' * 64}"}
        with closing(docker.DockerClient(base_url=docker_engine.address)) as client:
            container = client.containers.run(
                docker_engine.image, ["sleep", "60"], labels=forged, detach=True
            )
            try:
                [instance] = Containers(docker_engine.address, "forged").find()
                assert instance.digest == client.images.get(docker_engine.image).id
            finally:
                container.remove(force=True)


def test_an_engine_that_does_not_answer_is_waited_for(tmp_path: Path, shelf: endpoints.Shelf) -> None:
    settings = {"folder": tmp_path, "engine": "tcp://127.0.0.1:9"}
    cluster = clusters.load("local", "local", settings, shelf.stream)
    with pytest.raises(Waiting, match="does not answer"):
        cluster.observe()


def test_an_unknown_kind_names_the_known_ones(shelf: endpoints.Shelf) -> None:
    with pytest.raises(Stalled, match="local"):
        clusters.load("moon", "moon", {}, shelf.stream)


def test_settings_that_are_no_seconds_are_refused(tmp_path: Path, shelf: endpoints.Shelf) -> None:
    with pytest.raises(Stalled, match="drain_seconds"):
        clusters.load("local", "local", {"folder": tmp_path, "drain_seconds": "soon"}, shelf.stream)
