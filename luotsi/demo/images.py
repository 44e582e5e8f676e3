"""Chooses what the demonstration runs on: an image that the engine has, else a pull, else one made here, else no container."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from luotsi import engines
from luotsi.demo import base_image
from schemas.errors import Stalled

PULLED = "python:3.12-slim"
PULL_PATIENCE = 120
MADE = "luotsi/python"
_PYTHON = re.compile(r"(?:.*/)?python:(?!2)[\w.-]+$")


@dataclass(frozen=True, slots=True)
class Choice:
    """The runtime and, for containers, image and engine; `why` is said in the terminal."""

    runtime: str
    image: str
    why: str
    engine: str | None = None


def choose(say: Callable[[str], None]) -> Choice:
    """Take the first that can be had, and say why. The last one, plain processes, always can."""
    engine = engines.find()
    if engine.address is None:
        return _process(engine.reason)
    import docker
    import docker.errors

    client = docker.DockerClient(base_url=engine.address, timeout=PULL_PATIENCE)
    try:
        had = _had(client)
        if had:
            return Choice("docker", had, f"the engine has {had}", engine.address)
        try:
            say(f"the engine has no Python image; pulling {PULLED}")
            client.images.pull(PULLED)
            return Choice("docker", PULLED, "pulled", engine.address)
        except (docker.errors.DockerException, OSError) as error:
            pull = _short(error)
            say(f"{PULLED} cannot be pulled: {pull}")
        try:
            suite, tarball = base_image.tarball(say)
            client.api.import_image(src=str(tarball), repository=MADE, tag=suite, changes=['CMD ["python3"]'])
            return Choice(
                "docker", f"{MADE}:{suite}", f"made here by debootstrap, since {pull}", engine.address
            )
        except (Stalled, docker.errors.DockerException, OSError) as error:
            return _process(f"no image can be had: {pull}; {_short(error)}")
    finally:
        client.close()


def _had(client: object) -> str | None:
    tags = sorted(tag for image in client.images.list() for tag in image.tags)  # type: ignore[attr-defined]  # docker has no types
    return next((tag for tag in tags if _PYTHON.match(tag)), None)


def _process(why: str) -> Choice:
    return Choice("process", "", why)


def _short(error: Exception) -> str:
    text = str(getattr(error, "explanation", None) or error)
    return text.splitlines()[0][:160]
