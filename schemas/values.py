"""Small values that every room uses. Immutable, comparable, without behaviour that needs the outside."""

from dataclasses import dataclass, field
from typing import NewType

Sha = NewType("Sha", str)
"""A full git object id, 40 (or 64) lower-case hex characters."""

Digest = NewType("Digest", str)
"""`sha256:` and 64 hex characters, over canonical bytes."""

RefName = NewType("RefName", str)
"""A full ref: `refs/heads/main`, never `main`."""

NULL_SHA = Sha("0" * 40)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file. `line` and `column` count from 1; 0 means that the place is not known."""

    path: str
    line: int
    column: int
    message: str
    hint: str = ""
    severity: str = "error"  # or "warning"
    rule: str = field(default="", compare=False)
    """Which check says it (`schemas.checks.rules`): a word that does not change when the sentence does."""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class Secret:
    """A value that never shows itself: `repr` and `str` are `***`; `reveal()` is greppable."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that hands it on."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def is_sha(text: str) -> bool:
    """Whether it is a full git object id."""
    return len(text) in (40, 64) and not text.strip("0123456789abcdef")


def short(identifier: str) -> str:
    """The form of a commit or digest that people read: its first 7 characters after any `sha256:`."""
    return identifier.removeprefix("sha256:")[:7]
