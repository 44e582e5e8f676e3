"""One turn, the shape of everything: observe, decide, perform, record. Everything is computed again from git, ledger and stores.

A delivery, a file event or a result only wakes a turn. A lost or doubled one, a restart, a dead agent, an emptied Redis heal
in the next turn by the same code; there is no second path for recovery.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from controller import isolate, operators
from controller.attempts import dispatch, live, results
from controller.forge import showing
from controller.forge import talk as forge_talk
from controller.git import address as addresses
from controller.git import watch
from controller.ports import Ports
from controller.pulls import events as forge_events
from controller.pulls import trust as pull_trust
from controller.reporting import report
from controller.running import advance
from controller.serving import deploying, promotions, serve
from controller.triggering import concurrency, decide, schedules
from controller.watching import judge, observe
from ledger import agents, attempts, deployments, in_use, registry, repositories
from queues import wake
from schemas.errors import ConfigError, LuotsiError

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

    def add(self, name: str) -> bool:
        """This repository may have moved. True for the first since they were taken: it is the one to ask for a turn."""
        with self._lock:
            first = not self._names
            self._names.add(name)
            return first

    def take(self) -> set[str]:
        """All names so far; they are forgotten."""
        with self._lock:
            names, self._names = self._names, set()
        return names


def prepare(ports: Ports) -> None:
    """Record what the settings name: environments and repositories. Run once at the start, and when settings change.

    Raises `ConfigError`, and changes nothing, where two entries are one repository.
    """
    now = ports.clock()
    with ports.ledger.write() as connection:
        # First, so that a name that is gone leaves its history to the new name of the same address.
        repositories.retire(connection, {watched.name for watched in ports.settings.repositories}, now)
        for environment in ports.settings.environments:
            agents.ensure_environment(connection, environment.id, environment.name, now)
        for watched in ports.settings.repositories:
            branch = watched.default_branch or "main"
            repositories.ensure(
                connection,
                watched.name,
                watched.address,
                branch,
                now,
                watched.roots,
                repositories.AtForge(watched.forge, watched.slug, addresses.spelling(watched.address)),
            )


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn came to: how many things changed, and whether anything is under way that changes without a wake."""

    changed: int
    live: bool


def turn(ports: Ports, hinted: set[str]) -> Turn:
    """One whole turn, forges too. Taking another one when nothing happened changes nothing."""
    heard = forge_talk.listen(ports)
    taken = act(ports, hinted | heard)
    return Turn(len(heard) + taken.changed + forge_talk.speak(ports), taken.live)


def act(ports: Ports, hinted: set[str]) -> Turn:
    """A turn without what waits for forges: they may be slow, and nobody else waits for them.

    A step that meets what nobody foresaw keeps none of the others back. It is raised when all have been taken.
    """
    hinted = hinted | operators.handle(ports) | forge_events.to_look_at(ports)
    steps: tuple[Callable[[Ports], int], ...] = (
        lambda ports: observe.look(ports, hinted),
        forge_events.see,
        judge.judge,
        pull_trust.review,
        decide.decide,
        forge_events.decide,
        schedules.fire,
        results.collect,
        _advance,
        promotions.promote,
        dispatch.dispatch,
        serve.serve,
        deploying.serve,
        showing.show,
        report.report,
        report.put_records,
        _follow,
    )
    changed = isolate.every(partial(step, ports) for step in steps)
    with ports.ledger.read() as connection:
        under_way = (
            attempts.any_live(connection)
            or registry.any_moving(connection)
            or deployments.any_moving(connection)
        )
    return Turn(changed, under_way)


def _follow(ports: Ports) -> int:
    """What was read changes nothing that another turn could go on with."""
    live.follow(ports)
    return 0


def _advance(ports: Ports) -> int:
    held = concurrency.hold(ports)
    return held.changed + advance.advance(ports, held.runs | pull_trust.resting(ports))


