"""One item's bug stays that item's. The only place in the controller that catches what nobody foresaw."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

from schemas.errors import LuotsiError

log = structlog.get_logger()

T = TypeVar("T")


def each(items: Iterable[T], act: Callable[[T], bool], on_bug: Callable[[T, Exception], object]) -> int:
    """Act on every item; how many said that they changed something.

    A `LuotsiError` is a sentence for people: it is logged, and the item is tried again next turn. Anything else is a bug: it is
    logged with its traceback, and `on_bug` ends the item so that it cannot block a turn again.
    """
    changed = 0
    for item in items:
        try:
            changed += bool(act(item))
        except LuotsiError as error:
            log.warning("not yet", item=str(item)[:120], reason=str(error))
        except Exception as bug:  # the one handler of this process: a bug must not stop the others
            log.exception("a bug stopped one item", item=str(item)[:120])
            on_bug(item, bug)
    return changed
