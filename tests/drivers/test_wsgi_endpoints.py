"""Endpoints that are WSGI applications: built, served by the real gunicorn, and asked. In containers, and as plain processes."""

import io
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from controller.inference import clusters, proc
from controller.inference.port import Applied, Cluster, ServingState, Smoke
from controller.serving.builds import WSGI_SERVER, command_of
from schemas.errors import ConfigError
from schemas.messages.job import Job
from schemas.parse_config import parse_config
from tests.builders import endpoints
from tests.drivers.cluster_contract import gone, settle
from tests.drivers.test_cluster_local import QUICK, ask, upstreams
from tests.parts.docker_engine import DockerEngine
from tests.parts.wheels import Wheels

APP = """
import json, os

def {name}(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    said = {{"model": open("model.txt").read(), "server": environ["SERVER_SOFTWARE"], "path": environ["PATH_INFO"], "cwd": os.getcwd()}}
    return [json.dumps(said).encode()]

def make():
    return {name}
"""
TAG = "luotsi-test/python-pip:latest"
SMOKE = Smoke(b"{}", 200)


@pytest.fixture
def shelf() -> endpoints.Shelf:
    return endpoints.Shelf()


def job(wsgi: str, image: str = "python:3.12") -> Job:
    """The build that a file with this endpoint asks for."""
    text = f'- endpoint: {{name: predict, image: i, wsgi: "{wsgi}"}}\n'
    command = command_of(parse_config(text.encode()).valohai.endpoints["predict"])
    return endpoints.job("weights", command=command, image=image, packages=(WSGI_SERVER,))


def write_app(folder: Path, name: str = "application", **more: str) -> Path:
    repository = endpoints.write_code(folder, **more)
    (repository / "package").mkdir()
    (repository / "package" / "app.py").write_text(APP.format(name=name))
    return repository


@pytest.fixture
def image(docker_engine: DockerEngine, wheels: Wheels) -> Iterator[str]:
    """The base image with pip, which has a folder of wheels for its index."""
    [pip] = Path(wheels.address).glob("pip-*.whl")
    lines = (
        f"FROM {docker_engine.image}",
        "ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels PIP_BREAK_SYSTEM_PACKAGES=1",
        "COPY wheels/ /wheels/",
        f"RUN python3 /wheels/{pip.name}/pip install pip",
    )
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        tar.add(wheels.address, "wheels")
        said = "\n".join(lines).encode()
        about = tarfile.TarInfo("Dockerfile")
        about.size = len(said)
        tar.addfile(about, io.BytesIO(said))
    context.seek(0)
    with closing(docker.DockerClient(base_url=docker_engine.address)) as client:
        client.images.build(fileobj=context, custom_context=True, tag=TAG, rm=True)
        yield TAG
        client.images.remove(TAG, force=True)


class TestContainers:
    @pytest.fixture
    def cluster(
        self, tmp_path: Path, shelf: endpoints.Shelf, docker_engine: DockerEngine
    ) -> Iterator[Cluster]:
        settings = {"folder": tmp_path / "cluster", "engine": docker_engine.address, **QUICK}
        cluster = clusters.load("local", "local", settings, shelf.stream)
        yield cluster
        for observed in cluster.observe():
            gone(cluster, observed.name)

    @pytest.mark.parametrize(
        ("wsgi", "name", "requirements"),
        [("package.app", "application", None), ("package.app:make()", "serve", "gunicorn==27.0.1\n")],
    )
    def test_is_served_by_gunicorn(
        self, cluster: Cluster, shelf: endpoints.Shelf, tmp_path: Path, image: str, docker_engine: DockerEngine,
        wsgi: str, name: str, requirements: str | None,
    ) -> None:  # fmt: skip
        more = {} if requirements is None else {"requirements__txt": requirements}
        write_app(tmp_path / "build", name, **more)
        wanted = job(wsgi, image)
        built = shelf.build(tmp_path / "build", wanted, docker_engine.address)
        settle(cluster, endpoints.serving(wanted, built, smoke=SMOKE))
        said = ask(upstreams(tmp_path)[0], endpoints.PREFIX + "/x")
        assert said == {
            "model": "weights", "server": "gunicorn/27.0.1", "path": endpoints.PREFIX + "/x", "cwd": "/valohai/repository",
        }  # fmt: skip
        steps = [line for line in shelf.lines if line.startswith("Step")]
        install = next(n for n, line in enumerate(steps) if " -m pip install " in line)
        assert install < next(n for n, line in enumerate(steps) if "COPY code/" in line)

    def test_an_image_that_cannot_have_gunicorn_says_what_it_needs(
        self, shelf: endpoints.Shelf, tmp_path: Path, docker_engine: DockerEngine
    ) -> None:
        write_app(tmp_path)
        with pytest.raises(ConfigError, match="pip install") as said:
            shelf.build(tmp_path, job("package.app", docker_engine.image), docker_engine.address)
        assert "needs gunicorn" in said.value.hint
        assert "server-command" in said.value.hint
        assert "No module named pip" in "\n".join(shelf.lines)


class TestProcesses:
    @pytest.fixture
    def cluster(self, tmp_path: Path, shelf: endpoints.Shelf) -> Iterator[Cluster]:
        settings = {"folder": tmp_path / "cluster", "gateway": "http://127.0.0.1:8090", **QUICK}
        cluster = clusters.load("local", "local", settings, shelf.stream)
        yield cluster
        for observed in cluster.observe():
            gone(cluster, observed.name)

    def served(self, cluster: Cluster, shelf: endpoints.Shelf, tmp_path: Path) -> list[Applied]:
        wanted = job("package.app")
        built = shelf.build(tmp_path / "build", wanted)
        assert any("must have gunicorn" in line for line in shelf.lines)
        return settle(cluster, endpoints.serving(wanted, built, smoke=SMOKE))

    def test_is_served_where_python_has_gunicorn(
        self, cluster: Cluster, shelf: endpoints.Shelf, tmp_path: Path, wheels: Wheels
    ) -> None:
        repository = write_app(tmp_path / "build")
        [wheel] = Path(wheels.address).glob("gunicorn-*.whl")
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(repository)  # python finds it beside the code, as it would in its own folder
        assert self.served(cluster, shelf, tmp_path)[-1].state is ServingState.SERVING
        [upstream] = upstreams(tmp_path)
        said = ask(upstream)
        assert (said["model"], said["server"]) == ("weights", "gunicorn/27.0.1")
        assert proc.listening(upstream.port) == ("127.0.0.1",)

    def test_fails_with_a_sentence_where_python_has_none(
        self, cluster: Cluster, shelf: endpoints.Shelf, tmp_path: Path
    ) -> None:
        write_app(tmp_path / "build")
        (tmp_path / "build" / "repository" / "gunicorn.py").write_text("raise ImportError('not here')\n")
        answer = self.served(cluster, shelf, tmp_path)[-1]
        assert answer.state is ServingState.FAILED
        assert "a wsgi endpoint needs gunicorn, which the Python here does not have" in answer.reason
        assert "exit code 1" in answer.reason
