"""One turn, the shape of everything: observe, decide, perform, record. Everything is computed again from git, ledger and stores.

A delivery, a file event or a result only wakes a turn. A lost or doubled one, a restart, a dead agent, an emptied Redis heal
in the next turn by the same code; there is no second path for recovery.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import SQLAlchemyError

from controller import (
    advance,
    decide,
    dispatch,
    judge,
    live,
    observe,
    operators,
    promotions,
    report,
    results,
    serve,
)
from controller.git import watch
from controller.ports import Ports
from ledger import agents, attempts, registry, repositories
from queues import wake
from schemas.errors import LuotsiError

log = structlog.get_logger()

QUIET = 5.0
"""Seconds after which a turn is taken although nobody woke it: what a lost wake-up costs."""
LIVE = 0.5
"""The same while something runs or is on its way: metrics are read, endpoints are checked."""
BUSY = 0.02
"""The same right after a turn that changed something: what it changed may allow more."""


@dataclass(slots=True)
class Hints:
    """Names of repositories that should be looked at now. File events and deliveries add, a turn takes all."""

    _names: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str) -> None:
        """This repository may have moved."""
        with self._lock:
            self._names.add(name)

    def take(self) -> set[str]:
        """All names so far; they are forgotten."""
        with self._lock:
            names, self._names = self._names, set()
        return names


def prepare(ports: Ports) -> None:
    """Record what the settings name: environments and repositories. Run once at the start, and when settings change."""
    now = ports.clock()
    with ports.ledger.write() as connection:
        for environment in ports.settings.environments:
            agents.ensure_environment(connection, environment.id, environment.name, now)
        for watched in ports.settings.repositories:
            branch = watched.default_branch or "main"
            repositories.ensure(connection, watched.name, watched.address, branch, now)
        repositories.retire(connection, {watched.name for watched in ports.settings.repositories}, now)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn came to: how many things changed, and whether anything is under way that changes without a wake."""

    changed: int
    live: bool


def turn(ports: Ports, hinted: set[str]) -> Turn:
    """One whole turn. Taking another one when nothing happened changes nothing."""
    hinted = hinted | operators.handle(ports)
    steps: tuple[Callable[[Ports], int], ...] = (
        lambda ports: observe.look(ports, hinted),
        judge.judge,
        decide.decide,
        results.collect,
        advance.advance,
        promotions.promote,
        dispatch.dispatch,
        serve.serve,
        report.report,
        report.put_records,
    )
    changed = sum(step(ports) for step in steps)
    live.follow(ports)
    with ports.ledger.read() as connection:
        under_way = attempts.any_live(connection) or registry.any_moving(connection)
    return Turn(changed, under_way)


def run(ports: Ports) -> None:
    """Take turns until `ports.stopping` is set."""
    prepare(ports)
    hints = Hints()

    def on_file_event(name: str) -> None:
        hints.add(name)
        wake.wake(ports.redis)

    watcher = watch.RefWatch(on_file_event)
    log.info("watching", repositories=[watched.name for watched in ports.settings.repositories])
    pending: set[str] = set()
    try:
        while not ports.stopping.is_set():
            for watched in ports.settings.repositories:
                watcher.add(watched.name, watched.address)
            pending |= hints.take()
            try:
                taken = turn(ports, pending)
                pending = set()
            except (LuotsiError, SQLAlchemyError) as error:
                # The ledger itself does not answer: nothing can be decided, nothing is lost.
                log.error("a turn could not be finished", reason=str(error))
                taken = Turn(0, live=False)
            pause = BUSY if taken.changed else LIVE if taken.live else QUIET
            wake.wait(ports.redis, pause, stop=ports.stopping)
    finally:
        watcher.stop()
