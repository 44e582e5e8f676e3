"""What the dashboard is made of. The door builds these and hands them in; nothing here opens a connection."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import BoundedSemaphore
from time import sleep
from typing import Literal

from redis import Redis

from ledger.database import Ledger
from schemas import moments
from stores.port import Store

LIVE_CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Notice:
    """What holds for the whole installation just now. `kind`: `maintenance`, or `trouble` that a person has to end."""

    kind: Literal["maintenance", "trouble"]
    text: str


@dataclass(frozen=True, slots=True)
class DashboardParts:
    """The read-only ledger, the stores that can be reached from here, and Redis for live logs (None: there is none).

    `live_seconds` bounds one live connection, after which the browser comes back by itself; `live` bounds how many there
    are at once, since each holds a thread; `alive_seconds` is how long after its last renewal an agent counts as there.
    """

    ledger: Ledger
    stores: Mapping[str, Store]
    redis: Redis | None = None
    now: Callable[[], datetime] = moments.now
    name: str = "Luotsi"
    pause: Callable[[float], None] = sleep
    live_seconds: float = 600
    alive_seconds: float = 90
    notices: Callable[[], tuple[Notice, ...]] = tuple
    live: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(LIVE_CONNECTIONS))
