"""What is said to a database meanwhile: for tests that hold the number of statements, not the time they take."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from ledger.database import Ledger


@contextmanager
def written(ledger: Ledger) -> Iterator[list[str]]:
    """The statements of writing connections; one for many rows counts once."""
    said: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        said.append(statement)

    event.listen(ledger.engine, "before_cursor_execute", note)
    yield said
    event.remove(ledger.engine, "before_cursor_execute", note)


@contextmanager
def asked() -> Iterator[list[str]]:
    """The statements of all connections of this process, reading ones too."""
    said: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield said
    event.remove(Engine, "before_cursor_execute", note)
