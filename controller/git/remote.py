"""One connection to a remote repository: credentials for that host only, time limits, and errors in our words.

The only place that knows how libgit2 reports trouble: by message and class of error, there being no codes in pygit2.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pygit2
from pygit2.enums import CredentialType
from pygit2.remotes import Remote

from controller.git import address as addresses
from controller.git import credentials as logins
from controller.git.credentials import Answer, Credentials
from schemas.errors import LuotsiError, Stalled, Waiting

_CONNECT_SECONDS = 15
_SILENT_SECONDS = 120
_ANSWERS = 3
_AGAIN = 30.0
"""Seconds after which an unreachable repository is worth another try."""

# libgit2's git_error_t (include/git2/errors.h).
_OS, _REPOSITORY, _CONFIG, _NET, _SSL, _SSH, _HTTP = 2, 6, 7, 12, 16, 23, 34


class Callbacks(pygit2.RemoteCallbacks):
    """Answers a server's questions, and remembers which pushed refs it would not take (ref -> its words)."""

    def __init__(self, address: str, credentials: Credentials | None) -> None:
        super().__init__()
        self.rejected: dict[str, str] = {}
        self._address = address
        self._credentials = credentials
        self._asked = 0

    def credentials(self, url: str, username_from_url: str | None, allowed_types: CredentialType) -> Answer:
        self._asked += 1
        shown = addresses.shown(self._address)
        if self._asked > _ANSWERS:
            raise Stalled(
                f"{shown} does not take the credentials", hint="See that they are right and not expired."
            )
        if addresses.host(url) != addresses.host(self._address):
            raise Stalled(
                f"{shown} led to another host, which is given no credentials", hint="Write its new address."
            )
        given = self._credentials and self._credentials(url, username_from_url, allowed_types)
        if answer := given or logins.of_agent(username_from_url, allowed_types):
            return answer
        raise Stalled(
            f"{shown} asks for credentials, and none are set", hint="Give this repository credentials."
        )

    def certificate_check(self, certificate: None, valid: bool, host: bytes) -> bool:
        """Only what libgit2 found valid. pygit2 would take any SSH host key, even another than the known one."""
        return valid

    def push_update_reference(self, refname: str, message: str | None) -> None:
        if message is not None:
            self.rejected[refname] = message


@contextmanager
def connected(
    repository: pygit2.Repository, address: str, credentials: Credentials | None
) -> Iterator[tuple[Remote, Callbacks]]:
    """A connection for reading, whose errors are `Stalled` or `Waiting`. `repository` is where fetched objects go."""
    with translated(address):
        callbacks = Callbacks(address, credentials)
        remote = opened(repository, address, credentials)
        remote.connect(callbacks=callbacks, proxy=True)
        yield remote, callbacks


def opened(repository: pygit2.Repository, address: str, credentials: Credentials | None) -> Remote:
    """A remote that is not connected yet. Raises `ConfigError` for an address that is not taken."""
    addresses.check(address)
    folder = addresses.folder(address)
    if folder is not None and not folder.exists():
        raise Stalled(
            f"there is no repository at {address}", hint="See that the path is right, and readable here."
        )
    pygit2.settings.server_connect_timeout = _CONNECT_SECONDS * 1000
    pygit2.settings.server_timeout = _SILENT_SECONDS * 1000
    # libgit2 would hand the credentials to the host that it was led to.
    follow = "false" if credentials is not None or addresses.has_credentials(address) else "initial"
    if "http.followRedirects" not in repository.config or repository.config["http.followRedirects"] != follow:
        repository.config["http.followRedirects"] = follow
    return repository.remotes.create_anonymous(str(folder) if folder is not None else address)


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Turns what libgit2 raises about the repository at `address` into `Stalled` or `Waiting`."""
    try:
        yield
    except LuotsiError:
        raise
    except (pygit2.GitError, OSError, KeyError) as error:
        raise _translate(addresses.shown(address), error) from error


def is_overtaken(error: pygit2.GitError) -> bool:
    """Whether a push failed because the ref has moved on since it was fetched."""
    return re.search(r"non-?fast-?forward|not present locally", str(error)) is not None


def _translate(shown: str, error: Exception) -> LuotsiError:
    text = re.sub(r"//[^/@\s]*@", "//***@", str(error).strip("'\""))
    kind = getattr(error, "error_class", None)
    if isinstance(error, pygit2.errors.CertificateError) or (kind == _SSL and "certificate" in text):
        return Stalled(
            f"{shown} has a certificate or host key that is not trusted here: {text}",
            hint="For ssh, put the key that the host publishes into ~/.ssh/known_hosts.",
        )
    if isinstance(error, pygit2.errors.AuthError) or re.search(r"authenticat|40[13]|credential", text):
        return Stalled(
            f"{shown} does not let us in: {text}", hint="See that the credentials are right and may read it."
        )
    if re.search(r"redirect", text):
        return Stalled(f"{shown} leads elsewhere: {text}", hint="Write the new address.")
    if "not owned by current user" in text:
        hint = f"If you trust it: git config --global --add safe.directory {shown}"
        return Stalled(f"{shown} belongs to another user, and git does not open it", hint=hint)
    if re.search(r"status code: (404|410)|not found|could not find repository", text, re.IGNORECASE):
        return Stalled(f"there is no repository at {shown}: {text}", hint="See that the address is right.")
    if os.strerror(errno.ENOSPC) in text:
        return Stalled(
            f"the disk is full: {shown} cannot be fetched", hint="Make room where the mirrors are."
        )
    if "object format" in text:
        return Stalled(f"{shown} uses SHA-256 object names, which libgit2 does not read yet")
    if kind in (_OS, _NET, _SSL, _SSH, _HTTP) and "Permission denied" not in text:
        return Waiting(f"{shown} cannot be reached: {text}", after=_AGAIN)
    return Stalled(f"{shown} cannot be read: {text}")
