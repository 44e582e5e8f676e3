"""Many values, in handfuls that one statement takes."""

from collections.abc import Collection, Iterator
from typing import TypeVar

T = TypeVar("T")

SIZE = 500
"""Databases limit how many values a statement may have: SQLite to 32,766, PostgreSQL's protocol to 65,535."""


def pieces(items: Collection[T]) -> Iterator[list[T]]:
    """The items in their order, `SIZE` at a time; nothing for none."""
    there = list(items)
    return (there[start : start + SIZE] for start in range(0, len(there), SIZE))
