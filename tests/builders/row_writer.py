"""What all builders of rows share: ids and commits from a counter, a present, and the insert."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert

from ledger.database import Ledger

NOW = datetime(2030, 3, 14, 9, 26, 53, tzinfo=UTC)
"""The present of tests that use these rows."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with its one project."""

    id: str
    name: str
    project: str


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution with its current attempt (None: nobody tried yet)."""

    id: str
    number: int
    attempt: str | None
    repository: Repository
    environment: str


def sha256(text: str) -> str:
    """A digest as the ledger spells it."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


class Writer:
    """Writes rows into a ledger whose tables exist. `now` is when the newest of them happened."""

    def __init__(self, ledger: Ledger, now: datetime = NOW) -> None:
        self.ledger = ledger
        self.now = now
        self._count = 0
        self._environments: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._pipelines: dict[str, int] = {}
        self._tasks: dict[str, int] = {}

    def next_id(self) -> str:
        """A UUID, the same in every run."""
        self._count += 1
        return str(uuid.UUID(int=(0xA11CE << 108) | self._count, version=4))

    def next_sha(self) -> str:
        """A commit's id, the same in every run."""
        self._count += 1
        return hashlib.sha1(str(self._count).encode(), usedforsecurity=False).hexdigest()

    def ago(self, seconds: float) -> datetime:
        """So many seconds before now."""
        return self.now - timedelta(seconds=seconds)

    def put(self, table: Table, **values: Any) -> None:
        """One row."""
        with self.ledger.write() as connection:
            connection.execute(insert(table).values(**values))
