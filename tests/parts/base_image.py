"""The image that containers of tests start from: this Debian with its Python, made on the machine by debootstrap.

The root file system is kept as a tarball in the user's cache, so that only the first session makes it. A `python` beside
`python3` makes it answer to what users write in `valohai.yaml`.
"""

import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import docker
import docker.errors

from tests.parts import debian, home
from tests.parts.lock import locked
from tests.parts.part import Missing, find

NAME = "luotsi-test/python"
DROPPED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale")


def ensure(client: docker.DockerClient) -> str:
    """The tag of the base image, which the engine has afterwards: made, or pulled where it cannot be made."""
    suite = debian.codename() or "stable"
    tag = f"{NAME}:{suite}"
    if _has(client, tag):
        return tag
    tarball = _tarball(suite)
    if not tarball.exists() and not debian.is_root():
        return _pulled(client, suite)
    with locked(tarball.name):
        if not tarball.exists():
            _make(suite, tarball)
    client.api.import_image(src=str(tarball), repository=NAME, tag=suite, changes=['CMD ["python3"]'])
    client.images.get(tag)
    return tag


def _has(client: docker.DockerClient, tag: str) -> bool:
    try:
        client.images.get(tag)
    except docker.errors.ImageNotFound:
        return False
    return True


def _pulled(client: docker.DockerClient, suite: str) -> str:
    try:
        image = client.images.pull("python", tag="3.12-slim")
    except docker.errors.APIError as error:
        raise Missing(
            f"the base image needs root and debootstrap, or a registry to pull from: {error}"
        ) from error
    image.tag(NAME, suite)
    return f"{NAME}:{suite}"


def _tarball(suite: str) -> Path:
    return home.cache() / f"python-{suite}-{platform.machine()}.tar.gz"


def _make(suite: str, tarball: Path) -> None:
    if not find("debootstrap"):
        debian.install(("debootstrap",))
    work = Path(tempfile.mkdtemp(prefix="debootstrap-", dir=tarball.parent))
    try:
        root = work / "root"
        _run("debootstrap", "--variant=minbase", "--include=python3", suite, str(root), debian.mirror())
        for folder in DROPPED:
            shutil.rmtree(root / folder, ignore_errors=True)
        (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        packed = work / tarball.name
        _run(
            "tar",
            "--numeric-owner",
            "--exclude=./dev/*",
            "-C",
            str(root),
            "-I",
            "gzip -1",
            "-cf",
            str(packed),
            ".",
        )
        packed.rename(tarball)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run(*command: str) -> None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Missing(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-500:]}")
