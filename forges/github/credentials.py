"""Who we are at GitHub: a plain token, or an App whose tokens live for an hour and open one repository.

App: https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app. Its private key signs a JSON Web
Token (RFC 7519, RS256) that may only ask for installations and their tokens.
"""

import base64
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from forges.github import reading
from forges.github.pace import Pace
from forges.github.wire import Wire
from forges.port import Budget
from schemas import codec
from schemas.errors import LuotsiError, Stalled, Waiting
from schemas.values import Secret

NEEDED: Mapping[str, str] = {
    "checks": "write",
    "contents": "read",
    "deployments": "write",
    "issues": "write",
    "merge_queues": "read",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "write",
}
"""Permissions of an App that this driver has a use for; a token asks for those of them that its installation has."""
SPARE = 300.0
"""Seconds before its end at which a token is made anew."""
LOOK = 60.0
_JWT_SECONDS = 540
"""GitHub takes ten minutes at most, by its own clock."""
_SKEW = 60
_TOKEN = re.compile(r"[!-~]{1,4096}")
_BY_ID = re.compile(r"/repositories/([0-9]{1,19})/")


@dataclass(frozen=True, slots=True)
class Login:
    """The value of `Authorization`, and the pace of the identity that it belongs to."""

    value: Secret
    pace: Pace


class Credentials(Protocol):
    """Safe between threads."""

    @property
    def app(self) -> "App | None":
        """The App, if it is one: what only an App may ask is asked with its `own` login."""
        ...

    def login(self, repository: str) -> Login:
        """The login that opens a repository."""
        ...

    def forget(self, repository: str) -> bool:
        """Its login was not accepted, or not for all. True: the next one is another, and worth a try."""
        ...

    def moved(self, repository: str) -> bool:
        """It was not shown to its login. True: it has another owner by now, and the next login is from there."""
        ...

    def budget(self, repository: str) -> Budget | None:
        """What the identity that opens a repository has left; None before its first call."""
        ...

    def git(self, repository: str) -> tuple[str, Secret]:
        """User and password with which git reads the repository."""
        ...


class Token:
    """A personal access token, classic or fine-grained."""

    app: "App | None" = None

    def __init__(self, token: Secret) -> None:
        if not _TOKEN.fullmatch(token.reveal()):
            raise Stalled(
                "the token for GitHub is empty or has spaces or line breaks in it",
                "Give it as GitHub shows it.",
            )
        self._token = token
        self._login = Login(Secret(f"Bearer {token.reveal()}"), Pace())

    def login(self, repository: str) -> Login:
        """See the protocol: one for all repositories."""
        del repository
        return self._login

    def forget(self, repository: str) -> bool:
        """See the protocol: there is no other."""
        del repository
        return False

    def moved(self, repository: str) -> bool:
        """See the protocol: a token is a person's, whoever owns the repository."""
        del repository
        return False

    def budget(self, repository: str) -> Budget | None:
        """See the protocol."""
        return self.login(repository).pace.budget

    def git(self, repository: str) -> tuple[str, Secret]:
        """See the protocol."""
        del repository
        return "x-access-token", self._token


@dataclass(frozen=True, slots=True)
class Installation:
    """Where an App is installed. `repository_id` empty: not asked for by a name of the past."""

    id: str
    permissions: Mapping[str, str]
    events: tuple[str, ...]
    suspended: bool
    repository_id: str = ""


@dataclass(frozen=True, slots=True)
class _Minted:
    login: Login
    ends: float
    installation: str


