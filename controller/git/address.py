"""Addresses of repositories: which are taken, which are folders on this machine, and how they are shown to people.

Taken is what libgit2 speaks: a path, `file://`, `http(s)://`, `git://`, `ssh://` and `user@host:path`. Refused before
anything is opened is what other git programs have been talked into: options, second lines, commands as transports.
"""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from schemas.errors import ConfigError

_SCHEMES = ("file", "http", "https", "git", "ssh", "git+ssh", "ssh+git")
_SCP = re.compile(r"(?:[^@/:\[\]]+@)?[^@/:\[\]]+:(?!:)")
_HINT = "Write a path, or an address that begins with https://, http://, ssh://, git:// or file://, or user@host:path."


def check(address: str) -> str:
    """The address as it came. Raises `ConfigError` for one that is not taken."""
    if not address.strip():
        raise ConfigError("the repository's address is empty", hint=_HINT)
    if any(not c.isprintable() for c in address + unquote(address)):
        raise ConfigError(
            f"the repository's address {shown(address)!r} has a line break or another control character",
            hint=_HINT,
        )
    if address.startswith("-"):
        raise ConfigError(
            f"the repository's address {shown(address)} begins with a hyphen, as an option does", hint=_HINT
        )
    if re.match(r"[A-Za-z0-9+.-]+::", address):
        raise ConfigError(
            f"the repository's address {shown(address)} names a program as its transport", hint=_HINT
        )
    scheme, found, rest = address.partition("://")
    if found and scheme.lower() not in _SCHEMES:
        raise ConfigError(f"{shown(address)} begins with {scheme}://, which is not taken", hint=_HINT)
    if (found or _is_scp(address)) and re.search(r"(?:^|@)-", unquote(rest if found else address)):
        raise ConfigError(
            f"in {shown(address)}, the host or user begins with a hyphen, as an option does", hint=_HINT
        )
    return address


def folder(address: str) -> Path | None:
    """The folder that a local address names (a path or `file://`); None for one that needs a network."""
    if address.lower().startswith("file://"):
        parts = urlsplit(address)
        return Path(unquote(parts.path)) if parts.netloc in ("", "localhost") else None
    if "://" in address or (_is_scp(address) and not Path(address).exists()):
        return None
    return Path(address).expanduser()


def host(address: str) -> str | None:
    """The host, lower case, with its port if one is written; None for a local address."""
    if folder(address) is not None:
        return None
    if "://" in address:
        return urlsplit(address).netloc.rpartition("@")[2].lower()
    return address.partition(":")[0].rpartition("@")[2].lower()


def shown(address: str) -> str:
    """The address for people: without a password, or the token that stands in its place."""
    if "://" not in address:
        return address
    try:
        parts = urlsplit(address)
    except ValueError:
        return address.partition("://")[0] + "://..."
    credentials, at, place = parts.netloc.rpartition("@")
    if not at or (":" not in credentials and parts.scheme not in ("http", "https")):
        return address
    return urlunsplit(parts._replace(netloc=f"***@{place}"))


def has_credentials(address: str) -> bool:
    """Whether a password or token stands in the address itself."""
    return shown(address) != address


def _is_scp(address: str) -> bool:
    """`user@host:path`, as git tells it from a path: a colon stands before the first slash."""
    return "://" not in address and _SCP.match(address) is not None