class Newer(Protocol):
    """Where other parts come from when the settings have changed."""

    def fresh(self, ports: Ports) -> Ports | None:
        """The parts for the settings as they are now, with the same ledger and the rest; None: nothing has changed."""
        ...

    def taken(self) -> None:
        """What `fresh` gave last is in use."""
        ...

    def refused(self, reason: str) -> None:
        """What `fresh` gave last cannot be taken up: the parts of before go on."""
        ...


def _begin(ports: Ports, newer: Newer | None) -> None:
    try:
        prepare(ports)
    except ConfigError as error:
        if newer is not None:
            newer.refused(str(error))
        raise


@dataclass(slots=True)
class FileEvents:
    """Of which repositories file events are heard, and what was said of those whose events the kernel refuses."""

    watcher: watch.RefWatch
    said: str | None = None

    def follow(self, ports: Ports) -> None:
        """Watch what the settings name, and say where that cannot be: then the clock alone says when to look."""
        for watched in ports.settings.repositories:
            self.watcher.add(watched.name, watched.address)
        trouble = self.watcher.trouble
        if trouble == self.said:
            return
        if trouble:
            log.warning("file events are refused", reason=trouble)
        try:
            with ports.ledger.write() as connection:
                in_use.hold_deaf(connection, trouble, ports.clock())
        except (LuotsiError, SQLAlchemyError) as error:
            log.error("the ledger cannot be told which file events are heard", reason=str(error))
            return
        self.said = trouble

    def change(self, old: Ports, new: Ports) -> None:
        """The settings name other repositories."""
        kept = {one.name for one in new.settings.repositories}
        for gone in {one.name for one in old.settings.repositories} - kept:
            self.watcher.remove(gone)


def run(ports: Ports, newer: Newer | None = None) -> None:
    """Take turns until `ports.stopping` is set, each with the settings as `newer` has them by then."""
    _begin(ports, newer)
    hints = Hints()

    def on_file_event(name: str) -> None:
        # One wake for a thousand: they come one after another, and Redis may be slow to refuse each.
        if hints.add(name):
            wake.wake(ports.redis)

    files = FileEvents(watch.RefWatch(on_file_event))
    talk = forge_talk.Talk(ports, on_file_event)
    talk.start()
    log.info("watching", repositories=[watched.name for watched in ports.settings.repositories])
    pending: set[str] = set()
    change = _Change(newer) if newer is not None else None
    try:
        while not ports.stopping.is_set():
            if change is not None and (fresh := change.take(ports)) is not None:
                files.change(ports, fresh)
                ports = fresh
                talk.use(ports)
            files.follow(ports)
            pending |= hints.take()
            try:
                taken = act(ports, pending)
                pending = set()
                if taken.changed:
                    talk.wake()
            except (LuotsiError, SQLAlchemyError) as error:
                # The ledger itself does not answer: nothing can be decided, nothing is lost.
                log.error("a turn could not be finished", reason=str(error))
                taken = Turn(0, live=False)
            except Exception:  # what the other steps did is done
                log.exception("a bug stopped a part of a turn")
                pending, taken = set(), Turn(0, live=True)
            pause = BUSY if taken.changed else LIVE if taken.live else QUIET
            if wake.wait(ports.redis, pause, stop=ports.stopping):
                talk.wake()
    finally:
        files.watcher.stop()
        talk.stop()


@dataclass(slots=True)
class _Change:
    """Other parts on their way: the ledger has to take what they name first."""

    newer: Newer
    waiting: Ports | None = None

    def take(self, ports: Ports) -> Ports | None:
        """The parts to go on with, if there are others and the ledger has taken them."""
        self.waiting = fresh = self.newer.fresh(ports) or self.waiting
        if fresh is None:
            return None
        try:
            prepare(fresh)
        except ConfigError as error:
            self.waiting = None
            self.newer.refused(str(error))
            return None
        except (LuotsiError, SQLAlchemyError) as error:
            log.error("the settings cannot be taken up yet", reason=str(error))
            return None
        self.waiting = None
        self.newer.taken()
        return fresh
