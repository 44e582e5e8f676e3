"""Addresses of repositories: which are taken, which are folders on this machine, which are the same, and how they are shown.

Taken is what libgit2 speaks: a path, `file://`, `http(s)://`, `git://`, `ssh://` and `user@host:path`. Refused before
anything is opened is what other git programs have been talked into: options, second lines, commands as transports.
"""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from schemas.errors import ConfigError

_SCHEMES = ("file", "http", "https", "git", "ssh", "git+ssh", "ssh+git")
_PORTS = {"http": 80, "https": 443, "git": 9418, "ssh": 22, "git+ssh": 22, "ssh+git": 22}
"""Where a scheme goes when no port is written."""
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


def spelling(address: str) -> str:
    """What all spellings of one repository's address have in common: two that are equal here are watched as one.

    Case, `.git`, slashes, the way (`https`, `ssh`, `user@host:path`), a login and the way's usual port make no difference;
    another host, another port and another path do. That case makes none in a path is so at forges; on other servers it
    is the safe side. Of a folder it is the true path. For comparing only: it is no address.
    """
    local = folder(address)
    if local is not None:
        true = local.resolve()
        return f"file:{true.parent if true.name == '.git' else true}"
    place, path = _place(address)
    parts = [part for part in unquote(path).split("/") if part not in ("", ".")]
    path = "/".join(parts[1:] if parts[:1] == ["~"] else parts).casefold()
    return f"{place}/{path.removesuffix('.git').rstrip('/')}"


def _place(address: str) -> tuple[str, str]:
    """The server, with its port where that is not the scheme's own, and the path there."""
    if "://" not in address:
        before, _, path = address.partition(":")
        return _host(before.rpartition("@")[2]), path
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return "", address  # nobody can go there; it is like nothing but itself
    name = _host(parts.hostname or "")
    usual = port in (None, _PORTS.get(parts.scheme))
    return name if usual else f"{name}:{port}", parts.path + (f"?{parts.query}" if parts.query else "")


def _host(name: str) -> str:
    """Lower case, without the root's dot, and an international name as the network has it."""
    name = unquote(name).rstrip(".").lower()
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


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
