"""Runs commands as containers of a Docker engine. The engine keeps both streams, so a container is adopted with its log.

A container is named after its attempt, so that it can never be made twice. Calls to the engine: inspect the image, create,
attach (lasts as long as the container), start, wait, remove. The log that the engine keeps is read only after a break.
"""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import LogConfig
from docker.utils import kwargs_from_env, parse_repository_tag
from requests import Response
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from agent.core import position
from agent.core.frames import Frames, Stamped, joined
from agent.core.outcome import KILLED
from agent.runtimes.port import FOLDERS, Ended, Image, Piece, Places, Running, Spec
from schemas.errors import Refused, Stalled, Waiting

USUAL_SOCKET = "unix:///var/run/docker.sock"
HOME = "/valohai"
READ_ONLY = frozenset({"inputs", "config"})
SECONDS = 120
"""For one call of the engine that should answer soon."""

CHUNK = 256 * 1024


class DockerRuntime:
    """See the port."""

    takes_untrusted = True

    def __init__(self, client: docker.APIClient, address: str, network: str) -> None:
        self._client = client
        self._network = network
        self.engine: str | None = address
        with _translated("the Docker engine does not answer"):
            self.label = f"docker {client.version()['Version']}"

    def places(self, folder: Path) -> Places:
        """`/valohai/...`, wherever the folder is."""
        return Places(*(f"{HOME}/{name}" for name in FOLDERS))

    def resolve(self, image: str, fresh: bool, say: Callable[[str], None]) -> Image:
        """See the port."""
        found = None if fresh else self._inspect(image)
        if found is None:
            say(f"pulling the image {image}")
            self._pull(image)
            found = self._inspect(image)
        if found is None:
            raise Stalled(f"the image {image} cannot be had: the engine pulled it and does not have it")
        return Image(image, found["Id"], _digest(image, found))

    def start(self, spec: Spec) -> Running:
        """See the port."""
        with _translated(f"the engine cannot make the container of {spec.image.name}", spec.attempt):
            self._client.create_container(
                spec.image.id,
                name=_name(spec.attempt),
                entrypoint=list(spec.command),
                working_dir=f"{HOME}/repository",
                environment=dict(spec.variables),
                labels={"luotsi.attempt": spec.attempt, "luotsi.execution": spec.execution, "luotsi.agent": spec.agent},
                host_config=self._host_config(spec),
            )  # fmt: skip
        run = DockerRun(self._client, spec.attempt)
        try:
            with _translated(f"the engine cannot start the command in {spec.image.name}"):
                run.attach()
                self._client.start(_name(spec.attempt))
        except Stalled:
            run.leave()
            run.remove()
            raise
        return run

    def adopt(self, attempt: str, own: Path) -> Running | None:
        """See the port."""
        with _translated("the Docker engine does not answer"):
            try:
                state = self._client.inspect_container(_name(attempt))["State"]
            except NotFound:
                return None
        run = DockerRun(self._client, attempt)
        if state["Status"] == "created":
            run.remove()
            return None
        return run

    def sweep(self, agent: str, is_known: Callable[[str], bool]) -> None:
        """See the port."""
        with _translated("the Docker engine does not answer"):
            for found in self._client.containers(all=True, filters={"label": f"luotsi.agent={agent}"}):
                attempt = found["Labels"].get("luotsi.attempt", "")
                if attempt and not is_known(attempt):
                    DockerRun(self._client, attempt).remove()

    def close(self) -> None:
        """Let go of the engine."""
        self._client.close()

    def _host_config(self, spec: Spec) -> Any:
        binds: dict[str, Mapping[str, str]] = {
            str(spec.folder / name): {"bind": f"{HOME}/{name}", "mode": "ro" if name in READ_ONLY else "rw"}
            for name in FOLDERS
        }
        limits: dict[str, Any] = {}
        if spec.cpu_max:
            limits["nano_cpus"] = int(spec.cpu_max * 1e9)
        if spec.memory_max:
            limits["mem_limit"] = limits["memswap_limit"] = spec.memory_max * 1024 * 1024
        return self._client.create_host_config(
            binds=binds,
            network_mode=self._network,
            # Every byte as it was printed (json-file replaces what is no UTF-8), and never rotated: an adopted container's
            # log is read again from its start, and counted.
            log_config=LogConfig(
                type="local", config={"max-size": "1000t", "max-file": "1", "compress": "false"}
            ),
            **limits,
        )

    def _inspect(self, image: str) -> dict[str, Any] | None:
        with _translated("the Docker engine does not answer"):
            try:
                found: dict[str, Any] = self._client.inspect_image(image)  # type: ignore[no-untyped-call]
            except ImageNotFound:
                return None
        return found

    def _pull(self, image: str) -> None:
        repository, tag = parse_repository_tag(image)
        try:
            with _translated(f"the image {image} cannot be had"):
                for step in self._client.pull(repository, tag=tag or "latest", stream=True, decode=True):
                    if "error" in step:
                        raise Stalled(f"the image {image} cannot be had: {_one_line(step['error'])}")
        except Refused as error:
            raise Stalled(f"the image {image} cannot be had: {error.message}") from error


