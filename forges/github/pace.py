"""How much GitHub still takes from one identity: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api.

The primary limit is said in every answer. The secondary ones are only said when they are hit, and hold for all calls.
"""

import threading
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from forges.github import faults
from forges.port import Budget
from schemas.errors import Waiting

AT_LEAST = 60.0
"""Seconds to wait where GitHub names none: its documentation asks for a minute, and for longer each time."""
LONGEST = 3700.0
"""Seconds. The limits are counted by the hour; more than that is a wrong clock."""


class Pace:
    """Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._budget: Budget | None = None
        self._until = 0.0
        self._hits = 0

    @property
    def budget(self) -> Budget | None:
        """As the last answer said."""
        with self._lock:
            return self._budget

    def check(self, now: float) -> None:
        """Raise `Waiting` while GitHub wants no call: one more would only make it longer."""
        with self._lock:
            after = self._until - now
        if after > 0:
            raise _waiting(min(after, LONGEST))

    def heard(self, status: int, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Take note of an answer. Raises `Waiting` for one that is about a limit."""
        with self._lock:
            there = _there(headers, now)
            found = _budget(headers, there - now)
            if found is not None:
                self._budget = found
            after = self._pause(status, headers, body, found, now)
            if after is None:
                self._hits = self._hits if status >= 400 else 0
                if found is not None and found.remaining == 0:
                    self._until = min(found.reset, now + LONGEST)
                return
            self._until = max(self._until, now + after)  # of two answers at once the longer one holds
            after = self._until - now
        raise _waiting(min(after, LONGEST))

    def _pause(
        self, status: int, headers: Mapping[str, str], body: bytes, found: Budget | None, now: float
    ) -> float | None:
        if status not in (403, 429):
            return None
        asked = _seconds(headers.get("retry-after", ""))
        if asked is not None:
            return min(max(asked, 1.0), LONGEST)
        if found is not None and found.remaining == 0:
            return min(max(found.reset - now, 1.0), LONGEST)
        if status == 403 and "rate limit" not in faults.message(body).lower():
            return None
        self._hits += 1
        return min(AT_LEAST * 2.0 ** (min(self._hits, 10) - 1), LONGEST)


def _waiting(after: float) -> Waiting:
    return Waiting(
        f"GitHub takes no calls for another {max(1, round(after))} s: its rate limit is reached", after
    )


def _budget(headers: Mapping[str, str], skew: float) -> Budget | None:
    if headers.get("x-ratelimit-resource", "core") != "core":
        return None
    limit, remaining, reset = (
        _seconds(headers.get(f"x-ratelimit-{name}", "")) for name in ("limit", "remaining", "reset")
    )
    if limit is None or remaining is None or reset is None:
        return None
    return Budget(int(limit), int(remaining), reset - skew)


def _there(headers: Mapping[str, str], now: float) -> float:
    """The time at GitHub, by which its moments count."""
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return now


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
