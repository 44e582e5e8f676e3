"""The port to an inference cluster: the place where promoted versions answer requests.

A cluster holds no opinion. It is told what a stage should serve and moves towards it one step a call; what runs is told
apart by digest, so that the chain tag -> version -> image digest -> running digest can be compared.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from schemas.messages.job import Resources


class ServingState(StrEnum):
    """How far a cluster is with what it was asked to serve. `serving` and `failed` are where it rests."""

    STARTING = "starting"
    """It is fetched or started; or it failed a moment ago and is tried again after a pause."""
    CHECKING = "checking"
    """It runs; its port is tried, then its smoke request."""
    SWITCHED = "switched"
    """Requests reach it already; the one before answers what it had begun."""
    SERVING = "serving"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Smoke:
    """A request that a new endpoint must answer with status `expect` before it is trusted.

    POST with `body` (JSON unless it does not look like it), or GET where `body` is None.
    """

    body: bytes | None = None
    expect: int = 200


@dataclass(frozen=True, slots=True)
class Serving:
    """What one stage of one model should serve. `name` is its identity in the cluster.

    `reference` and `digest` are those of `schemas.messages.result.Built`. `command` is for a shell (`schemas/shell.py`), as a bundle has it too; an image
    has its own. `prefix` is the path under which the gateway gives it to the world: `/<repository>/<model>/<stage>/<endpoint>`.
    """

    repository: str
    project: str
    model: str
    stage: str
    version: str
    kind: Literal["image", "bundle"]
    reference: str
    digest: str
    port: int
    prefix: str
    command: str = ""
    replicas: int = 1
    smoke: Smoke | None = None
    aliases: tuple[str, ...] = ()
    """More paths that lead to the same replicas. Changing them changes the routes alone: nothing is started or ended."""
    resources: Resources = field(default_factory=Resources)
    """Of one replica. A cluster bounds what says nothing, and plain processes cannot be bounded."""

    @property
    def name(self) -> str:
        """`<repository>/<model>/<stage>`: one per cluster, whatever version serves there."""
        return f"{self.repository}/{self.model}/{self.stage}"


@dataclass(frozen=True, slots=True)
class Applied:
    """The answer of one step. `digest` and `address` are of what requests reach now: the old one until the switch, "" for none.

    `reason` is a sentence for people. With `failed` it ends with the last lines of the endpoint's log.
    """

    state: ServingState
    reason: str
    digest: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """What a name serves at this moment, as the cluster itself says, not as it was told.

    `digest` is read from what runs. `healthy`: every replica runs and takes connections. `detail` is a sentence.
    """

    name: str
    model: str
    stage: str
    version: str
    digest: str
    address: str
    healthy: bool
    detail: str
    aliases: tuple[str, ...] = ()


class Cluster(Protocol):
    """Serves models. Used by one thread of one controller; a second controller on the same cluster is refused elsewhere.

    Every call is level-triggered, idempotent and short (a second at most): nothing is awaited, the caller comes again. State
    lies in the cluster, so that a new controller finds what the one before left and doubles nothing. Raises `Waiting` when the
    cluster does not answer and `Stalled` when a person has to act (rights, a missing program); both leave what serves alone.
    """

    name: str

    def apply(self, wanted: Serving) -> Applied:
        """One step towards `wanted`. Call again until `serving` or `failed`, and then in every turn: that repairs drift.

        The new one is started beside the old and takes over only when it is healthy. One that fails is ended, leaves the old
        one serving, and answers `failed` once; a further call begins anew, after a pause that grows with each failure in a row.
        Asking for another digest before the end abandons the unfinished one.
        """
        ...

    def observe(self) -> tuple[Observed, ...]:
        """Everything that is served, and everything that runs without being served yet (`digest` and `address` are "")."""
        ...

    def end(self, name: str) -> bool:
        """Take the route away and ask everything of that name to leave. True when nothing is left; else call again.

        What does not leave in its grace is made to by any later call. A name that is not there is True at once.
        """
        ...
