"""git's path patterns over bytes (gitignore(5), as far as gitattributes(5) uses them), in linear or quadratic time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

_STAR = None
"""Any number of bytes within a name."""

_Glob = tuple[frozenset[int] | None, ...]
_Deep = None
"""`**`: any number of names."""

_ANY = frozenset(range(256))
_CLASSES: dict[bytes, Callable[[bytes], bool]] = {
    b"alnum": lambda c: c.isalnum(),
    b"alpha": lambda c: c.isalpha(),
    b"blank": lambda c: c in b" \t",
    b"cntrl": lambda c: c[0] < 32 or c[0] == 127,
    b"digit": lambda c: c.isdigit(),
    b"graph": lambda c: 32 < c[0] < 127,
    b"lower": lambda c: c.islower(),
    b"print": lambda c: 32 <= c[0] < 127,
    b"punct": lambda c: 32 < c[0] < 127 and not c.isalnum(),
    b"space": lambda c: c.isspace(),
    b"upper": lambda c: c.isupper(),
    b"xdigit": lambda c: c in b"0123456789abcdefABCDEF",
}

Wanted = TypeVar("Wanted")
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed pattern. `names` has a glob for each name of the path, None for `**`; with `anywhere`, one for the last."""

    names: tuple[_Glob | None, ...]
    anywhere: bool
    folders_only: bool

    def matches(self, path: bytes, folder: bool) -> bool:
        """Whether it matches a path, which is relative to where the pattern stands and has no slash at its end."""
        if self.folders_only and not folder:
            return False
        parts = path.split(b"/")
        if self.anywhere:
            parts = parts[-1:]
        return _match(self.names, parts, _match_name)


def parse_pattern(text: bytes) -> Pattern | None:
    """The pattern of a line; None for one that git says nothing can match."""
    if text.startswith(b"!"):
        return None
    folders_only = text.endswith(b"/")
    body = text.removesuffix(b"/")
    anywhere = b"/" not in body
    names: list[_Glob | None] = []
    for part in body.removeprefix(b"/").split(b"/"):
        if not anywhere and len(part) >= 2 and not part.strip(b"*"):
            names.append(_Deep)
            continue
        glob = _parse_name(part)
        if glob is None:
            return None
        names.append(glob)
    if names[-1] is _Deep:
        names.append((_STAR,))  # `a/**` is all that is in a, not a itself
    return Pattern(tuple(names), anywhere, folders_only)


def _match(
    pattern: Sequence[Wanted | None], items: Sequence[Item], one: Callable[[Wanted, Item], bool]
) -> bool:
    """Glob matching where None stands for any number of items: only the last None can ever need another try."""
    at = here = 0
    retry: tuple[int, int] | None = None
    while here < len(items):
        wanted = pattern[at] if at < len(pattern) else None
        if at < len(pattern) and wanted is None:
            retry = (at + 1, here)
            at += 1
        elif wanted is not None and one(wanted, items[here]):
            at, here = at + 1, here + 1
        elif retry is not None:
            retry = (retry[0], retry[1] + 1)
            at, here = retry
        else:
            return False
    return all(wanted is None for wanted in pattern[at:])


def _match_name(glob: _Glob, name: bytes) -> bool:
    return _match(glob, name, _match_byte)


def _match_byte(wanted: frozenset[int], byte: int) -> bool:
    return byte in wanted


def _parse_name(text: bytes) -> _Glob | None:
    found: list[frozenset[int] | None] = []
    at = 0
    while at < len(text):
        byte = text[at : at + 1]
        at += 1
        if byte == b"*":
            found.append(_STAR)
        elif byte == b"?":
            found.append(_ANY)
        elif byte == b"[":
            parsed = _parse_class(text, at)
            if parsed is None:
                return None
            found.append(parsed[0])
            at = parsed[1]
        else:
            if byte == b"\\":
                byte = text[at : at + 1]
                at += 1
                if not byte:
                    return None
            found.append(frozenset(byte))
    return tuple(found)


def _parse_class(text: bytes, at: int) -> tuple[frozenset[int], int] | None:
    """The bytes that a bracket expression takes, and where it ends; None if it never ends or names no class."""
    negated = text[at : at + 1] in (b"!", b"^")
    at += negated
    found: set[int] = set()
    previous: int | None = None
    first = True
    while first or text[at : at + 1] != b"]":
        first = False
        if at >= len(text):
            return None
        if text.startswith(b"[:", at) and (end := text.find(b":]", at + 2)) != -1:
            test = _CLASSES.get(text[at + 2 : end])
            if test is None:
                return None
            found |= {byte for byte in range(256) if test(bytes([byte]))}
            previous, at = None, end + 2
            continue
        ranged = (
            previous is not None and text[at : at + 1] == b"-" and text[at + 1 : at + 2] not in (b"]", b"")
        )
        at += ranged
        at += text[at : at + 1] == b"\\"
        if at >= len(text):
            return None
        byte = text[at]
        found |= set(range(previous, byte + 1)) if ranged and previous is not None else {byte}
        previous, at = None if ranged else byte, at + 1
    return frozenset(_ANY - found if negated else found), at + 1
