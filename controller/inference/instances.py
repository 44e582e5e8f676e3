"""Instances: the running replicas of a served model. A local cluster has two ways to run them, behind one small port."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Literal, Protocol

from controller.inference.port import Serving

ANYWHERE = "0.0.0.0"  # noqa: S104  # inside a container, whose port is published on loopback alone
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Instance:
    """One replica as its runner sees it now. `kind` is what it runs from; `digest` is of what really runs.

    `started` is Unix time, in seconds. `port` is 0 while it listens nowhere that we know. `ending` says how it ended (`exit code 1`), when it is not `alive`.
    `exposed`: addresses of this machine beyond loopback at which it listens too, so that others reach it past the gateway.
    """

    id: str
    kind: Literal["image", "bundle"]
    name: str
    digest: str
    model: str
    stage: str
    version: str
    host: str
    port: int
    started: float
    alive: bool
    ending: str = ""
    exposed: tuple[str, ...] = ()


class Runner(Protocol):
    """Starts, finds and ends replicas. `start` may be called from several threads at once, the rest from one.

    All raise `Waiting` when what they stand on does not answer, and `Stalled` when a person has to act.
    """

    def start(self, wanted: Serving) -> None:
        """Fetch what is missing and start one replica; may take minutes. Raises `Refused` when what came is not the digest.

        The replica is in `find` when this returns, and not before.
        """
        ...

    def find(self) -> tuple[Instance, ...]:
        """Every replica of this cluster, whoever started it, dead ones too."""
        ...

    def end(self, instance: Instance, *, now: bool) -> None:
        """Ask it to leave (SIGTERM); with `now`, or when it is dead, remove it and all that it left."""
        ...

    def log(self, instance: Instance, lines: int) -> str:
        """The last lines that it printed, for people."""
        ...


class Starts:
    """Ids of replicas that are being started on other threads, which `find` must not take for dead ones."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._looking = Lock()

    def begin(self, identity: str) -> None:
        """From now on there may be something of that id, and it is hidden."""
        self._ids.add(identity)

    def end(self, identity: str) -> None:
        """It is whole, or all of it is gone. Waits while somebody looks."""
        with self._looking:
            self._ids.discard(identity)

    @contextmanager
    def hidden(self) -> Iterator[Callable[[], frozenset[str]]]:
        """For the time of a look: what it gives, called after the listing, is everything that was hidden meanwhile."""
        with self._looking:
            yield lambda: frozenset(self._ids)


def environment(wanted: Serving, host: str, port: int) -> dict[str, str]:
    """What an endpoint finds in its environment (contract, section 4). `host`: the address that it should listen on."""
    return {
        "LUOTSI_HOST": host,
        "VALOHAI_PORT": str(port),
        "VH_DEFAULT_PREFIX": wanted.prefix.strip("/"),
        "PYTHONUNBUFFERED": "1",
    }


def exposure(instances: Iterable[Instance]) -> str:
    """A sentence, with a space before it, about replicas that others reach past the gateway; "" where there are none."""
    addresses = sorted({address for instance in instances for address in instance.exposed})
    if not addresses:
        return ""
    return (
        f" It listens on {', '.join(addresses)}, where others reach it past the gateway: "
        "let it listen on the address in LUOTSI_HOST."
    )
