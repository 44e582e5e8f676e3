"""Containers of a real Docker engine: the contract, and what only an engine can do to us."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from agent.runtimes import docker as docker_driver
from agent.runtimes import load
from agent.runtimes.port import Image, Needs, Running, Runtime
from schemas.errors import Stalled
from tests.drivers.runtime_contract import AGENT, Case, ImagesContract, RuntimeContract, finish
from tests.parts.docker_engine import DockerEngine
from tests.parts.process import PATIENCE


class TestDockerRuntime(RuntimeContract, ImagesContract):
    @pytest.fixture
    def runtime(self, docker_engine: DockerEngine) -> Iterator[Runtime]:
        runtime = docker_driver.connect({"address": docker_engine.address})
        yield runtime
        runtime.close()

    @pytest.fixture
    def image(self, docker_engine: DockerEngine) -> str:
        return docker_engine.image

    @pytest.fixture
    def client(self, docker_engine: DockerEngine) -> Iterator[docker.APIClient]:
        client = docker.APIClient(base_url=docker_engine.address, version="auto")
        yield client
        client.close()

    def test_it_knows_its_engine_for_builds(self, runtime: Runtime, docker_engine: DockerEngine) -> None:
        assert runtime.engine == docker_engine.address
        assert runtime.label.startswith("docker ")

    def test_the_directories_are_where_the_contract_says(self, case: Callable[[], Case]) -> None:
        mine = case()
        (mine.folder / "inputs" / "a.txt").write_text("input")
        ended, streams = finish(
            mine.start("pwd", "cat /valohai/inputs/a.txt", "touch made", "touch /valohai/inputs/no")
        )
        assert streams["stdout"] == b"/valohai/repository\ninput"
        assert b"Read-only" in streams["stderr"]
        assert ended.exit_code != 0
        assert (mine.folder / "repository" / "made").exists()

    def test_an_entrypoint_of_the_image_is_not_in_the_way(
        self, case: Callable[[], Case], client: docker.APIClient, image: str
    ) -> None:
        made = client.create_container(image, ["true"])
        changed = client.commit(made["Id"], changes='ENTRYPOINT ["/bin/false"]')
        client.remove_container(made["Id"])
        mine = case()
        mine.image = Image("with-entrypoint", changed["Id"], changed["Id"])
        ended, streams = finish(mine.start("echo reached"))
        assert (ended.exit_code, streams["stdout"]) == (0, b"reached\n")

    def test_the_shell_is_bash_where_the_image_has_it_and_process_1_either_way(
        self, case: Callable[[], Case], client: docker.APIClient, image: str
    ) -> None:
        without = client.create_container(image, ["rm", "-f", "/bin/bash", "/usr/bin/bash"])
        client.start(without["Id"])
        client.wait(without["Id"])
        changed = client.commit(without["Id"])
        client.remove_container(without["Id"])
        entries = ['echo "$$ ${BASH:+bash}"', "exit 4"]
        ended, streams = finish(case().start(*entries))
        assert (ended.exit_code, streams["stdout"]) == (4, b"1 bash\n")
        mine = case()
        mine.image = Image("without-bash", changed["Id"], changed["Id"])
        ended, streams = finish(mine.start(*entries))
        assert (ended.exit_code, streams["stdout"]) == (4, b"1 \n")

    def test_a_command_that_cannot_be_started_says_why_and_leaves_nothing(
        self, case: Callable[[], Case], client: docker.APIClient
    ) -> None:
        mine = case()
        # A script that is not there stands for any program that an image does not have.
        with pytest.raises(Stalled, match="no such file"):
            mine.start("#!/bin/sh\ntrue")
        assert client.containers(all=True, filters={"label": f"luotsi.attempt={mine.attempt}"}) == []

    def test_a_container_that_was_made_and_never_started_is_started_anew(
        self, case: Callable[[], Case], client: docker.APIClient, image: str
    ) -> None:
        mine = case()
        client.create_container(image, ["true"], name=f"luotsi-{mine.attempt}")
        assert mine.runtime.adopt(mine.attempt, mine.own) is None
        assert finish(mine.start("echo anew"))[1] == {"stdout": b"anew\n"}

    def test_a_container_that_someone_removes_has_vanished(
        self, case: Callable[[], Case], client: docker.APIClient
    ) -> None:
        mine = case()
        run = mine.start("echo up; sleep 600")
        following = run.follow({})
        next(following)
        client.remove_container(f"luotsi-{mine.attempt}", force=True)
        list(following)
        ended = run.wait()
        assert ended.exit_code in (None, 137)

    def test_the_job_hears_sigterm_and_may_tidy_up(self, case: Callable[[], Case]) -> None:
        script = "import signal,sys,time; signal.signal(15, lambda *_: (time.sleep(0.5), print('tidy'), sys.exit(7))); print('up', flush=True); time.sleep(600)"
        run = case().start(f'python3 -c "{script}"; exit $?')
        following = run.follow({})
        assert next(following).data == b"up\n"
        _stop(run, 20)
        assert b"tidy\n" in b"".join(piece.data for piece in following)
        assert run.wait().exit_code == 7

    def test_more_memory_than_its_limit_is_named(self, runtime: Runtime, image: str, tmp_path: Path) -> None:
        mine = Case(runtime, runtime.resolve(image, False, print), tmp_path)
        mine.needs = Needs(memory_max=64)
        run = mine.start('python3 -c "x = bytearray(600_000_000)"')
        ended, _ = finish(run)
        run.remove()
        assert ended.exit_code == 137
        assert "memory" in ended.note

    def test_much_output_on_both_streams_is_whole_also_from_the_middle(
        self, case: Callable[[], Case]
    ) -> None:
        mine = case()
        script = "import sys\nfor n in range(20000): print(n); print(n, file=sys.stderr)\nfor n in (200000, 20000, 16384): print('é' * n)\nprint('end')"
        (mine.folder / "repository" / "much.py").write_text(script)
        run = mine.start("python3 much.py")
        ended, streams = finish(run)
        whole = "".join(f"{n}\n" for n in range(20_000)).encode()
        assert ended.exit_code == 0
        long = "".join("é" * n + "\n" for n in (200_000, 20_000, 16_384)).encode()
        assert streams["stdout"] == whole + long + b"end\n"
        assert streams["stderr"] == whole
        skipped = b"".join(piece.data for piece in run.follow({"stdout": 50_000}) if piece.stream == "stdout")
        assert skipped == streams["stdout"][50_000:]

    def test_what_no_attempt_owns_any_more_is_swept(
        self, case: Callable[[], Case], client: docker.APIClient
    ) -> None:
        kept, lost = case(), case()
        kept.start("sleep 600")
        lost.start("sleep 600")
        kept.runtime.sweep(AGENT, kept.attempt.__eq__)
        assert kept.runtime.adopt(kept.attempt, kept.own) is not None
        assert kept.runtime.adopt(lost.attempt, lost.own) is None


def test_no_engine_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Stalled, match="no Docker engine answers"):
        load("docker", {"address": f"unix://{tmp_path}/docker.sock"})


def _stop(run: Running, grace: float) -> None:
    waiter = threading.Thread(target=run.wait)
    waiter.start()
    run.stop(grace)
    waiter.join(PATIENCE)