class DockerRun:
    """See the port."""

    def __init__(self, client: docker.APIClient, attempt: str) -> None:
        self._client = client
        self._id = _name(attempt)
        self._is_left = threading.Event()
        self._open: list[Response] = []
        self._attached: Response | None = None

    def attach(self) -> None:
        """Take hold of both streams of a container that has not started yet."""
        self._attached = self._call("post", "attach", {"stream": "1", "stdout": "1", "stderr": "1"})

    def follow(self, skip: Mapping[str, int]) -> Iterator[Piece]:
        """See the port."""
        attached, self._attached = self._attached, None
        try:
            if attached:
                yield from position.fresh(
                    (piece for frames in _read(attached) for piece in joined(frames)), skip
                )
                return
            yield from position.fresh(self._log(), skip)
        except (RequestException, HTTPError, DockerException, OSError) as error:
            if not self._is_left.is_set():
                raise Waiting(f"the engine broke off the log: {error}", after=1) from error

    def wait(self) -> Ended:
        """See the port."""
        while True:
            try:
                with self._call("post", "wait", {"condition": "not-running"}) as response:
                    code = int(json.loads(response.raw.read())["StatusCode"])
                return self._ended(code)
            except NotFound:
                return Ended(None, "its container was removed")
            except (RequestException, HTTPError, DockerException, OSError, ValueError, KeyError):
                # The engine restarts, or we leave. Containers outlive an engine that is set to live-restore.
                if self._is_left.wait(1.0):
                    return Ended(None, "the agent let go of it")

    def stop(self, grace: float) -> None:
        """See the port. A shell that is process 1 hears no SIGTERM and hands none on: its children are told themselves."""
        try:
            told = self._client.exec_create(self._id, ["/bin/sh", "-c", "kill -TERM -1"])
            self._client.exec_start(told["Id"], detach=True)
        except (DockerException, RequestException):
            pass  # no shell in the image, or it has ended: the engine's own stop is next
        try:
            with _translated("the engine cannot stop the container"):
                self._client.stop(self._id, timeout=int(grace))
        except Refused:
            return

    def leave(self) -> None:
        """See the port."""
        self._is_left.set()
        for response in list(self._open):
            try:
                response.raw.shutdown()
            except (ValueError, RuntimeError, OSError):
                continue  # it has ended by itself

    def remove(self) -> None:
        """See the port."""
        with _translated("the engine cannot remove a container"):
            try:
                self._client.remove_container(self._id, force=True, v=True)
            except NotFound:
                return

    def _log(self) -> Iterator[Piece]:
        """The log that the engine keeps. While it follows, it may leave out the last lines when the container ends."""
        seen = {"stdout": 0, "stderr": 0}
        for follow in ("1", "0"):
            query = {"stdout": "1", "stderr": "1", "timestamps": "1", "follow": follow}
            stamped, at = Stamped(), dict(seen)
            for frames in _read(self._call("get", "logs", query)):
                for piece in joined(map(stamped.plain, frames)):
                    rest = piece.data[max(0, at[piece.stream]) :]
                    at[piece.stream] -= len(piece.data)
                    if rest:
                        seen[piece.stream] += len(rest)
                        yield Piece(piece.stream, rest)
            if self._is_left.is_set():
                return

    def _call(self, method: str, verb: str, query: Mapping[str, str]) -> Response:
        """A call that lasts as long as the container: its answer is read as it comes, and can be cut off by `leave`."""
        url = f"{self._client.base_url}/v{self._client.api_version}/containers/{self._id}/{verb}"
        response: Response = self._client.request(
            method, url, params=dict(query), stream=True, timeout=(SECONDS, None)
        )
        self._open.append(response)
        if response.status_code == 404:
            response.close()
            raise NotFound(f"there is no container {self._id}", response=response)
        response.raise_for_status()
        return response

    def _ended(self, code: int) -> Ended:
        if code != KILLED:
            return Ended(code)
        try:
            killed = self._client.inspect_container(self._id)["State"]["OOMKilled"]
        except (DockerException, RequestException, KeyError):
            killed = False
        return Ended(code, "it was killed for using more memory than its limit" if killed else "")


