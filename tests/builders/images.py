"""Images for tests: the base image with packages of PyPI in it. Containers of tests have no network, so pip runs out here."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import docker

from tests.parts.docker_engine import DockerEngine


def with_packages(engine: DockerEngine, folder: Path, tag: str, *packages: str) -> str:
    """The tag of an image with these packages for its own Python. `folder` is where they lie meanwhile."""
    with closing(docker.DockerClient(base_url=engine.address)) as client:
        script = ["python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        version = client.containers.run(engine.image, script, remove=True).decode().strip()
        context = folder / "context"
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(context / "site"), "--only-binary=:all:",
             "--python-version", version, *packages],
            check=True,
        )  # fmt: skip
        (context / "Dockerfile").write_text(
            f"FROM {engine.image}\nCOPY site /opt/site\nENV PYTHONPATH=/opt/site\n"
        )
        client.images.build(path=str(context), tag=tag)
    return tag