class App:
    """A GitHub App. `name`: its client id, or its number."""

    def __init__(self, name: str, key: Secret, wire: Wire) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", name):
            raise Stalled("the App has no client id", "Give `app`: its client id, from its page at GitHub.")
        self._name = name
        self._key = _private(key)
        self._wire = wire
        self._pace = Pace()
        self._paces: dict[str, Pace] = {}
        self._minted: dict[tuple[str, bool], _Minted] = {}
        self._looked: dict[str, float] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"App({self._name})"

    @property
    def app(self) -> "App | None":
        """See the protocol."""
        return self

    def own(self) -> Login:
        """The App itself. It may ask for installations, their tokens, and its hook."""
        now = int(self._wire.clock())
        claims = {"iat": now - _SKEW, "exp": now - _SKEW + _JWT_SECONDS, "iss": self._name}
        return Login(Secret(f"Bearer {_jwt(claims, self._key)}"), self._pace)

    def login(self, repository: str) -> Login:
        """See the protocol."""
        return self._token(repository, reads_only=False)

    def forget(self, repository: str) -> bool:
        """See the protocol: a token may have been taken back before its end."""
        with self._lock:
            return self._minted.pop((repository, False), None) is not None

    def moved(self, repository: str) -> bool:
        """See the protocol: a transferred repository leaves its installation. Looked at once in `LOOK` seconds at most."""
        now = self._wire.clock()
        with self._lock:
            minted = self._minted.get((repository, False))
            if minted is None or self._looked.get(repository, 0.0) > now - LOOK:
                return False
            self._looked[repository] = now
        try:
            there = self.installation(repository)
        except LuotsiError:
            return False  # what made us ask is the better word
        if there.id == minted.installation:
            return False
        with self._lock:
            for reads_only in (False, True):
                self._minted.pop((repository, reads_only), None)
        return True

    def budget(self, repository: str) -> Budget | None:
        """See the protocol."""
        with self._lock:
            minted = self._minted.get((repository, False))
        return minted.login.pace.budget if minted else None

    def git(self, repository: str) -> tuple[str, Secret]:
        """See the protocol: a token of its own, which may only read."""
        login = self._token(repository, reads_only=True)
        return "x-access-token", Secret(login.value.reveal().removeprefix("Bearer "))

    def installation(self, repository: str) -> Installation:
        """Where the App is installed on a repository. Raises `faults.Unknown` where it is not."""
        login = self.own()
        answer = self._wire.call("GET", f"/repos/{repository}/installation", login.value, login.pace)
        try:
            said = reading.an_object(answer.json(), "the installation")
            permissions = reading.part(said, "permissions")
            events = reading.a_list(said.get("events", []), "events")
            by_id = _BY_ID.search(answer.url)
            return Installation(
                reading.identity(said),
                {key: value for key, value in permissions.items() if isinstance(value, str)},
                tuple(event for event in events if isinstance(event, str)),
                said.get("suspended_at") is not None,
                by_id[1] if by_id else "",
            )
        except reading.NotDescribed as error:
            raise Waiting(f"GitHub's answer is not as it describes: {error}", SPARE) from error

    def _token(self, repository: str, reads_only: bool) -> Login:
        # One at a time: a second thread would only make the same token again.
        with self._lock:
            minted = self._minted.get((repository, reads_only))
            if minted is None or minted.ends - SPARE <= self._wire.clock():
                minted = self._mint(repository, reads_only)
                self._minted[repository, reads_only] = minted
            return minted.login

    def _mint(self, repository: str, reads_only: bool) -> _Minted:
        there = self.installation(repository)
        if there.suspended:
            raise Stalled(
                f"the App's installation on {repository} is suspended", "Its owner can end that at GitHub."
            )
        wanted = {"contents": "read", "metadata": "read"} if reads_only else NEEDED
        body = {
            "permissions": {
                name: level for name, level in wanted.items() if _has(there.permissions, name, level)
            }
        } | (
            {"repository_ids": [int(there.repository_id)]}
            if there.repository_id
            else {"repositories": [repository.partition("/")[2]]}
        )
        own = self.own()
        path = f"/app/installations/{there.id}/access_tokens"
        answer = self._wire.call("POST", path, own.value, own.pace, body)
        try:
            said = reading.an_object(answer.json(), "the token")
            token = reading.matching(said, "token", _TOKEN, "a token", 4096)
            ends = datetime.fromisoformat(reading.moment(said, "expires_at")).timestamp()
        except reading.NotDescribed as error:
            raise Waiting(f"GitHub's answer is not as it describes: {error}", SPARE) from error
        pace = self._paces.setdefault(there.id, Pace())
        return _Minted(Login(Secret(f"Bearer {token}"), pace), ends, there.id)


def _has(permissions: Mapping[str, str], name: str, level: str) -> bool:
    order = ("read", "write", "admin")
    found = permissions.get(name)
    return found in order and order.index(found) >= order.index(level)


def missing(permissions: Mapping[str, str]) -> list[str]:
    """Permissions that an installation lacks, as GitHub's pages name them with their level."""
    return [
        f"{name.replace('_', ' ')}: {'read and write' if level == 'write' else 'read'}"
        for name, level in NEEDED.items()
        if not _has(permissions, name, level)
    ]


def _private(key: Secret) -> rsa.RSAPrivateKey:
    hint = "Give `private-key`: the path of the whole .pem file that GitHub made for the App."
    try:
        found = load_pem_private_key(key.reveal().encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Stalled("the App's private key cannot be read", hint) from None  # its words may quote the key
    if not isinstance(found, rsa.RSAPrivateKey) or found.key_size < 2048:
        raise Stalled("the App's private key is not an RSA key of at least 2048 bits", hint)
    return found


def _jwt(claims: Mapping[str, object], key: rsa.RSAPrivateKey) -> str:
    text = ".".join(_url64(codec.write_json(part)) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    return f"{text}.{_url64(key.sign(text.encode(), padding.PKCS1v15(), SHA256()))}"


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
