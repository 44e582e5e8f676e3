"""An OCI registry: the distribution project's own server, as Debian packages it, without a password, in a folder."""

import subprocess
import urllib.request
from pathlib import Path

import yaml

from tests.parts.part import Part, program
from tests.parts.process import Child, free_port


class OciRegistry(Part):
    """`address` is host:port, as image names have it; it speaks plain HTTP, which engines allow on loopback."""

    key = "oci_registry"
    name = "OCI registry"
    programs = ("docker-registry",)
    packages = ("docker-registry",)

    def __init__(self) -> None:
        self._child: Child | None = None

    def start(self, folder: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        settings = {
            "version": "0.1",
            "log": {"accesslog": {"disabled": True}, "level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(folder / "blobs")}, "delete": {"enabled": True}},
            "http": {"addr": self.address},
        }
        path = folder / "registry.yml"
        path.write_text(yaml.safe_dump(settings))
        self._child = Child([program("docker-registry"), "serve", str(path)], folder)
        self._child.wait_ready(self._answers)

    def stop(self) -> None:
        if self._child:
            self._child.stop()

    def version(self) -> str:
        said = subprocess.run(
            [program("docker-registry"), "--version"], capture_output=True, text=True, check=True
        )
        return said.stdout.split()[-1]

    def _answers(self) -> bool:
        with urllib.request.urlopen(f"http://{self.address}/v2/", timeout=2) as response:
            return bool(response.status == 200)
