"""Numbers of things, as large as GitHub's are today."""

import itertools
from collections.abc import Iterator

FIRST = {  # today's numbers, so that nobody keeps them in 32 bits; the others are small
    "comment": 2_600_000_000,
    "check_run": 31_000_000_000,
    "check_suite": 30_000_000_000,
    "delivery": 175_000_000_000,
    "status": 29_000_000_000,
    "pull": 2_200_000_000,
    "deployment": 1_900_000_000,
    "deployment_status": 3_100_000_000,
    "repository": 700_000_000,
    "account": 120_000_000,
}


class Ids:
    """Ascending ids, one line a kind."""

    def __init__(self) -> None:
        self._next: dict[str, Iterator[int]] = {}

    def new(self, kind: str) -> int:
        return next(self._next.setdefault(kind, itertools.count(FIRST.get(kind, 1000) + 1)))
