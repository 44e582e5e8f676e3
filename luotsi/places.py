"""Where a repository lies: the forge of the settings that has its host, and its own name there. From the words alone."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from controller.git import address as addresses
from ledger.repositories import BARE

CLOUD = {"github": "https://github.com"}
"""Where the public site of a kind is, for a forge without `url`."""

SAME_SITE = {"www.github.com": "github.com", "ssh.github.com": "github.com", "api.github.com": "github.com"}
"""Other hosts of a public site: git over SSH on port 443 has one of its own."""

SLUG = re.compile(r"[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}")
_PORTS = {"http": 80, "https": 443}
_SSH = ("ssh", "git+ssh", "ssh+git")


@dataclass(frozen=True, slots=True)
class Host:
    """A server. `port` None: the usual one, or one that says nothing of the site, as that of SSH."""

    name: str
    port: int | None = None
    ssh: bool = False


def host(address: str) -> Host | None:
    """The server of a git address; None for a path, and for what cannot be read."""
    if addresses.folder(address) is not None:
        return None
    if "://" not in address:
        return Host(_site(address.partition(":")[0].rpartition("@")[2]), ssh=True)
    if re.search(r"[#?\\]", address.partition("://")[2].partition("/")[0]):
        return None  # not all programs would see the same host in it
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme == "file":
        return None
    if scheme in _SSH:
        return Host(_site(parts.hostname or ""), ssh=True)
    return Host(_site(parts.hostname or ""), None if port == _PORTS.get(scheme) else port)


def forge_host(given: Mapping[str, Any]) -> Host | None:
    """The server of a forge's settings."""
    site = given.get("url") or given.get("api") or CLOUD.get(given["kind"], "")
    found = host(str(site))
    if found is None or given.get("url") or not found.name.startswith("api."):
        return found
    return Host(found.name.removeprefix("api."), found.port)


def forges_of(address: str, forges: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names of the forges whose server the address names: one, none, or several that only `forge` can tell apart."""
    there = host(address)
    if there is None:
        return []
    return [name for name, given in forges.items() if _same(there, forge_host(given))]


def takes_login(address: str, given: Mapping[str, Any]) -> bool:
    """Whether the forge's own login may be sent to a git address: to its own server, and to nobody who listens on the way.

    A login that stands in the address is what its writer wants instead.
    """
    there = host(address)
    if (
        there is None
        or there.ssh
        or addresses.has_credentials(address)
        or not _same(there, forge_host(given))
    ):
        return False
    return address.lower().startswith("https://") or _this_machine(there.name)


def slug(address: str) -> str:
    """`owner/name` as the address says it; empty where it says none."""
    if addresses.folder(address) is not None:
        return ""
    try:
        path = urlsplit(address).path if "://" in address else address.partition(":")[2]
    except ValueError:
        return ""
    found = unquote(path).strip("/").removesuffix(".git")
    return found if SLUG.fullmatch(found) else ""


def place(entry: Mapping[str, Any], forges: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """(forge, slug) of a repository of checked settings; (`bare`, "") for plain git."""
    name = entry.get("forge") or next(iter(forges_of(entry["address"], forges)), BARE)
    return (name, entry.get("slug") or slug(entry["address"])) if name != BARE else (BARE, "")


def _same(one: Host, other: Host | None) -> bool:
    if other is None or one.name != other.name:
        return False
    return one.ssh or one.port == other.port


def _this_machine(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _site(name: str) -> str:
    lower = name.lower()
    return SAME_SITE.get(lower, lower)
