"""How many attempts an agent takes at once."""

import threading


class Slots:
    """Counts slots. Attempts of an earlier process may take more than there are: then none is free for a while."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._taken = 0
        self._offered = 0
        self._draining = False
        self._changed = threading.Condition()

    @property
    def free(self) -> int:
        """Slots that a new attempt can have. One that is set aside for the next wake-up is among them."""
        with self._changed:
            return 0 if self._draining else max(0, self.total - self._taken)

    def offer(self, timeout: float) -> bool:
        """Set one aside for the next wake-up, waiting for it at most `timeout` seconds."""
        with self._changed:
            got = self._changed.wait_for(
                lambda: not self._draining and self._taken + self._offered < self.total, timeout
            )
            self._offered += got
            return got

    def withdraw(self) -> None:
        """No wake-up took the one that was set aside."""
        with self._changed:
            self._offered -= 1
            self._changed.notify_all()

    def use(self) -> None:
        """An attempt takes the one that was set aside."""
        with self._changed:
            self._offered -= 1
            self._taken += 1

    def take(self) -> None:
        """An attempt takes one, free or not: it runs already."""
        with self._changed:
            self._taken += 1

    def release(self) -> None:
        """An attempt has ended."""
        with self._changed:
            self._taken -= 1
            self._changed.notify_all()

    @property
    def draining(self) -> bool:
        """Whether nothing new is taken."""
        with self._changed:
            return self._draining

    def drain(self, draining: bool) -> None:
        """Take nothing new, or take again."""
        with self._changed:
            self._draining = draining
            self._changed.notify_all()
