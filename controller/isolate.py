"""One item's bug stays that item's. The only place in the controller that catches what nobody foresaw.

That the ledger is away, full or busy is no bug and no item's: it is raised at once, ends the turn, and nothing is recorded.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

from ledger.outages import is_outage
from schemas.errors import LuotsiError, Stalled, Waiting

log = structlog.get_logger()

T = TypeVar("T")


def each(items: Iterable[T], act: Callable[[T], bool], on_bug: Callable[[T, Exception], object]) -> int:
    """Act on every item; how many said that they changed something.

    A `LuotsiError` is a sentence for people: it is logged, and the item is tried again next turn. Anything else is a bug: it is
    logged with its traceback, and `on_bug` ends the item so that it cannot block a turn again. An outage of the ledger is raised.
    """
    changed = 0
    for item in items:
        try:
            changed += bool(act(item))
        except LuotsiError as error:
            log.warning("not yet", item=str(item)[:120], reason=str(error))
        except Exception as bug:  # the one handler of this process: a bug must not stop the others
            if is_outage(bug):
                raise
            log.exception("a bug stopped one item", item=str(item)[:120])
            on_bug(item, bug)
    return changed


def every(steps: Iterable[Callable[[], int]]) -> int:
    """Take every step; the sum of what they give.

    What nobody foresaw is logged, and the first such is raised when all steps have been taken. An outage of the ledger is
    raised at once: no other step would fare better.
    """
    changed = 0
    first: Exception | None = None
    for step in steps:
        try:
            changed += step()
        except Exception as bug:
            if is_outage(bug):
                raise
            log.exception("a bug stopped one step")
            first = first or bug
    if first is not None:
        raise first
    return changed


def instead(act: Callable[[], T], otherwise: Callable[[Exception], T]) -> T:
    """What `act` gives; where it cannot ever give it, because of a bug or of what is kept, what `otherwise` gives.

    `Waiting`, `Stalled` and outages of the ledger pass through: `act` may give it later.
    """
    try:
        return act()
    except (Waiting, Stalled):
        raise
    except Exception as bug:
        if is_outage(bug):
            raise
        log.exception("a bug stopped one thing")
        return otherwise(bug)