def connect(settings: Mapping[str, object]) -> DockerRuntime:
    """Settings: `address` (default: DOCKER_HOST, else the usual socket) and `network` (default: bridge)."""
    address = str(settings.get("address") or os.environ.get("DOCKER_HOST") or USUAL_SOCKET)
    try:
        if address.startswith("unix://"):
            with socket.socket(socket.AF_UNIX) as knock:
                knock.connect(address.removeprefix("unix://"))
        # TLS for tcp:// comes from DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, as for the docker command.
        client = docker.APIClient(
            version="auto", timeout=SECONDS, **kwargs_from_env({**os.environ, "DOCKER_HOST": address})
        )
    except (DockerException, RequestException, OSError) as error:
        raise Stalled(
            f"no Docker engine answers at {address}: {_one_line(error)}",
            "Start it, or let this user use it (group docker), or choose another runtime.",
        ) from error
    return DockerRuntime(client, address, str(settings.get("network") or "bridge"))


def _read(response: Response) -> Iterator[list[Piece]]:
    """The frames of a multiplexed answer, as they come."""
    frames = Frames()
    with response:
        while data := response.raw.read1(CHUNK):
            yield list(frames.feed(data))


@contextmanager
def _translated(what: str, attempt: str = "") -> Iterator[None]:
    try:
        yield
    except APIError as error:
        if attempt and error.status_code == 409:
            raise Refused(f"attempt {attempt} has a container already") from error
        if error.status_code is not None and error.status_code in (502, 503, 504):
            raise Waiting(f"{what}: {_one_line(error.explanation)}", after=1) from error
        raise Stalled(f"{what}: {_one_line(error.explanation or str(error))}") from error
    except (DockerException, RequestException, HTTPError, OSError) as error:
        raise Waiting(f"{what}: {_one_line(str(error))}", after=1) from error


def _name(attempt: str) -> str:
    return f"luotsi-{attempt}"


def _digest(image: str, found: Mapping[str, Any]) -> str:
    """The digest in the registry that the image was named by, else the engine's own id."""
    repository, _ = parse_repository_tag(image)
    for known in found.get("RepoDigests") or []:
        name, _, digest = known.partition("@")
        if name == repository or name.removeprefix("docker.io/").removeprefix("library/") == repository:
            return str(digest)
    return str(found["Id"])


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:500]
