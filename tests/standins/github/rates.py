"""Rate limits: GitHub's page "Rate limits for the REST API", on the stand-in's clock.

Who calls has a budget of its own: a user, an installation, an app, or an address without authentication. Each window lasts
an hour from its first call. A secondary limit refuses everything of everybody until its time is over.
"""

import threading
from dataclasses import dataclass

from tests.standins.github.answers import Answer, error
from tests.standins.github.clock import Clock

HOUR = 3600.0
BUDGET = {"user": 5000, "installation": 5000, "app": 5000, "ip": 60}


@dataclass
class Window:
    limit: int
    used: int
    reset: float


class Rates:
    """`enabled`: GitHub Enterprise Server has no limits unless its owner sets them. `status`: 403 or 429, as either is documented."""

    def __init__(self, clock: Clock, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self.status = 403
        self.impatient = 0
        """Calls that came while a limit was told and not over: GitHub may ban who makes them."""
        self._clock = clock
        self._windows: dict[str, Window] = {}
        self._left: int | None = None
        self._secondary: tuple[float, int, int] | None = None
        self._lock = threading.Lock()

    def leave(self, remaining: int, who: str | None = None, reset_in: float = HOUR) -> None:
        """What is left until the window ends; `who` is `user:ID`, `installation:ID`, `app:ID` or `ip`, None all."""
        with self._lock:
            if who is None:
                self._left = remaining
            for key in self._windows if who is None else [who]:
                self._set(key, remaining, reset_in)

    def secondary(self, retry_after: float = 60, status: int = 403, calls: int = 0) -> None:
        """From now on a secondary limit holds, for so many seconds; `calls`: only for so many calls."""
        self._secondary = (self._clock.seconds() + retry_after, status, calls or -1)

    def charge(self, who: str) -> Answer | None:
        """Counts a call; the answer that refuses it, or None."""
        with self._lock:
            if (refusal := self._second()) is not None:
                return refusal
            window = self._window(who)
            if not self.enabled:
                return None
            if window.used >= window.limit:
                self.impatient += 1
                return error(self.status, f"API rate limit exceeded for {who}.")
            window.used += 1
            return None

    def refund(self, who: str) -> None:
        """A call that costs nothing: answered 304, or one that asks for the limits."""
        with self._lock:
            self._window(who).used -= 1

    def window(self, who: str) -> Window:
        with self._lock:
            return self._window(who)

    def headers(self, who: str) -> dict[str, str]:
        if not self.enabled:
            return {}
        window = self.window(who)
        return {
            "x-ratelimit-limit": str(window.limit),
            "x-ratelimit-remaining": str(max(window.limit - window.used, 0)),
            "x-ratelimit-used": str(window.used),
            "x-ratelimit-reset": str(int(window.reset)),
            "x-ratelimit-resource": "core",
        }

    def _second(self) -> Answer | None:
        if self._secondary is None:
            return None
        until, status, calls = self._secondary
        left = until - self._clock.seconds()
        if left <= 0 or calls == 0:
            self._secondary = None
            return None
        self._secondary = (until, status, calls - 1)
        self.impatient += 1
        message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        return error(status, message, headers={"retry-after": str(max(int(left + 0.999), 1))})

    def _window(self, who: str) -> Window:
        now = self._clock.seconds()
        window = self._windows.get(who)
        if window is None:
            self._windows[who] = window = Window(BUDGET[who.partition(":")[0]], 0, now + HOUR)
            if self._left is not None:
                window.used = window.limit - self._left
        elif window.reset <= now:
            self._left = None
            self._windows[who] = window = Window(window.limit, 0, now + HOUR)
        return window

    def _set(self, who: str, remaining: int, reset_in: float) -> None:
        window = self._window(who)
        window.used = window.limit - remaining
        window.reset = self._clock.seconds() + reset_in
