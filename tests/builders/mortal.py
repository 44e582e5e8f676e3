"""A ledger that dies: the process ends just before one of its transactions is committed."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from ledger.database import Ledger


class Died(BaseException):
    """The process has ended. No handler of errors sees it, as none would see a kill."""


class MortalLedger(Ledger):
    """The same database. After `writes` transactions that were committed the next one is not, and all ends."""

    def __init__(self, ledger: Ledger, writes: int) -> None:
        super().__init__(ledger._writer, ledger._reader)
        self._left = writes

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that changes things, unless it is the last one."""
        with super().write() as connection:
            yield connection
            if self._left == 0:
                raise Died
            self._left -= 1
