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
from controller.git.watch import Watcher
from controller.ports import Ports
from ledger import agents, repositories
from queues import wake
from schemas.errors import LuotsiError

log = structlog.get_logger()

BUSY = 0.2
"""Seconds to wait for the next turn while work is going on: a wake comes sooner."""
LOST_WAKE = 5.0
"""Seconds after which a turn is taken although nobody woke it: what a lost wake-up costs."""


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


def turn(ports: Ports, hinted: set[str]) -> int:
    """One whole turn; how many things changed. Taking another one when nothing happened changes nothing."""
    hinted = hinted | operators.handle(ports)
    steps: tuple[Callable[[Ports], int], ...] = (
        lambda ports: observe.look(ports, hinted),
        judge.judge,
        decide.decide,
        results.collect,
        live.follow,
        advance.advance,
        promotions.promote,
        dispatch.dispatch,
        serve.serve,
        report.report,
        report.put_records,
    )
    return sum(step(ports) for step in steps)


def run(ports: Ports) -> None:
    """Take turns until `ports.stopping` is set."""
    prepare(ports)
    hints = Hints()

    def on_file_event(name: str) -> None:
        hints.add(name)
        wake.wake(ports.redis)

    watcher = Watcher({w.name: w.address for w in ports.settings.repositories}, on_file_event)
    watcher.start()
    log.info("watching", repositories=[watched.name for watched in ports.settings.repositories])
    pending: set[str] = set()
    try:
        while not ports.stopping.is_set():
            pending |= hints.take()
            try:
                changed = turn(ports, pending)
                pending = set()
            except (LuotsiError, SQLAlchemyError) as error:
                # The ledger itself does not answer: nothing can be decided, nothing is lost.
                log.error("a turn could not be finished", reason=str(error))
                changed = 0
            wake.wait(ports.redis, BUSY if changed else LOST_WAKE, stop=ports.stopping)
    finally:
        watcher.stop()
