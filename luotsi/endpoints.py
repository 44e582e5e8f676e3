"""The endpoints of an installation's clusters, for those who start and end installations."""

import threading
import time

from controller.inference.port import Cluster
from luotsi import wiring
from luotsi.installation import Installation
from schemas.errors import LuotsiError

PACE = 0.1
PATIENCE = 20.0
"""Seconds that endpoints may take to end: their grace, and the engine's own time."""


def running(opened: Installation) -> tuple[str, ...] | None:
    """Names of what runs, also of what no request reaches yet. None where a cluster cannot be asked."""
    try:
        return tuple(name for cluster in wiring.open_clusters(opened).values() for name in _names(cluster))
    except LuotsiError:
        return None


def end(opened: Installation, seconds: float = PATIENCE) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """End all of them: those that ended, and those that did not in time. Raises what a cluster raises.

    Nothing else may work on the clusters: a controller would start them again.
    """
    ended, left, deadline, pause = [], [], time.monotonic() + seconds, threading.Event()
    for cluster in wiring.open_clusters(opened).values():
        names = set(_names(cluster))
        there = sorted(names)
        while there and time.monotonic() < deadline:
            there = [name for name in there if not cluster.end(name)]
            if there:
                pause.wait(PACE)
        ended += sorted(names - set(there))
        left += there
    return tuple(ended), tuple(left)


def _names(cluster: Cluster) -> list[str]:
    return [observed.name for observed in cluster.observe()]
