"""Trying again: with growing pauses that differ between agents, for a bounded time, and never past an order to end."""

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from schemas.errors import LuotsiError, Stalled, Waiting

T = TypeVar("T")


def keep_trying(
    action: Callable[[], T],
    pause: threading.Event,
    seconds: float | None = None,
    check: Callable[[], None] | None = None,
    say: Callable[[str], None] | None = None,
    kinds: tuple[type[LuotsiError], ...] = (Waiting, Stalled),
) -> T:
    """The first answer of `action`. Errors of `kinds` are tried again, for at most `seconds` (None: without end).

    After that the last of them is raised; any other error at once. `check` may raise between tries; setting `pause`
    makes it asked at once. `say` hears about trouble once.
    """
    end = None if seconds is None else time.monotonic() + seconds
    delay, told = 0.2, False
    while True:
        if check:
            check()
        try:
            return action()
        except kinds as error:
            wanted = min(error.after, 60.0) if isinstance(error, Waiting) else 0.0
            wait = max(wanted, delay) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
            if end is not None and time.monotonic() + wait > end:
                raise
            if say and not told:
                say(_told(error))
                told = True
            pause.wait(wait)
            delay = min(delay * 2, 15.0)


def _told(error: LuotsiError) -> str:
    return f"{error.message}; trying again"
