"""What a step found at rest, so that it can pass over it while all that it rests on is the same.

Only saves time: what something rests on is read from the ledger in every turn, for all at once, and compared in full.
Nothing here outlives the process, so that the first turn of each looks at everything.
"""

from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class _Rest:
    basis: Hashable
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """For one thread. `name` says what was looked at: the step's name, and an id of the ledger."""

    _resting: dict[tuple[str, str], _Rest] = field(default_factory=dict)

    def rest(
        self, name: tuple[str, str], basis: Hashable, now: datetime, until: datetime | None = None
    ) -> None:
        """Nothing is to be done about it while its `basis` is this, before `until` (None: whatever the time)."""
        self._resting[name] = _Rest(basis, now, until)

    def forget(self, step: str, but: Collection[str]) -> None:
        """Of this step only these are still there."""
        for name in [name for name in self._resting if name[0] == step and name[1] not in but]:
            del self._resting[name]

    def still(self, name: tuple[str, str], basis: Hashable, now: datetime) -> bool:
        """Whether it is at rest. A clock that went back wakes what waits for a time."""
        known = self._resting.get(name)
        if known is None or known.basis != basis:
            return False
        return known.until is None or known.since <= now < known.until
