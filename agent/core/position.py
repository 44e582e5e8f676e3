"""How far a stream has been read, in a unit that survives the engine's log: its count of ASCII bytes.

Docker's json-file driver replaces what is no UTF-8 by U+FFFD, so a log that is read again can have other bytes than the
stream had, but never other ASCII bytes; and a position in a log is the end of a line.
"""

from collections.abc import Iterable, Iterator, Mapping

from agent.runtimes.port import Piece

_OTHERS = bytes(range(128, 256))


def count(data: bytes) -> int:
    """The ASCII bytes in `data`."""
    return len(data) if data.isascii() else len(data.translate(None, _OTHERS))


def after(data: bytes, position: int) -> bytes:
    """What comes behind the first `position` ASCII bytes; all of it for 0."""
    if position <= 0:
        return data
    low, high = 0, len(data)
    while low < high:
        middle = (low + high) // 2
        if count(data[:middle]) < position:
            low = middle + 1
        else:
            high = middle
    return data[low:]


def fresh(pieces: Iterable[Piece], skip: Mapping[str, int]) -> Iterator[Piece]:
    """The pieces without the first `skip` ASCII bytes of each stream."""
    left = dict(skip)
    for piece in pieces:
        skipped = left.get(piece.stream, 0)
        if skipped <= 0:
            yield piece
            continue
        left[piece.stream] = skipped - count(piece.data)
        rest = after(piece.data, skipped)
        if rest:
            yield Piece(piece.stream, rest)
