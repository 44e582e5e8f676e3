"""How many attempts an agent takes at once."""

import threading


class Slots:
    """Counts free slots. Attempts of an earlier process may take more than there are: then none is free for a while."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._taken = 0
        self._draining = False
        self._changed = threading.Condition()

    @property
    def free(self) -> int:
        """Slots that a new attempt can have."""
        with self._changed:
            return 0 if self._draining else max(0, self.total - self._taken)

    def acquire(self, timeout: float) -> bool:
        """Take one, waiting for it at most `timeout` seconds."""
        with self._changed:
            got = self._changed.wait_for(lambda: not self._draining and self._taken < self.total, timeout)
            self._taken += got
            return got

    def take(self) -> None:
        """Take one, free or not: for what runs already."""
        with self._changed:
            self._taken += 1

    def release(self) -> None:
        """Give one back."""
        with self._changed:
            self._taken -= 1
            self._changed.notify_all()

    def drain(self, draining: bool) -> None:
        """Take nothing new, or take again."""
        with self._changed:
            self._draining = draining
            self._changed.notify_all()
