"""Runs commands as containers of a Docker engine. The engine keeps both streams, so a container is adopted with its log.

A container is named after its attempt, so that it can never be made twice. Calls to the engine: inspect the image, create,
attach (lasts as long as the container), start, wait, remove. The log that the engine keeps is read only after a break.
"""

import json
import math
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException, NotFound
from docker.types import LogConfig
from docker.utils import kwargs_from_env
from requests import Response
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from agent.core import position
from agent.core.frames import Frames, Stamped, joined
from agent.core.outcome import KILLED
from agent.runtimes import engine_options
from agent.runtimes.engine import one_line, translated
from agent.runtimes.engine_images import Images
from agent.runtimes.port import FOLDERS, Ended, Image, Needs, Piece, Places, Running, Spec
from schemas.engine_limits import GPU
from schemas.errors import Refused, Stalled, Waiting

USUAL_SOCKET = "unix:///var/run/docker.sock"
HOME = "/valohai"
READ_ONLY = frozenset({"inputs", "config"})
SECONDS = 120
"""For one call of the engine that should answer soon."""

CHUNK = 256 * 1024

# SIGTERM to all but process 1, once by pid and name, until the container ends: what is started meanwhile is told as well,
# and so is a child that was told before it became another program, since that may have lost the signal.
TELL = """
told=' '
while :; do
    for folder in /proc/[0-9]*; do
        pid=${folder#/proc/}
        [ "$pid" != 1 ] && [ "$pid" != $$ ] && read -r name 2>/dev/null <"$folder/comm" || continue
        case "$told" in *" $pid:$name "*) continue ;; esac
        told="$told$pid:$name "
        kill -TERM "$pid"
    done
    sleep 1
done
"""


class DockerRuntime:
    """See the port."""

    takes_untrusted = True

    def __init__(self, client: docker.APIClient, address: str, network: str) -> None:
        self._client = client
        self._network = network
        self._images = Images(client)
        self.engine: str | None = address
        with translated("the Docker engine does not answer"):
            self.label = f"docker {client.version()['Version']}"
            about = client.info()
        self._machine = float(about.get("NCPU") or 0), int(about.get("MemTotal") or 0) // (1024 * 1024)
        self._has_gpus = "nvidia" in (about.get("Runtimes") or {})

    def places(self, folder: Path) -> Places:
        """`/valohai/...`, wherever the folder is."""
        return Places(*(f"{HOME}/{name}" for name in FOLDERS))

    def resolve(self, image: str, fresh: bool, say: Callable[[str], None], pin: str = "") -> Image:
        """See the port."""
        return self._images.pinned(image, pin, say) if pin else self._images.named(image, fresh, say)

    def fit(self, needs: Needs) -> tuple[str, ...]:
        """See the port. An engine keeps them all, but for devices that it does not know."""
        for name, count in (needs.devices or {}).items():
            if count and name != GPU:
                raise Refused(
                    f"the device {name} cannot be given to a container: Docker hands out {GPU} only",
                    "Take it out of the step's `resources`, or send the step to an environment that has it.",
                )
        return ()

    def host(self, network: str) -> str | None:
        """See the port: the gateway of a bridge is this machine, if the engine runs on it."""
        name = network or self._network
        if not str(self.engine).startswith("unix://") or name == "none" or name.startswith("container:"):
            return None
        if name == "host":
            return "127.0.0.1"
        with translated(f"the engine does not know the network {name}"):
            plan = self._client.inspect_network("bridge" if name == "default" else name)["IPAM"]["Config"]
        return next((str(part["Gateway"]) for part in plan or () if part.get("Gateway")), None)

    def machine(self) -> tuple[float, int]:
        """See the port: as the engine sees it."""
        return self._machine

    def start(self, spec: Spec) -> Running:
        """See the port."""
        with translated(f"the engine cannot make the container of {spec.image.name}", spec.attempt):
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
            with translated(f"the engine cannot start the command in {spec.image.name}"):
                run.attach()
                self._client.start(_name(spec.attempt))
        except Stalled:
            run.leave()
            run.remove()
            raise
        return run

    def adopt(self, attempt: str, own: Path) -> Running | None:
        """See the port."""
        with translated("the Docker engine does not answer"):
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
        with translated("the Docker engine does not answer"):
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
        for name in spec.writable:
            below = f"inputs/{name}"
            binds[str(spec.folder / below)] = {"bind": f"{HOME}/{below}", "mode": "rw"}
        return self._client.create_host_config(
            binds=binds,
            network_mode=spec.needs.network or self._network,
            mounts=[engine_options.mount(mount) for mount in spec.needs.mounts],
            device_requests=engine_options.devices(spec.needs, self._has_gpus),
            # Every byte as it was printed (json-file replaces what is no UTF-8), and never rotated: an adopted container's
            # log is read again from its start, and counted.
            log_config=LogConfig(
                type="local", config={"max-size": "1000t", "max-file": "1", "compress": "false"}
            ),
            **engine_options.limits(spec.needs),
        )


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
        """See the port. A shell that is process 1 hands no SIGTERM on: its children are told themselves, after it."""
        try:
            self._client.kill(self._id, "SIGTERM")
            told = self._client.exec_create(self._id, ["/bin/sh", "-c", TELL])
            self._client.exec_start(told["Id"], detach=True)
        except (DockerException, RequestException):
            pass  # it has ended, or its image has no shell
        try:
            self._client.wait(self._id, timeout=max(1, math.ceil(grace)), condition="not-running")
        except (DockerException, RequestException):
            pass  # the grace is over
        try:
            with translated("the engine cannot stop the container"):
                self._client.stop(self._id, timeout=0)
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
        with translated("the engine cannot remove a container"):
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
            f"no Docker engine answers at {address}: {one_line(error)}",
            "Start it, or let this user use it (group docker), or choose another runtime.",
        ) from error
    return DockerRuntime(client, address, str(settings.get("network") or "bridge"))


def _read(response: Response) -> Iterator[list[Piece]]:
    """The frames of a multiplexed answer, as they come."""
    frames = Frames()
    with response:
        while data := response.raw.read1(CHUNK):
            yield list(frames.feed(data))


def _name(attempt: str) -> str:
    return f"luotsi-{attempt}"
