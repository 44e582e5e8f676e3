"""All that is asked of forges and told to them, in a thread of its own: a forge that is slow holds up nobody else.

The ledger lies between this and the turns: deliveries wait in the inbox, words in the outbox. Tests take both in one turn.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError

from controller import isolate
from controller.forge import comments as pull_comments
from controller.forge import hearing, polling, telling
from controller.ports import Ports
from forges.port import ForgeApi
from ledger import owed, repositories
from schemas.errors import LuotsiError

log = structlog.get_logger()

QUIET = 1.0
"""Seconds between two looks at inbox and outbox that nobody asked for."""


def listen(ports: Ports) -> set[str]:
    """Take what forges delivered, and ask for what they did not; repositories that should be looked at now, by name."""
    return hearing.hear(ports) | polling.ask(ports) if ports.forges else set()


def speak(ports: Ports) -> int:
    """Say what waits, and what a forge shows otherwise than it was told; how many words arrived."""
    if not ports.forges:
        return 0
    told: list[int] = []

    def tell(ports: Ports) -> int:
        told.append(telling.tell(ports))
        return told[-1]

    steps = (pull_comments.remind, telling.repair, telling.refresh, tell)
    isolate.every(partial(step, ports) for step in steps)
    return sum(told)


def _at_once(ports: Ports, forges: Collection[str]) -> None:
    """What happened meanwhile at these forges is asked for now, and what they did not take is said: not when it is due."""
    try:
        with ports.ledger.write() as connection:
            ids = [row.id for row in repositories.watched(connection) if row.forge in forges]
            owed.due_now(connection, ids)
            for id in ids:
                repositories.ask_again(connection, id)
    except SQLAlchemyError as error:
        log.error("the forges are asked later", reason=str(error))


class Talk:
    """The thread. `on_hint` is told the name of every repository that should be looked at now."""

    def __init__(self, ports: Ports, on_hint: Callable[[str], None]) -> None:
        self._ports = ports
        self._on_hint = on_hint
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="forges", daemon=True)

    def start(self) -> None:
        """Begin. Without a forge there is nothing to do, and no thread."""
        if self._ports.forges:
            self._thread.start()

    def use(self, ports: Ports) -> None:
        """Go on with these parts: the settings have changed, and there may be a forge now, or another login for one."""
        self._ports = ports
        self.wake()
        if ports.forges and not self._thread.is_alive() and not self._ended.is_set():
            self._thread.start()

    def wake(self) -> None:
        """There may be something to say."""
        self._wake.set()

    def stop(self, seconds: float = 30.0) -> None:
        """End after what is being said."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _hinted(self, step: Callable[[Ports], set[str]], ports: Ports) -> int:
        names = step(ports)
        for name in names:
            self._on_hint(name)
        return len(names)

    def _run(self) -> None:
        known: Mapping[str, ForgeApi] = {}
        while not self._ended.is_set():
            try:
                ports = self._ports
                # Here, since a round under the settings of before may have been on its way when they changed.
                if new := [name for name, api in ports.forges.items() if api is not known.get(name)]:
                    _at_once(ports, new)
                known = ports.forges
                hints = (hearing.hear, polling.ask) if ports.forges else ()
                isolate.every(
                    (*(partial(self._hinted, step, ports) for step in hints), partial(speak, ports))
                )
            except (LuotsiError, SQLAlchemyError) as error:
                log.error("the forges could not be talked to", reason=str(error))
            except Exception:  # a thread that ends silently would leave every check as it stands
                log.exception("a bug stopped the talk with the forges once")
            self._wake.wait(QUIET)
            self._wake.clear()
