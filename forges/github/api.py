"""The port's `ForgeApi` for GitHub: each word handed to the file that knows it; and how it is set up."""

import ipaddress
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from forges.github import asking, hooks, rights, speaking
from forges.github.client import Client
from forges.github.credentials import App, Credentials, Token
from forges.github.wire import Wire
from forges.port import (
    Account,
    Budget,
    Check,
    CheckShown,
    CommentSeen,
    DeploymentShown,
    HookState,
    MissedDelivery,
    Permission,
    PullRequestSeen,
    RefMoved,
    RepositorySeen,
    Said,
)
from schemas.errors import Stalled
from schemas.messages.status import CommitState
from schemas.values import Secret

CLOUD = "https://api.github.com"
ENTERPRISE = "/api/v3"
"""Where an Enterprise server has its API."""


class GitHubApi:
    """See the port, for all of it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._of_app = hooks.AppDeliveries(client)

    def __repr__(self) -> str:
        return f"GitHubApi({self._client!r})"

    @property
    def checks(self) -> bool:
        """Only an App may show checks."""
        return self._client.credentials.app is not None

    def budget(self, repository: str) -> Budget | None:
        """See the port."""
        return self._client.budget(repository)

    def repository(self, repository: str) -> RepositorySeen:
        """See the port."""
        return asking.repository(self._client, repository)

    def new_name(self, repository: str) -> str | None:
        """See the port."""
        if not self._client.moved(repository):
            return None
        found = asking.repository(self._client, repository).name
        return None if found == repository else found

    def say_status(
        self, repository: str, sha: str, context: str, state: CommitState, description: str, url: str = "",
        known: Said | None = None,
    ) -> Said:  # fmt: skip
        """See the port."""
        return speaking.say_status(self._client, repository, sha, (context, state, description, url), known)

    def say_check(self, repository: str, check: Check, known: Said | None = None) -> Said:
        """See the port."""
        return speaking.say_check(self._client, repository, check, known)

    def say_deployment(
        self, repository: str, sha: str, environment: str, state: DeploymentShown, description: str,
        urls: tuple[str, str] = ("", ""), known: Said | None = None,
    ) -> Said:  # fmt: skip
        """See the port."""
        return speaking.say_deployment(
            self._client, repository, sha, (environment, state, description, *urls), known
        )

    def shown(self, repository: str, sha: str) -> tuple[CheckShown, ...]:
        """See the port."""
        return speaking.shown(self._client, repository, sha)

    def pulls(self, repository: str) -> tuple[PullRequestSeen, ...]:
        """See the port."""
        return asking.pulls(self._client, repository)

    def pull(self, repository: str, number: int) -> PullRequestSeen:
        """See the port."""
        return asking.pull(self._client, repository, number)

    def files(self, repository: str, number: int) -> frozenset[str] | None:
        """See the port."""
        return asking.files(self._client, repository, number)

    def permission(self, repository: str, account: Account) -> Permission:
        """See the port."""
        return asking.permission(self._client, repository, account)

    def comments_since(self, repository: str, moment: str) -> tuple[CommentSeen, ...]:
        """See the port."""
        return asking.comments_since(self._client, repository, moment)

    def moves_since(self, repository: str, moment: str) -> tuple[RefMoved, ...]:
        """See the port."""
        return asking.moves_since(self._client, repository, moment)

    def comment(self, repository: str, number: int, text: str, known: str = "") -> str:
        """See the port."""
        return asking.comment(self._client, repository, number, text, known)

    def ensure_hook(self, repository: str, url: str, secret: Secret, renew: bool = False) -> HookState:
        """See the port."""
        return hooks.ensure(self._client, repository, url, secret, renew)

    def drop_hook(self, repository: str, url: str) -> HookState:
        """See the port."""
        return hooks.drop(self._client, repository, url)

    def missed_deliveries(self, repository: str, hook: str, since: str) -> tuple[MissedDelivery, ...]:
        """See the port."""
        return hooks.missed(self._client, self._of_app, repository, hook, since)

    def redeliver(self, repository: str, hook: str, missed: MissedDelivery) -> None:
        """See the port."""
        hooks.redeliver(self._client, self._of_app, repository, hook, missed)

    def check_rights(self, repository: str) -> tuple[str, ...]:
        """See the port."""
        return rights.rights(self._client, repository)

    def git_login(self, repository: str) -> tuple[str, Secret]:
        """See the port."""
        return self._client.credentials.git(repository)


def speak(settings: Mapping[str, object], clock: Callable[[], float] | None = None) -> GitHubApi:
    """Settings: `token`; or `app` (client id or number) and `private_key` (PEM, or `private_key_file`).

    Further: `url` (an Enterprise server's address; or `api`, that of its API in full), `ca` (a file of certificates), `timeout` (seconds of silence).
    Raises `Stalled` for what cannot work.
    """
    seconds = settings.get("timeout", 20.0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= 300:
        raise Stalled(
            "the timeout for GitHub is not a number of seconds up to 300", "Leave `timeout` out for 20."
        )
    ca = settings.get("ca")
    if ca is not None and not Path(str(ca)).is_file():
        raise Stalled(f"there is no file of certificates at {ca}", "Give `ca`: the path of a PEM file.")
    exact = settings.get("api")
    api = api_address(str(exact or settings.get("url") or CLOUD), exact=bool(exact))
    wire = Wire(api, float(seconds), None if ca is None else str(ca))
    if clock is not None:
        wire.clock = clock
    return GitHubApi(Client(wire, _credentials(settings, wire)))


def _credentials(settings: Mapping[str, object], wire: Wire) -> Credentials:
    token, app = settings.get("token"), settings.get("app")
    if bool(token) == bool(app):
        raise Stalled(
            "GitHub needs to know who we are, in one way",
            "Give `token`, or `app` with `private-key`, in the forge's settings.",
        )
    if token:
        return Token(_secret(token))
    key, file = settings.get("private_key"), settings.get("private_key_file")
    if not key and file:
        try:
            key = Path(str(file)).read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is not plain text"
            raise Stalled(
                f"the App's private key cannot be read from {file}: {why}",
                "Give `private-key`: the path of the PEM file from GitHub.",
            ) from error
    return App(str(app), _secret(key or ""), wire)


def _secret(value: object) -> Secret:
    return value if isinstance(value, Secret) else Secret(str(value).strip())


def api_address(url: str, exact: bool = False) -> str:
    """The API's address of a site: `https://github.com` and `https://ghe.example.test` are enough, unless it is `exact`.

    Raises `Stalled` for one to which a token must not be sent: without TLS (but on this machine), or with a login in it.
    """
    hint = "Give `url` as https://your.github.server, without a login."
    try:
        there = urlsplit(url.strip().rstrip("/"))
        host, port = there.hostname or "", there.port
    except ValueError as error:
        raise Stalled("the address of GitHub cannot be read", hint) from error
    plain = there.scheme == "http" and _this_machine(host)
    bad = "@" in there.netloc or there.query or there.fragment or host.endswith(".") or not host.isascii()
    if not host or bad or not (there.scheme == "https" or plain):
        raise Stalled("the address of GitHub is not one that a token can be sent to", hint)
    place = f"{there.scheme}://" + (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    if exact:
        return place + there.path
    if host in ("github.com", "www.github.com", "api.github.com"):
        return CLOUD
    if host.endswith(".ghe.com"):
        return place if host.startswith("api.") else place.replace("://", "://api.", 1)
    return place + (there.path or ENTERPRISE)


def _this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
