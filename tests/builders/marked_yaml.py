"""YAML for tests about places: a `§` stands where the problem is said to be, and is taken out before the text is read."""

from dataclasses import dataclass

MARK = "§"


@dataclass(frozen=True, slots=True)
class Marked:
    """The text without its mark, and the mark's line and column (from 1)."""

    text: bytes
    line: int
    column: int


def marked(text: str) -> Marked:
    """Needs exactly one mark."""
    before, mark, after = text.partition(MARK)
    assert mark, "the text has no mark"
    assert MARK not in after, "the text has more than one mark"
    return Marked(
        (before + after).encode(), before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    )
