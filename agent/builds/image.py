"""An endpoint's image, by the classic build of a Docker engine (contract, section 4).

Requirements come before code and code before the model, so that what changes seldom is taken from the cache. Names that a
user chose never stand in the Dockerfile as bare text: labels go through the API, the command is JSON.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import docker
import requests.exceptions
from docker.errors import APIError, DockerException

from agent.builds.tree import METADATA, Item, Items, write_tar
from schemas.errors import ConfigError, LuotsiError, Refused, Stalled, Waiting
from schemas.messages.job import Build, Job
from schemas.messages.result import Built
from schemas.shell import SHELL

WORKDIR = "/valohai/repository"
REQUIREMENTS = ("requirements-deployment.txt", "requirements.txt")
SILENCE = 3600
"""Seconds that a step of the build may go without a word."""

REFUSALS = ("unauthorized", "authentication required", "access denied", "access to the resource is denied")
NETWORK = (
    "connection refused", "connection reset", "timeout", "no such host", "temporary failure", "unexpected eof",
    "toomanyrequests", "service unavailable", "no route to host",
)  # fmt: skip
"""How engines word what a registry or the way to it did; they give no code (`moby/moby`, registry errors)."""

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,511}")
_LOCAL = re.compile(r"\s*(-r|-c|-e|--requirement|--constraint|--editable|\.|/|file:)|.*@\s*file:")


def build(
    job: Job, wanted: Build, items: Items, folder: Path, say: Callable[[str], None], engine: str
) -> Built:
    """Build, and push where `wanted.repository` says so. Raises as `agent.builds.perform` does."""
    context = folder / "context.tar"
    contents = _contents(wanted, items)
    try:
        with context.open("wb") as file:
            write_tar(contents, file.write)
        with _speaking(engine), closing(docker.DockerClient(base_url=engine, timeout=SILENCE)) as client:
            identity = _make(client, context, job, wanted, say)
            name, tag = wanted.repository or f"luotsi/{_slug(wanted.model)}", _slug(wanted.version)
            client.images.get(identity).tag(name, tag)
            size = int(client.images.get(identity).attrs["Size"])
            if wanted.repository is None:
                say(f"Built {name}:{tag}, {identity}; it stays in this engine.")
                return Built(kind="image", reference=identity, digest=identity, size=size)
            digest = _push(client, name, tag, say)
            return Built(kind="image", reference=f"{name}@{digest}", digest=digest, size=size)
    finally:
        context.unlink(missing_ok=True)


def _contents(wanted: Build, items: Items) -> dict[bytes, Item]:
    """The build context. Nothing of the user's lies at its top, so that no `.dockerignore` of theirs is taken for ours."""
    requirements = next((name for name in REQUIREMENTS if name.encode() in items.code), None)
    alone = requirements is None or _stands_alone(items.code[requirements.encode()])
    contents = {b"code/" + path: item for path, item in items.code.items()}
    contents |= {b"files/" + path: item for path, item in items.files.items()}
    contents[b"metadata/" + METADATA.encode()] = Item(items.metadata)
    if requirements is not None and alone:
        contents[b"requirements/" + requirements.encode()] = items.code[requirements.encode()]
    contents[b"Dockerfile"] = Item(
        _dockerfile(wanted, requirements, alone=alone, code=bool(items.code)).encode()
    )
    return contents


def _stands_alone(requirements: Item) -> bool:
    """Whether the file names nothing else of the repository: only then can it be installed before the code is there."""
    if not isinstance(requirements.source, Path):
        return False
    lines = requirements.source.read_text(errors="replace").splitlines()
    return not any(_LOCAL.match(line) for line in lines)


def _dockerfile(wanted: Build, requirements: str | None, *, alone: bool, code: bool) -> str:
    if not _REFERENCE.fullmatch(wanted.image):
        raise ConfigError(f"The endpoint's image {wanted.image!r} is not a name of an image.")
    copy = ["COPY code/ ./"] if code else []
    pip = _install(wanted, requirements)
    install = [pip] if pip else []
    lines = [
        f"FROM {wanted.image}",
        f"WORKDIR {WORKDIR}",
        *(["COPY requirements/ ./"] if requirements and alone else []),
        *([*install, *copy] if alone else [*copy, *install]),
        "COPY files/ ./",
        "COPY metadata/ /valohai/",
        f"ENV VALOHAI_PORT={wanted.port} PYTHONUNBUFFERED=1",
        f"EXPOSE {wanted.port}",
        "ENTRYPOINT []",
        f"CMD {json.dumps([*SHELL, wanted.command])}",
    ]
    return "\n".join(lines) + "\n"


