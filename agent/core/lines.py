"""A stream's bytes as lines: cut at newlines, progress bars at their carriage returns, long lines at MAX_MESSAGE.

A line that ends in `\\r` alone keeps it, so that a reader knows that the next one overwrites it. `\\r\\n` is a newline.
"""

from collections.abc import Iterator
from typing import NamedTuple

from agent.core import position
from agent.core.masking import Masker
from schemas.messages.log import MAX_MESSAGE


class Line(NamedTuple):
    """A masked, decoded line; `more`: the line goes on in the next one."""

    message: str
    more: bool


class Splitter:
    """One stream. `consumed` is the position (agent/core/position.py) behind what has become lines; the rest is held back."""

    def __init__(self, masker: Masker, consumed: int = 0) -> None:
        self._masker = masker
        self._rest = b""
        self.consumed = consumed

    def feed(self, data: bytes) -> list[Line]:
        """The lines that `data` completes, and the pieces of one that is too long to wait for its end."""
        buffer = self._rest + data
        *complete, rest = buffer.split(b"\n")
        lines = [line for text in complete for line in self._complete(text)]
        # A carriage return at the very end stays open: it may be the first half of a newline.
        head, found, tail = rest[:-1].rpartition(b"\r")
        if found:
            lines += self._updates(head)
            rest = tail + rest[-1:]
        while len(rest) > MAX_MESSAGE + self._masker.longest:
            piece, rest = self._piece(rest)
            lines.append(piece)
        self.consumed += position.count(buffer[: len(buffer) - len(rest)])
        self._rest = rest
        return lines

    def finish(self) -> list[Line]:
        """The last line, if the stream ended without a newline."""
        rest, self._rest = self._rest, b""
        self.consumed += position.count(rest)
        return list(self._complete(rest)) if rest else []

    def _complete(self, text: bytes) -> Iterator[Line]:
        head, found, last = text.removesuffix(b"\r").rpartition(b"\r")
        if found:
            yield from self._updates(head)
        yield from self._pieces(last)

    def _updates(self, text: bytes) -> Iterator[Line]:
        for update in text.split(b"\r"):
            if update:
                yield from self._pieces(update + b"\r")

    def _pieces(self, text: bytes) -> Iterator[Line]:
        while len(text) > MAX_MESSAGE:
            piece, text = self._piece(text)
            yield piece
        yield Line(self._decode(text), more=False)

    def _piece(self, text: bytes) -> tuple[Line, bytes]:
        place = self._masker.cut(text, MAX_MESSAGE)
        return Line(self._decode(text[:place]), more=True), text[place:]

    def _decode(self, text: bytes) -> str:
        return self._masker.mask(text).decode("utf-8", "replace")
