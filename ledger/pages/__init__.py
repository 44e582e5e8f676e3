"""Pages of the ledger by keyset: as fast at row one million as at row one. No OFFSET, no count(*).

A page is asked for with the cursor of the one before, which names its last row by the values it is sorted by. The
queries themselves are in `pages_*`, one file a topic.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, literal, tuple_

from ledger.tables.base import Moment
from schemas import moments
from schemas.errors import Refused

SIZE = 50
"""Rows of one page."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows, newest first. `older` is the cursor of the next page, None on the last."""

    rows: tuple[T, ...]
    older: str | None = None


def rows(connection: Connection, statement: Select[Any], kind: type[T]) -> tuple[T, ...]:
    """Every row of a statement as a value of `kind`, a dataclass whose fields are named as the columns."""
    return tuple(kind(*row) for row in connection.execute(statement).columns(*_names(kind)))


def first(connection: Connection, statement: Select[Any], kind: type[T]) -> T | None:
    """The first row, or None."""
    return next(iter(rows(connection, statement.limit(1), kind)), None)


def turn(
    connection: Connection,
    statement: Select[Any],
    keys: Sequence[ColumnElement[Any]],
    kind: type[T],
    before: str | None = None,
    size: int = SIZE,
) -> Page[T]:
    """One page in descending order of `keys`, which together name a row. Raises `Refused` for a cursor that is not ours."""
    if before is not None:
        bounds = [literal(value, key.type) for key, value in zip(keys, _decode(before, keys), strict=True)]
        statement = statement.where(tuple_(*keys) < tuple_(*bounds))
    marked = statement.add_columns(*(key.label(f"key_{index}") for index, key in enumerate(keys)))
    ordered = marked.order_by(*(key.desc() for key in keys)).limit(size + 1)
    names = _names(kind)
    found = connection.execute(ordered).columns(*names, *(f"key_{index}" for index in range(len(keys)))).all()
    values = tuple(kind(*row[: len(names)]) for row in found[:size])
    return Page(values, _encode(found[size - 1][len(names) :]) if len(found) > size else None)


def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _encode(values: Sequence[Any]) -> str:
    plain = [moments.to_text(value) if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _decode(cursor: str, keys: Sequence[ColumnElement[Any]]) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(keys):
            raise ValueError("the wrong number of values")
        return [_typed(value, key) for value, key in zip(values, keys, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error) as error:
        raise Refused("This is not the address of a page.", "Start from the newest page.") from error


def _typed(value: Any, key: ColumnElement[Any]) -> Any:
    if isinstance(key.type, Moment):
        return moments.from_text(value)
    if type(value) is not key.type.python_type or (isinstance(value, int) and abs(value) >= 2**63):
        raise ValueError("a value of another type")
    return value
