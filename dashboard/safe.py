"""What stands between text that others wrote and the page: control characters, secrets in addresses, links, CSV cells.

Escaping is Jinja's; this is for what escaping leaves alone. Pure.
"""

import re
from urllib.parse import urlsplit

from schemas.plain_text import visible

__all__ = ["HIDDEN", "csv_cell", "file_name", "link", "variables", "visible", "without_userinfo"]

_USERINFO = re.compile(r"(?<=://)[^\s/@]+@")
_SECRET_NAME = re.compile(
    r"(PASS(WORD|WD)?|SECRET|TOKEN|CREDENTIAL|(API|ACCESS|PRIVATE|SIGNING)_?KEY)", re.IGNORECASE
)
HIDDEN = "•••"


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
