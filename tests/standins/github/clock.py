"""The stand-in's own clock, which a test can move, and moments as GitHub writes them."""

import datetime as dt
from collections.abc import Callable


class Clock:
    """The machine's time, or what `source` says, moved by `advance`."""

    def __init__(self, source: Callable[[], dt.datetime] | None = None) -> None:
        self._source = source or (lambda: dt.datetime.now(dt.UTC))
        self._moved = dt.timedelta()

    def now(self) -> dt.datetime:
        return self._source() + self._moved

    def seconds(self) -> float:
        return self.now().timestamp()

    def advance(self, seconds: float) -> None:
        self._moved += dt.timedelta(seconds=seconds)


def written(moment: dt.datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`, as GitHub's schema page says."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text.upper())
