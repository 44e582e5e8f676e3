"""Which paths `.gitattributes` files keep out of archives: `export-ignore`, as git reads it (gitattributes(5)).

Read here rather than through libgit2, which also asks the configuration of the machine and of its user: a snapshot must
be the same everywhere. No regular expressions: a pattern from a repository must not be able to take exponential time.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controller.git.wildmatch import Pattern, parse_pattern
from schemas.archive import show
from schemas.errors import ConfigError

FILE = b".gitattributes"
LARGEST = 1024 * 1024
"""Bytes of one `.gitattributes` file."""

_ATTRIBUTE = b"export-ignore"
_LONGEST_LINE = 2048
_MOST_RULES = 1000
_BLANK = b" \t\r\n"
_OF_NAMES = string.ascii_letters.encode() + string.digits.encode() + b"-_."

_Token = tuple[bytes, bool | None]
"""An attribute, and whether it is set; None takes it back to unspecified, as do values (`name=value`)."""


@dataclass(frozen=True, slots=True)
class _Rule:
    base: bytes
    pattern: Pattern
    tokens: tuple[_Token, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules in force in one folder, later and deeper ones last. Immutable: each folder has its own."""

    _rules: tuple[_Rule, ...] = ()
    _macros: Mapping[bytes, tuple[_Token, ...]] = field(default_factory=dict)

    def below(self, folder: bytes, text: bytes) -> "Rules":
        """The rules with those of the attributes file in `folder` (empty for the top, else ending in a slash)."""
        lines = list(_lines(text))
        macros = dict(self._macros)
        if not folder:
            macros |= {name: tokens for name, tokens, macro in lines if macro}
        relevant = _relevant(macros)
        rules = list(self._rules)
        for name, tokens, macro in lines:
            kept = tuple(token for token in tokens if token[0] in relevant)
            pattern = None if macro or not kept else parse_pattern(name)
            if pattern is not None:
                rules.append(_Rule(folder, pattern, kept))
        if len(rules) > _MOST_RULES:
            where = show(folder + FILE)
            raise ConfigError(f"{where} brings more than {_MOST_RULES} rules for export-ignore")
        return Rules(tuple(rules), macros)

    def ignored(self, path: bytes, folder: bool) -> bool:
        """Whether the path itself is kept out. What is below a folder that is kept out is not asked about."""
        known: dict[bytes, bool | None] = {}
        for rule in reversed(self._rules):
            if rule.pattern.matches(path[len(rule.base) :], folder):
                self._fill(known, rule.tokens)
                if _ATTRIBUTE in known:
                    break
        return known.get(_ATTRIBUTE) is True

    def _fill(self, known: dict[bytes, bool | None], tokens: Sequence[_Token]) -> None:
        """The last word on an attribute counts, so that later words come first; a macro speaks where it is set."""
        for name, value in reversed(tokens):
            if name not in known:
                known[name] = value
                if value and name in self._macros:
                    self._fill(known, self._macros[name])


def _relevant(macros: Mapping[bytes, tuple[_Token, ...]]) -> set[bytes]:
    found = {_ATTRIBUTE}
    while True:
        more = {name for name, tokens in macros.items() if any(token[0] in found for token in tokens)} - found
        if not more:
            return found
        found |= more


def _lines(text: bytes) -> list[tuple[bytes, tuple[_Token, ...], bool]]:
    """(pattern or macro name, tokens, whether it is a macro) of each line that says anything."""
    found = []
    for raw in text.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        line = raw.strip(_BLANK)
        if not line or line.startswith(b"#") or len(raw) > _LONGEST_LINE:
            continue
        name, rest = _unquote(line) if line.startswith(b'"') else _first_word(line)
        tokens = tuple(_token(word) for word in _words(rest))
        macro = name.startswith(b"[attr]") and len(name) > len(b"[attr]")
        name = name.removeprefix(b"[attr]") if macro else name
        if all(map(_is_attribute, [*(token for token, _ in tokens), *([name] if macro else [])])):
            found.append((name, tokens, macro))
    return found


def _words(text: bytes) -> list[bytes]:
    """Only these four are blanks to git: a form feed is a part of its word."""
    for blank in _BLANK:
        text = text.replace(bytes([blank]), b" ")
    return [word for word in text.split(b" ") if word]


def _first_word(line: bytes) -> tuple[bytes, bytes]:
    first = _words(line)[0]
    return first, line[len(first) :]


def _is_attribute(name: bytes) -> bool:
    """git drops the whole line where one of its attributes has another name than this."""
    return name != b"" and not name.startswith(b"-") and not name.translate(None, _OF_NAMES)


_ESCAPES = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}


def _unquote(line: bytes) -> tuple[bytes, bytes]:
    """A pattern in C-style quotes and the rest of its line; a broken quotation is an ordinary word."""
    name, at = b"", 1
    while at < len(line):
        byte = line[at : at + 1]
        if byte == b'"':
            return name, line[at + 1 :]
        if byte == b"\\":
            octal = line[at + 1 : at + 4]
            if len(octal) == 3 and octal.isdigit() and b"000" <= octal <= b"377" and max(octal) <= ord("7"):
                byte, at = bytes([int(octal, 8)]), at + 2
            else:
                escaped = line[at + 1 : at + 2]
                byte = _ESCAPES.get(escaped, escaped if escaped in (b'"', b"\\") else b"")
            if not byte:
                break
            at += 1
        name, at = name + byte, at + 1
    return _first_word(line)


def _token(word: bytes) -> _Token:
    if word.startswith(b"-"):
        return word[1:], False
    if word.startswith(b"!"):
        return word[1:], None
    name, equals, _ = word.partition(b"=")
    return name, None if equals else True
