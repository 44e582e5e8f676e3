"""What stands between text that others wrote and the page: control characters, secrets in addresses, links, CSV cells.

Escaping is Jinja's; this is for what escaping leaves alone. Pure.
"""

import re
from urllib.parse import urlsplit

_USERINFO = re.compile(r"(?<=://)[^\s/@]+@")
_SECRET_NAME = re.compile(
    r"(PASS(WORD|WD)?|SECRET|TOKEN|CREDENTIAL|(API|ACCESS|PRIVATE|SIGNING)_?KEY)", re.IGNORECASE
)
# C0 but tab and line feed, DEL, C1, what turns the writing direction, and surrogates, which are no characters.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
HIDDEN = "•••"


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


def without_userinfo(text: str) -> str:
    """A text in which no address carries a user name or a password."""
    return _USERINFO.sub("", text)


def variables(values: object) -> dict[str, str]:
    """Environment variables for a page: what is named like a secret is hidden."""
    if not isinstance(values, dict):
        return {}
    return {
        str(name): HIDDEN if _SECRET_NAME.search(str(name)) else without_userinfo(str(value))
        for name, value in values.items()
    }


def link(address: str) -> str | None:
    """The address if a page may link to it (http or https, with a host), else None."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    plain = parts.scheme in ("http", "https") and parts.hostname and parts.username is None
    return address if plain and address.isprintable() and " " not in address else None


def csv_cell(text: str) -> str:
    """One CSV cell that no spreadsheet takes for a formula (OWASP: CSV injection), quoted as RFC 4180 says."""
    if text[:1] in ("=", "+", "-", "@", "\t", "\r"):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n') else text


def file_name(name: str) -> str:
    """The last part of a stored name, without what a header or a file system would read as more than a name."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return (
        "".join("_" if ord(character) < 0x20 or character in '"\x7f' else character for character in last)
        or "output"
    )
