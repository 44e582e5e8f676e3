"""What stands in a repository on a server, in one question of git's protocol 2 over a connection that is kept.

Only to see quickly that nothing has changed. Whatever is unusual is answered with None, and libgit2 then asks anew and has
the word: about servers that do not speak it, proxies and rewritten addresses, refusals, and all that can go wrong.
https://git-scm.com/docs/protocol-v2, https://git-scm.com/docs/gitprotocol-http
"""

import base64
import threading
import time
import urllib.request
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote, urlsplit, urlunsplit

import pygit2
import urllib3
from pygit2.credentials import UserPass
from pygit2.enums import CredentialType

from controller.git import listing
from controller.git.credentials import Credentials
from controller.git.listing import Listing

_PLACES, _KEPT = 64, 16
_TIMEOUT = urllib3.Timeout(connect=10, read=20)
_LARGEST = 64 * 1024 * 1024
_LEFT_ALONE = 600.0
"""Seconds for which a repository is left to libgit2 whose server did not understand."""
_RESULT = "application/x-git-upload-pack-result"
_HEADERS = {
    "Git-Protocol": "version=2",
    "Content-Type": "application/x-git-upload-pack-request",
    "Accept": _RESULT,
    "User-Agent": "git/2.0 (luotsi)",
}


def _line(text: str) -> bytes:
    return f"{len(text) + 5:04x}{text}\n".encode()


_DELIMITER, _FLUSH = b"0001", b"0000"
_ARGUMENTS = ("symrefs", "ref-prefix HEAD", "ref-prefix refs/heads/", "ref-prefix refs/tags/")
_QUESTION = b"".join([_line("command=ls-refs"), _DELIMITER, *map(_line, _ARGUMENTS), _FLUSH])


class Asker:
    """Asks servers. Safe between threads."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(num_pools=_PLACES, maxsize=_KEPT, retries=False, timeout=_TIMEOUT)
        self._lock = threading.Lock()
        self._wants_login: set[str] = set()
        self._alone: dict[str, float] = {}

    def listing(self, address: str, credentials: Credentials | None) -> Listing | None:
        """What stands there; None where libgit2 has to be asked. Credentials are asked for when the server asks."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not _is_direct(
            parts.scheme, parts.hostname or "", int(time.monotonic() // 60)
        ):
            return None
        with self._lock:
            if self._alone.get(address, 0.0) > time.monotonic():
                return None
            wants_login = address in self._wants_login
        user, at, place = parts.netloc.rpartition("@")
        inside = UserPass(*(unquote(part) for part in (user + ":").split(":")[:2])) if at else None
        url = f"{urlunsplit((parts.scheme, place, parts.path.rstrip('/'), '', ''))}/git-upload-pack"
        try:
            status, said = self._ask(url, self._login(url, inside or credentials) if wants_login else {})
            if status == 401 and not wants_login and (inside or credentials):
                with self._lock:
                    self._wants_login.add(address)
                status, said = self._ask(url, self._login(url, inside or credentials))
            if status in (401, 429) or status >= 500:
                return None
            if status == 200:
                return _listing(said)
        except urllib3.exceptions.HTTPError:
            return None
        except ValueError:
            pass
        with self._lock:
            self._alone[address] = time.monotonic() + _LEFT_ALONE
        return None

    def _login(self, url: str, credentials: Credentials | None) -> dict[str, str]:
        given = credentials(url, None, CredentialType.USERPASS_PLAINTEXT) if credentials else None
        if not isinstance(given, UserPass):
            return {}
        user, password = given.credential_tuple
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

    def _ask(self, url: str, login: dict[str, str]) -> tuple[int, bytes]:
        """Status and content, which is empty for what is no answer of git's. No redirect is followed."""
        with self._pool.request(
            "POST", url, _QUESTION, headers=_HEADERS | login, redirect=False, preload_content=False
        ) as answer:
            said: bytes = answer.read(_LARGEST + 1)
            if answer.headers.get("Content-Type") != _RESULT or len(said) > _LARGEST:
                said = b""
            answer.release_conn()
            return answer.status, said


def _listing(said: bytes) -> Listing:
    """Raises `ValueError` for what is no list of refs."""
    refs: list[tuple[bytes, bytes]] = []
    head = None
    for line in _lines(said):
        sha, name, *attributes = line.split(b" ")
        if len(sha) != 40:
            raise ValueError("no object name of SHA-1")
        if name == b"HEAD":
            targets = [one for one in attributes if one.startswith(b"symref-target:")]
            head = targets[0].partition(b":")[2] if targets else None
        refs.append((name, sha))
    return listing.of(refs, head)


def _lines(said: bytes) -> Iterator[bytes]:
    """The lines before the flush packet, which has to be there: a list that was cut off is none."""
    place = 0
    while (size := int(said[place : place + 4], 16)) != 0:
        if size <= 4 or place + size > len(said):
            raise ValueError("no line of git's")
        yield said[place + 4 : place + size].rstrip(b"\n")
        place += size


@lru_cache(maxsize=_PLACES)
def _is_direct(scheme: str, host: str, minute: int) -> bool:
    """Whether libgit2 would go there itself, by this address: no proxy is set, and git's settings rewrite nothing."""
    del minute  # settings are read again in the next one
    proxied = scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)
    return not proxied and _git_is_plain()


def _git_is_plain() -> bool:
    config = pygit2.Config
    for settings in (config.get_system_config, config.get_global_config, config.get_xdg_config):
        try:
            names = [entry.name for entry in settings()]
        except (OSError, KeyError, pygit2.GitError):
            continue  # there are none
        if any(name.startswith(("http.", "url.", "include.", "includeif.")) for name in names):
            return False
    return True


shared = Asker()
"""Of this process: connections are kept for its other mirrors, too."""
