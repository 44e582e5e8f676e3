"""A log line's text, safe to show: colours become classes, every other terminal escape is dropped or drawn.

ECMA-48 control sequences; of SGR only bold, faint and the eight basic colours (and their bright twins) are kept. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.plain_text import ESCAPE, visible, without_escapes


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line with one look. `look` holds class names: `b` bold, `f` faint, `c0` to `c7` a colour."""

    text: str
    look: str = ""


def spans(message: str) -> list[Span]:
    """The pieces of one line. Of a progress bar's redraws (`\\r`) the last one stays."""
    message = message.rstrip("\r\n")
    last = message.rsplit("\r", 1)[-1]
    if "\x1b" not in last and last.isprintable():
        return [Span(last)] if last else []
    return list(_pieces(last))


def plain(message: str) -> str:
    """The line without any look."""
    return without_escapes(message)


def _pieces(text: str) -> Iterator[Span]:
    look = _Look()
    at = 0
    for escape in ESCAPE.finditer(text):
        if escape.start() > at:
            yield Span(visible(text[at : escape.start()]), look.names)
        if escape["sgr"] is not None:
            look.apply(escape["sgr"])
        at = escape.end()
    if at < len(text):
        yield Span(visible(text[at:]), look.names)


class _Look:
    def __init__(self) -> None:
        self._weight = ""
        self._colour = ""

    @property
    def names(self) -> str:
        return " ".join(name for name in (self._weight, self._colour) if name)

    def apply(self, parameters: str) -> None:
        codes = [
            int(code) if code.isdigit() and len(code) < 4 else 0
            for code in parameters.replace(":", ";").split(";")
        ]
        while codes:
            code = codes.pop(0)
            if code in (38, 48):
                self._extended(code, codes)
            else:
                self._basic(code)

    def _basic(self, code: int) -> None:
        if code == 0:
            self._weight = self._colour = ""
        elif code in (1, 2):
            self._weight = "b" if code == 1 else "f"
        elif code == 22:
            self._weight = ""
        elif 30 <= code <= 37 or 90 <= code <= 97:
            self._colour = f"c{code % 10}"
        elif code == 39:
            self._colour = ""

    def _extended(self, code: int, rest: list[int]) -> None:
        """`38;5;n` and `38;2;r;g;b`: of the palette's first sixteen the basic colour, of others none."""
        kind = rest.pop(0) if rest else 0
        taken = rest[: 1 if kind == 5 else 3]
        del rest[: len(taken)]
        if code == 38:
            self._colour = f"c{taken[0] % 8}" if kind == 5 and taken and taken[0] < 16 else ""
