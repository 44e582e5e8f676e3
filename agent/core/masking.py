"""Secrets in logs: every known value, in the forms in which programs print values, becomes `***`.

Works on bytes of whole lines, so no border of a chunk can hide one. Values shorter than SHORTEST are left alone: they
would mask half of every log and protect nothing.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 6
MASK = b"***"


class Masker:
    """Masks a fixed set of values. `longest` is the length in bytes of the longest form it looks for."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = sorted(
            {form for value in values for form in _forms(value)}, key=lambda form: (-len(form), form)
        )
        self.longest = len(forms[0]) if forms else 0
        self._pattern = re.compile(b"|".join(re.escape(form) for form in forms)) if forms else None

    def mask(self, line: bytes) -> bytes:
        """The line with every known value replaced."""
        return self._pattern.sub(MASK, line) if self._pattern else line

    def cut(self, line: bytes, position: int) -> int:
        """A place to cut a long line near `position`: never inside a known value, nor inside a UTF-8 character."""
        if self._pattern:
            for found in self._pattern.finditer(line):
                if found.start() < position < found.end():
                    return found.start() or found.end()
                if found.start() >= position:
                    break
        for back in range(4):
            if position - back > 0 and (position - back == len(line) or line[position - back] & 0xC0 != 0x80):
                return position - back
        return position


def _forms(value: str) -> Iterator[bytes]:
    for part in {value, *value.splitlines(), *(line.strip() for line in value.splitlines())}:
        raw = part.encode("utf-8", "surrogateescape")
        if len(raw) < SHORTEST:
            continue
        yield raw
        yield json.dumps(part)[1:-1].encode()
        yield json.dumps(part, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape")
        yield quote(raw, safe="").encode()
        yield quote_plus(raw).encode()
        yield repr(part)[1:-1].encode("utf-8", "surrogateescape")
        for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
            yield encoded.rstrip(b"=")
