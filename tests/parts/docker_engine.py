"""A Docker engine: the one that answers already, else a dockerd of our own with all its state in a temporary folder."""

import os
import socket
from contextlib import closing
from pathlib import Path

import docker
import docker.errors

from tests.parts import base_image, debian
from tests.parts.bridge import Bridge
from tests.parts.part import Forbidden, Missing, Part, program
from tests.parts.process import Child, is_refusal

USUAL_SOCKET = "unix:///var/run/docker.sock"


class DockerEngine(Part):
    """`address` is what DOCKER_HOST takes; `image` names a base image that has `python`, `python3` and `sh`.

    `gateway` is this machine's address as a container sees it.
    """

    key = "docker_engine"
    name = "Docker engine"
    programs = ("dockerd", "iptables", "ip")
    packages = ("docker.io", "iptables", "iproute2", "debootstrap")
    image: str
    gateway: str

    def __init__(self) -> None:
        self._child: Child | None = None
        self._bridge = Bridge()
        self._version = ""
        self.address = _running_engine()

    def present(self) -> bool:
        return bool(self.address) or super().present()

    def start(self, folder: Path) -> None:
        if not self.address:
            if not debian.is_root():
                raise Missing(
                    f"no engine answers, and only root can start one; {self.how()}, then join the group docker"
                )
            self._start_own(folder)
        try:
            self._prepare()
        except docker.errors.DockerException as error:
            raise (Forbidden if is_refusal(str(error)) else RuntimeError)(
                f"no container runs: {error}"
            ) from error

    def _prepare(self) -> None:
        """An engine that answers may still be unable to run anything: that shows at the first image and container."""
        with closing(docker.DockerClient(base_url=self.address, timeout=300)) as client:
            self._version = client.version()["Version"]
            self.image = base_image.ensure(client)
            self.gateway = client.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"]
            client.containers.run(self.image, ["true"], remove=True)

    def _start_own(self, folder: Path) -> None:
        self._bridge.make()
        (folder / "daemon.json").write_text("{}")
        self.address = f"unix://{folder}/docker.sock"
        options = {
            "--data-root": folder / "data",
            "--exec-root": folder / "exec",
            "--pidfile": folder / "docker.pid",
            "--config-file": folder / "daemon.json",
            "--host": self.address,
            "--bridge": self._bridge.name,
        }
        command = [program("dockerd"), *(f"{key}={value}" for key, value in options.items())]
        self._child = Child(command, folder)
        self._child.wait_ready(lambda: _answers(self.address))

    def stop(self) -> None:
        if self._child:
            if self._child.process.poll() is None:
                _end_containers(self.address)
            self._child.stop()
            self._bridge.remove()

    def version(self) -> str:
        return f"{self._version}{'' if self._child else ', found running'}"


def _running_engine() -> str:
    for address in (os.environ.get("DOCKER_HOST", ""), USUAL_SOCKET):
        if address and _answers(address):
            return address
    return ""


def _answers(address: str) -> bool:
    try:
        _knock(address)
        with closing(docker.DockerClient(base_url=address, timeout=10)) as client:
            return bool(client.ping())
    except (docker.errors.DockerException, OSError):
        return False


def _knock(address: str) -> None:
    """The library leaves its socket open when nobody listens, which the tests would count as a leak of theirs."""
    if address.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(address.removeprefix("unix://"))


def _end_containers(address: str) -> None:
    """dockerd asks each container to leave and waits ten seconds for it; tests have no use for that."""
    with closing(docker.DockerClient(base_url=address)) as client:
        for container in client.containers.list(all=True):
            container.remove(force=True)
