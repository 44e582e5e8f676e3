"""Replicas as containers of a Docker engine, from images. Published on 127.0.0.1 alone; found again by their labels."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any
from uuid import uuid4

import docker
import requests.exceptions
import urllib3.exceptions
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import DeviceRequest, LogConfig

from controller.inference.instances import ANYWHERE, LOOPBACK, Instance, Starts, environment
from controller.inference.port import Serving
from schemas.engine_limits import GPU, limits
from schemas.errors import Refused, Stalled, Waiting
from schemas.messages.job import Resources

LABEL = "luotsi.serving"
"""Its value is the served name; labels below it carry the rest. `luotsi.cluster` tells installations on one engine apart."""
GROUP = {"TINI_KILL_PROCESS_GROUP": "1"}
"""Has the engine's init pass a signal on to the server too, not only to the shell that waits for it (tini's own variable)."""
SHARE = 0.5
"""Of the engine's memory: what an endpoint may use that does not say how much."""
PIDS = 4096
"""Processes and threads of one replica; a server with many workers has some hundreds."""
LOGS = LogConfig(type="json-file", config={"max-size": "10m", "max-file": "2"})


class Containers:
    """The runner for images. `cluster` is an id that no other cluster on this engine has."""

    def __init__(self, engine: str, cluster: str) -> None:
        self._engine = engine
        self._cluster = cluster
        self._client: docker.DockerClient | None = None
        self._digests: dict[str, frozenset[str]] = {}
        self._memory = 0
        self._starts = Starts()
        self._lock = Lock()

    def start(self, wanted: Serving) -> None:
        identity = uuid4().hex
        self._starts.begin(identity)
        try:
            with _speaking(self._engine):
                self._run(identity, wanted)
        finally:
            self._starts.end(identity)

    def _run(self, identity: str, wanted: Serving) -> None:
        client = self._connected()
        self._fetch(client, wanted)
        container = client.containers.create(
            wanted.reference,
            detach=True,
            init=True,
            labels=self._labels(identity, wanted),
            environment=GROUP | environment(wanted, ANYWHERE, wanted.port),
            ports={f"{wanted.port}/tcp": (LOOPBACK, 0)},
            security_opt=["no-new-privileges"],
            log_config=LOGS,
            **self._bounds(client, wanted.resources),
        )
        try:
            container.start()
        except APIError as error:
            container.remove(force=True)
            raise Refused(f"the engine could not start it: {error.explanation}") from error

    def _bounds(self, client: docker.DockerClient, asked: Resources) -> dict[str, Any]:
        """What one replica may use: never all of the machine's memory, nor all of its process numbers."""
        if not self._memory:
            self._memory = int(client.info().get("MemTotal") or 0) // (1024 * 1024)
        most = asked.memory_max or max(asked.memory_min, int(self._memory * SHARE))
        gpus = (asked.devices or {}).get(GPU, 0)
        return {
            **limits(asked.cpu_min, asked.cpu_max, asked.memory_min, most),
            "pids_limit": PIDS,
            "device_requests": [DeviceRequest(count=gpus, capabilities=[["gpu"]])] if gpus else [],
        }

    def _fetch(self, client: docker.DockerClient, wanted: Serving) -> None:
        try:
            image = client.images.get(wanted.reference)
        except ImageNotFound:
            if "/" not in wanted.reference:
                raise Refused(
                    f"image {wanted.reference} is not in the engine any more and lies in no registry; build it again"
                ) from None
            image = client.images.pull(wanted.reference)
        if not self._goes_by(str(image.id), wanted.digest):
            raise Refused(f"{wanted.reference} is {image.id} in the engine, not {wanted.digest}")

    def _labels(self, identity: str, wanted: Serving) -> dict[str, str]:
        return {
            LABEL: wanted.name,
            "luotsi.cluster": self._cluster,
            "luotsi.instance": identity,
            "luotsi.digest": wanted.digest,
            "luotsi.model": wanted.model,
            "luotsi.stage": wanted.stage,
            "luotsi.version": wanted.version,
        }

    def find(self) -> tuple[Instance, ...]:
        ours = {"label": [LABEL, f"luotsi.cluster={self._cluster}"]}
        with _speaking(self._engine):
            with self._starts.hidden() as starting:
                listed = self._connected().api.containers(all=True, filters=ours)
                ready = [item for item in listed if item["Labels"].get("luotsi.instance") not in starting()]
            ready = [item for item in ready if not self._left_over(item)]
            return tuple(self._seen(item) for item in sorted(ready, key=lambda item: str(item["Id"])))

    def _left_over(self, item: dict[str, Any]) -> bool:
        """Remove what a controller made and died before it started it."""
        if item["State"] != "created":
            return False
        with suppress(NotFound):
            self._connected().api.remove_container(item["Id"], v=True, force=True)
        return True

    def _seen(self, item: dict[str, Any]) -> Instance:
        labels = item["Labels"]
        alive = item["State"] == "running"
        said = labels.get("luotsi.digest", "")
        published = [
            port.get("PublicPort", 0) for port in item.get("Ports") or () if port.get("IP") == LOOPBACK
        ]
        return Instance(
            id=item["Id"],
            kind="image",
            name=labels[LABEL],
            digest=said if self._goes_by(item["ImageID"], said) else item["ImageID"],
            model=labels.get("luotsi.model", ""),
            stage=labels.get("luotsi.stage", ""),
            version=labels.get("luotsi.version", ""),
            host=LOOPBACK,
            port=next((port for port in published if port), 0),
            started=float(item["Created"]),
            alive=alive,
            ending="" if alive else self._ending(item),
        )

    def _goes_by(self, image: str, digest: str) -> bool:
        """Whether the image has that digest: as its own id, or as the one under which a registry holds it."""
        if digest in self._digests.get(image, {image}):
            return True
        try:
            held = self._connected().images.get(image).attrs.get("RepoDigests") or ()
        except ImageNotFound:
            return False
        self._digests[image] = frozenset({image, *(name.rpartition("@")[2] for name in held)})
        return digest in self._digests[image]

    def _ending(self, item: dict[str, Any]) -> str:
        try:
            state = self._connected().api.inspect_container(item["Id"])["State"]
        except NotFound:
            return "it is gone"
        if state.get("Error"):
            return str(state["Error"])
        return "out of memory" if state.get("OOMKilled") else f"exit code {state.get('ExitCode')}"

    def end(self, instance: Instance, *, now: bool) -> None:
        with _speaking(self._engine):
            try:
                if instance.alive and not now:
                    self._connected().api.kill(instance.id, "SIGTERM")
                else:
                    self._connected().api.remove_container(instance.id, v=True, force=True)
            except NotFound:
                return
            except APIError as error:
                # It ended, or its removal had begun, between our look and our word: the next look says so.
                if error.status_code != 409:
                    raise

    def log(self, instance: Instance, lines: int) -> str:
        with _speaking(self._engine):
            try:
                said: bytes = self._connected().api.logs(instance.id, tail=lines)
            except NotFound:
                return ""
        return said.decode(errors="replace").strip()

    def _connected(self) -> docker.DockerClient:
        with self._lock:
            if self._client is None:
                self._client = docker.DockerClient(base_url=self._engine, timeout=60)
            return self._client


@contextmanager
def _speaking(engine: str) -> Iterator[None]:
    """Turn what the engine's library raises into what to do about it."""
    try:
        yield
    except APIError as error:
        if error.is_server_error():
            raise Waiting(
                f"the container engine at {engine} failed: {error.explanation}", after=10
            ) from error
        raise Stalled(f"the container engine at {engine} refused: {error.explanation}") from error
    except (DockerException, requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        if "permission denied" in str(error).lower():
            raise Stalled(
                f"no right to use the container engine at {engine}",
                "Add the user to the group docker, or run as root.",
            ) from error
        raise Waiting(
            f"the container engine at {engine} does not answer ({time.strftime('%H:%M:%S')})", after=10
        ) from error
