"""Text that others wrote, with nothing in it that a reader obeys: terminal escapes dropped, control characters drawn. Pure."""

import re

ESCAPE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]*)m"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # any other control sequence
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # strings: titles, hyperlinks
    r"|\x1b[ -/]*[0-~]?"  # two-character escapes, and a lone one at the end
)
"""ECMA-48: a control sequence, a string with its end, a two-character escape. `sgr`: the parameters of one that sets a look."""

# C0 but tab and line feed, DEL, C1, what turns the writing direction, and surrogates, which are no characters.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str) -> str:
    """The text with every control character drawn instead of obeyed. Tabs stay; so do line ends."""
    return _CONTROL.sub(_drawn, text)


def _drawn(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"⟨U+{code:04X}⟩"


def without_escapes(line: str) -> str:
    """One line as a terminal would leave it, without its looks. Of a progress bar's redraws (`\\r`) the last one stays."""
    return visible(ESCAPE.sub("", line.rstrip("\r\n").rsplit("\r", 1)[-1]))