def _install(wanted: Build, requirements: str | None) -> str:
    """One line for everything, so that a version which the requirements name is the one that is installed; "" for nothing."""
    named = [*(["-r", requirements] if requirements else []), *wanted.packages]
    if not named:
        return ""
    # What the command imports must be where its own `python3` looks.
    pip = "python3 -m pip" if wanted.packages else "pip"
    return f"RUN {pip} install --user --no-cache-dir --disable-pip-version-check {' '.join(map(shlex.quote, named))}"


def _labels(job: Job, wanted: Build) -> dict[str, str]:
    return {
        "luotsi.project": job.project,
        "luotsi.model": wanted.model,
        "luotsi.version": wanted.version,
        "luotsi.endpoint": wanted.endpoint,
        "luotsi.commit": job.commit,
        "org.opencontainers.image.revision": job.commit,
        "org.opencontainers.image.version": wanted.version,
    }


def _make(
    client: docker.DockerClient, context: Path, job: Job, wanted: Build, say: Callable[[str], None]
) -> str:
    """Run the build; the image's id. Every line of the engine goes to the log."""
    identity, failure = "", None
    with context.open("rb") as file:
        events: Iterable[dict[str, Any]] = client.api.build(
            fileobj=file, custom_context=True, rm=True, forcerm=True, labels=_labels(job, wanted), decode=True
        )
        for event in events:
            _narrate(event, say)
            # The engine ends by itself after an error; read so far, its connection can be used again.
            if "error" in event:
                failure = _failed(str(event["error"]).strip(), wanted)
            identity = str((event.get("aux") or {}).get("ID") or identity)
    if failure is not None:
        raise failure
    if not identity:
        raise Refused("the engine ended the build without saying which image came of it")
    return identity


def _failed(said: str, wanted: Build) -> LuotsiError:
    """Whose business a failed build is: the user's, unless no step of theirs failed and the words are a network's or a lock's."""
    words = said.lower()
    if "returned a non-zero code" not in words:
        if any(sign in words for sign in REFUSALS):
            return Stalled(
                f"A registry refused the endpoint's base image: {said}",
                "Are its credentials known to the agent?",
            )
        if any(sign in words for sign in NETWORK):
            return Waiting(f"The endpoint's base image cannot be pulled at the moment: {said}", after=30)
    hint = ""
    if wanted.packages and " -m pip install " in said:
        needed = ", ".join(wanted.packages)
        hint = (
            f"The endpoint needs {needed}, which pip installs: its image must have `python3` with pip that reaches a package "
            "index. Else use an image that has all of it, and `server-command`."
        )
    return ConfigError(f"The image cannot be built: {said}", hint=hint)


def _push(client: docker.DockerClient, name: str, tag: str, say: Callable[[str], None]) -> str:
    """Push, and read back from the registry the digest under which it holds the image now."""
    digest = ""
    events: Iterable[dict[str, Any]] = client.api.push(name, tag=tag, stream=True, decode=True)
    for event in events:
        if "error" in event:
            raise Stalled(f"{name}:{tag} cannot be pushed: {str(event['error']).strip()}")
        digest = str((event.get("aux") or {}).get("Digest") or digest)
    held = client.images.get_registry_data(f"{name}@{digest}").id if digest else ""
    if not digest or held != digest:
        raise Refused(
            f"{name}:{tag} was pushed as {digest or 'nothing'}, and the registry holds {held or 'nothing'}"
        )
    say(f"Pushed {name}:{tag}, {digest}.")
    return digest


def _narrate(event: Mapping[str, Any], say: Callable[[str], None]) -> None:
    """One line for each line of the build; progress bars are left out."""
    if event.get("progress"):
        return
    for line in str(event.get("stream") or event.get("status") or "").splitlines():
        if line.strip():
            say(line.rstrip())


def _slug(text: str) -> str:
    """What an image's name or tag can hold of it (lower case for names is asked by registries)."""
    return re.sub(r"[^a-z0-9_.-]+", "-", text.lower()).strip("-._")[:120] or "model"


@contextmanager
def _speaking(engine: str) -> Iterator[None]:
    """Turn what the engine's library raises into what to do about it."""
    try:
        yield
    except APIError as error:
        said = f"the container engine at {engine} refused the build: {error.explanation}"
        raise (Waiting(said, after=30) if error.is_server_error() else Stalled(said)) from error
    except (DockerException, requests.exceptions.RequestException) as error:
        raise Waiting(f"the container engine at {engine} does not answer: {error}", after=30) from error
